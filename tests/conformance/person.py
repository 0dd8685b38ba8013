"""A person is found wherever they are, and nothing of them is left when they are forgotten."""

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dashboard.person import Progress, forget_person, show_person
from store.client import Store, script_call
from store.keys import ASIDE, TABLE, People, lane_keys, row_of
from store.lanes.drafts import open_text
from store.lanes.held_jobs import Place
from store.lanes.lane import LaneStatus, find_lane, finish_loading
from store.people import erase, rewrite
from store.people.erase import erase_records, forget_in_scope, read_suppressed
from store.people.events import REPLY, keep_person_event
from store.people.find import all_lanes, find_bodies, find_in_lane
from store.people.forgotten import (
    all_forgotten,
    digest_of,
    is_forgotten,
    keep_forgotten,
    release_forgotten,
)
from store.people.marketing_cap import Cap, reserve
from store.people.person import Person
from store.people.service_windows import (
    UNMARKETED,
    check_recipients,
    mark_unreachable,
    note_unmarketed,
    open_windows,
)
from store.people.suppressions import EVERYWHERE, MARKETING, Why, release, suppress
from store.purposes import Purpose
from store.queue.dead_letters import DeadLetters
from store.queue.enqueue import NewMessage, enqueue_messages, enqueue_rows
from store.queue.enqueue import Place as FilePlace
from store.queue.settlement import InDoubtBatch, RetryBatch, Settlement
from store.receipts.inbox import add_to_inbox, inbox_length, keep_unmatched, read_inbox
from store.receipts.status_updates import StatusUpdate, apply_status_updates
from store.records.job_section import Job
from store.records.outcome import LocalReason, Origin, number_field
from store.reports.lane_report import message_report, report
from store.states import State
from tests.conformance import given

ANN = Person("447700900005")
IDA = Person("GB.1349120865530274")
SECRET = b"a secret that is not in Redis"
STRANGER = Person("447700909999")
ACCOUNTS = ["shop", "bank"]


@pytest.fixture(autouse=True)
def _no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rewriting the files of the server has tests of its own."""
    monkeypatch.setattr("dashboard.person.rewrite_files", lambda *_: None)
    monkeypatch.setattr("dashboard.person.replicas", lambda _: 0)


class Time:
    """Advances only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.after: dict[int, Callable[[], object]] = {}  # number of the nap → what happens in it
        self.naps = 0

    def sleep(self, seconds: float) -> None:
        self.naps += 1
        self.now += seconds
        self.after.pop(self.naps, lambda: None)()


def forget(store: Store, person: Person = ANN, time: Time | None = None) -> Progress:
    time = time or Time()
    return forget_person(store, person, ACCOUNTS, SECRET, sleep=time.sleep, clock=lambda: time.now)


def shown(store: Store, person: Person = ANN) -> dict[str, Any]:
    return show_person(store, person, ACCOUNTS, SECRET)


def traces(store: Store, person: Person) -> list[str]:
    """Keys that hold the person in any form."""
    return [key for key, value in content(store) if is_in(person, key.encode() + value)]


def is_in(person: Person, value: bytes) -> bool:
    forms = [person.who.encode(), person.number]
    if person.number:
        forms.append(person.who[2:].encode())  # whatever stands before it
    return any(form and form in value for form in forms)


def content(store: Store) -> Iterator[tuple[str, bytes]]:
    """Every key with all that it holds."""
    reads: dict[bytes, Callable[[bytes], Any]] = {
        b"string": store.client.get,
        b"hash": store.client.hgetall,
        b"list": lambda key: store.client.lrange(key, 0, -1),
        b"zset": lambda key: store.client.zrange(key, 0, -1),
        b"set": store.client.smembers,
        b"stream": store.client.xrange,
    }
    for key in store.client.scan_iter():
        value = reads[store.client.type(key)](key)  # type: ignore[index]
        if b":v:" in key or b":c:" in key:
            value = [zlib.decompress(blob) for blob in value.values()]
        yield key.decode(), b"".join(_bytes(value))


def _bytes(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from _bytes([*value.keys(), *value.values()])
    elif isinstance(value, (list, tuple, set)):
        for one in value:
            yield from _bytes(one)


def delayed(job: Job) -> Settlement:
    return Settlement(
        {State.DELAYED: 1},
        given.records(State.TRIED, [job]),
        retries=[RetryBatch("w", 9000, [job])],
    )


def in_doubt(job: Job) -> Settlement:
    return Settlement(
        {State.IN_DOUBT: 1},
        given.records(State.TRIED, [job]),
        in_doubt_batches=[InDoubtBatch("p", 9000, [job])],
    )


def unknown(job: Job) -> Settlement:
    what = given.ended(State.UNCONFIRMED, [job])
    what.dead = [DeadLetters("local:2", [job])]
    return what


def accepted(job: Job) -> Settlement:
    return given.ended(State.ACCEPTED, [job])


def at(store: Store, how: Callable[[Job], Settlement]) -> str:
    """A campaign of eight; the message of Ann came to this, the others wait."""
    lane = given.loaded(store, 8)
    given.claim(store, lane, "before", most=5)
    claim = given.claim(store, lane, "b", most=1)
    assert ANN.is_named_in(claim.jobs[0].line)
    given.settle(store, lane, claim, how(claim.jobs[0]), "b")
    before = given.claim(store, lane, "again", most=0)
    assert before.jobs == []
    return lane


class TestFinding:
    def test_a_person_is_found_in_each_place(self, store: Store) -> None:
        lane = given.loaded(store, 8)
        for how, place in (
            (None, Place.QUEUE),
            (delayed, Place.RETRY),
            (in_doubt, Place.IN_DOUBT),
            (unknown, Place.DEAD),
        ):
            store.client.flushall()
            lane = at(store, how) if how else given.loaded(store, 8)
            found = find_in_lane(store, find_lane(store, lane), ANN, lambda _: None)
            assert found.indexes == {5}
            assert [held.place for held in found.held] == [place]
            assert [job.index for held in found.held for job in held.jobs] == [5]

    def test_nobody_is_found_where_nobody_is(self, store: Store) -> None:
        lane = given.loaded(store, 2500)
        for person in (STRANGER, IDA):
            found = find_in_lane(store, find_lane(store, lane), person, lambda _: None)
            assert (found.indexes, found.held) == (set(), [])

    def test_a_number_is_not_found_across_two_others(self, store: Store) -> None:
        lane = given.campaign(store)
        pair = number_field(b"123456789012345") + number_field(b"234567890123456")
        between = str(int.from_bytes(pair[3:10], "big"))[:15]
        given.add(store, lane, [b"123456789012345", b"234567890123456"], 0, 2)
        found = find_in_lane(store, find_lane(store, lane), Person(between), lambda _: None)
        assert found.indexes == set()

    def test_a_number_is_found_whose_bytes_are_signs_of_a_pattern(self, store: Store) -> None:
        person = next(
            Person(number)
            for number in map(str, range(447700900000, 447700999999))
            if b"(" in number_field(number.encode())[-3:]
        )
        lane = given.campaign(store)
        given.add(store, lane, [person.who.encode()] * 2, 0, 2)
        found = find_in_lane(store, find_lane(store, lane), person, lambda _: None)
        assert found.indexes == {0, 1}

    def test_a_short_number_is_found_with_its_zeros(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, [b"3905001", b"390500100", b"13905001"], 0, 3)
        found = find_in_lane(store, find_lane(store, lane), Person("3905001"), lambda _: None)
        assert found.indexes == {0}

    @pytest.mark.parametrize(
        "recipient", [b"447700900005", b"GB:07700900005", b"GB:7700900005", b"4407700900005"]
    )
    def test_every_spelling_of_a_number_is_found(self, store: Store, recipient: bytes) -> None:
        lane = given.notifications(store)
        store.run(enqueue_messages(lane, [NewMessage(recipient + b"\t{}", b"", b"")]))
        assert [one["id"] for one in shown(store)["messages"]] == [f"{lane}.0"]
        claim = given.claim(store, lane)
        what = given.ended(State.ACCEPTED, claim.jobs)
        what.long_ids = [(0, recipient)] if b":" in recipient or recipient[2:3] == b"0" else []
        given.settle(store, lane, claim, what)
        assert [one["id"] for one in shown(store)["messages"]] == [f"{lane}.0"]

    def test_large_bodies_are_searched_a_few_at_a_time_and_all_are_found(
        self, store: Store
    ) -> None:
        bodies = [
            b'{"to":"+%b","x":"%b"}' % (ANN.who.encode(), b"x" * size) for size in (600_000, 9)
        ]
        store.run(keep_unmatched([bodies[0], b"{}", *bodies, b"{}"]))
        args = (ANN.who, "-", 50)
        begin, *first = store.run(script_call("find_bodies", (ASIDE,), args, list))
        assert (begin != b"", len(first)) == (True, 3)  # one body, and more to come
        found = [body.body for body in find_bodies(store, ANN, ())]
        assert found == [bodies[0], *bodies]

    def test_how_far_it_is_adds_up(self, store: Store) -> None:
        lane, steps = given.loaded(store, 2500), list[int]()
        find_in_lane(store, find_lane(store, lane), ANN, steps.append)
        assert sum(steps) == 3


class TestShowing:
    def test_all_that_is_held_is_in_the_document(self, store: Store) -> None:
        lane = given.loaded(store, 8)
        store.run(suppress("shop", [(ANN.who, 1000)], Why.REPLY, MARKETING))
        store.run(open_windows("shop", [(ANN.who, None)], written=True))
        store.run(mark_unreachable("shop", [(ANN.who, None)], 60))
        store.run(release("bank", [(ANN.who, None)], replied=True))
        store.run(note_unmarketed("bank"))
        for call in check_recipients(
            "bank", [ANN.who.encode()], [Purpose.UTILITY], rules=UNMARKETED, subject=0
        ):
            store.run(call)
        store.run(add_to_inbox(b'{"user":{"msisdn":"+447700900005"}}'))
        store.run(keep_unmatched([b'{"from":"447700900005"}', b'{"from":"4477009000051"}']))
        found = shown(store)
        assert found["person"] == "+447700900005"
        assert found["forgotten_at"] is None
        (message,) = found["messages"]
        assert (message["id"], message["state"], message["values"]) == (
            f"{lane}.5",
            "queued",
            "Guest 5",
        )
        assert found["suppressions"][0]["purposes"] == "marketing"
        assert found["windows"][0]["sub_account"] == "shop"
        assert found["unreachable"][0]["sub_account"] == "shop"
        assert found["releases"][0]["scope"] == "bank"
        assert found["last_message_was_not_marketing"] == ["bank"]
        assert [body["kept"] for body in found["webhooks"]] == ["inbox", "aside"]

    def test_who_may_see_one_sub_account_sees_no_other_and_no_webhooks(self, store: Store) -> None:
        given.loaded(store, 8)
        store.run(suppress("bank", [(ANN.who, None)], Why.REPLY))
        store.run(keep_unmatched([b'{"from":"447700900005"}']))
        found = show_person(store, ANN, ACCOUNTS, SECRET, lambda name: name == "bank")
        assert (found["messages"], found["webhooks"]) == ([], [])
        assert [one["scope"] for one in found["suppressions"]] == ["bank"]
        assert "what other sub-accounts hold" in found["not_covered"]


class TestForgetting:
    @pytest.mark.parametrize(
        ("how", "ends"),
        [
            (accepted, State.ACCEPTED),
            (delayed, State.SKIPPED),
            (in_doubt, State.UNCONFIRMED),
            (unknown, State.UNCONFIRMED),
        ],
    )
    def test_nothing_is_left_of_a_message(
        self, store: Store, how: Callable[[Job], Settlement], ends: State
    ) -> None:
        lane = at(store, how)
        assert traces(store, ANN) != []
        done = forget(store)
        assert (done.state, done.erased["messages"]) == ("done", 1)
        assert traces(store, ANN) == []
        assert message_report(store, f"{lane}.5").outcome.state is ends  # type: ignore[union-attr]
        assert report(store, lane).counts[ends] == 1
        assert given.balanced(store, lane)

    def test_a_message_that_waits_does_not_go_out(self, store: Store) -> None:
        lane = given.loaded(store, 8)
        forget(store)
        assert traces(store, ANN) == []
        claim = given.claim(store, lane)
        assert given.indexes(claim.jobs) == [0, 1, 2, 3, 4, 6, 7]
        outcome = message_report(store, f"{lane}.5").outcome
        assert outcome is not None
        assert (outcome.state, outcome.origin) == (State.SKIPPED, Origin.LOCAL)
        assert outcome.code == LocalReason.FORGOTTEN
        assert given.balanced(store, lane)

    def test_erasing_a_record_again_erases_nothing_and_makes_none(self, store: Store) -> None:
        lane = at(store, accepted)
        keys = lane_keys(lane)
        length = store.client.strlen(f"{keys.outcomes}0")
        assert store.run(erase_records(keys, 0, [5, 900], 0)) > 0
        assert store.run(erase_records(keys, 0, [5, 900], 0)) == 0
        assert store.client.strlen(f"{keys.outcomes}0") == length  # 900 has no record

    def test_a_suppression_that_came_since_it_was_read_is_kept(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store.run(suppress("shop", [(ANN.who, None)], Why.OPERATOR))
        read = iter([read_suppressed(STRANGER, "shop")])  # there was none yet
        monkeypatch.setattr(
            erase, "read_suppressed", lambda *words: next(read, None) or read_suppressed(*words)
        )
        digest = digest_of(ANN.who, SECRET)
        assert forget_in_scope(store, ANN, digest, "shop") == 1
        kept = store.run(is_forgotten(digest, "shop"))
        assert kept is not None
        assert kept.stops(Purpose.MARKETING)

    def test_a_lane_that_waited_for_nobody_else_ends(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, [b"447700900005\tAnn"], 0, 1)
        store.run(finish_loading(lane))
        forget(store)
        assert find_lane(store, lane).status is LaneStatus.FINISHED
        assert store.client.llen(lane_keys(lane).queue) == 0

    def test_what_is_in_the_air_is_settled_without_the_person(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 8)
        time = Time()
        time.after[3] = lambda: given.settle(
            store, lane, claim, given.ended(State.ACCEPTED, claim.jobs)
        )
        done = forget(store, time=time)
        assert done.state == "done"
        assert traces(store, ANN) == []
        assert report(store, lane).counts == {State.ACCEPTED: 8}
        assert given.balanced(store, lane)

    def test_what_is_in_the_air_and_comes_back_is_caught(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 8)
        time = Time()
        what = Settlement({State.QUEUED: 8}, back=claim.jobs)
        time.after[3] = lambda: given.settle(store, lane, claim, what)
        assert forget(store, time=time).state == "done"
        assert traces(store, ANN) == []
        assert report(store, lane).counts == {State.QUEUED: 7, State.SKIPPED: 1}

    def test_what_stays_in_the_air_for_ever_is_told(self, store: Store) -> None:
        given.claimed_batch(store, 8)
        done = forget(store)
        assert (done.state, "still in flight" in done.problem) == ("incomplete", True)

    def test_a_receipt_that_comes_late_brings_nothing_back(self, store: Store) -> None:
        lane = at(store, accepted)
        forget(store)
        umid = "7c1e4a10-0000-4000-8000-000000000001"
        store.run(
            apply_status_updates(lane, [StatusUpdate(5, 1, State.READ, given.NOW, umid=umid)])
        )
        outcome = message_report(store, f"{lane}.5").outcome
        assert outcome is not None
        assert (outcome.state, outcome.number, outcome.umid) == (State.READ, "", None)

    def test_someone_with_an_id_is_forgotten_as_well(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, [b"GB.1349120865530274\tIda", b"447700900001\tBob"], 0, 2)
        single = given.notifications(store)
        line = b'447700900002\t{"user":{"channelUserId":"GB.1349120865530274"}}'
        store.run(enqueue_messages(single, [NewMessage(line, b"", b"")]))
        assert len(shown(store, IDA)["messages"]) == 2
        assert forget(store, IDA).erased["messages"] == 2
        assert traces(store, IDA) == []
        assert given.balanced(store, lane)
        assert given.balanced(store, single)

    def test_the_suppression_is_kept_under_a_digest(self, store: Store) -> None:
        store.run(suppress("shop", [(ANN.who, 1000)], Why.REPLY, MARKETING))
        store.run(open_windows("shop", [(ANN.who, None)], written=True))
        done = forget(store)
        assert done.erased["lists"] == 2
        assert traces(store, ANN) == []
        digest = digest_of(ANN.who, SECRET)
        kept = store.run(is_forgotten(digest, "shop"))
        assert kept is not None
        assert (kept.stops(Purpose.MARKETING), kept.stops(Purpose.UTILITY)) == (True, False)
        everywhere = store.run(is_forgotten(digest, EVERYWHERE))
        assert everywhere is not None
        assert not everywhere.stops(Purpose.MARKETING)
        kept_in_shop = store.run(all_forgotten("shop"))
        assert list(kept_in_shop) == [digest]
        assert shown(store)["forgotten_at"] is not None

    def test_a_release_takes_away_what_a_suppression_still_held(self, store: Store) -> None:
        store.run(suppress("shop", [(ANN.who, None)], Why.REPLY))
        forget(store)
        digest = digest_of(ANN.who, SECRET)
        for call in release_forgotten(SECRET, "shop", [ANN.who, STRANGER.who]):
            store.run(call)
        kept = store.run(is_forgotten(digest, "shop"))
        assert kept is not None
        assert not kept.stops(Purpose.MARKETING)
        assert list(store.run(all_forgotten("shop")).keys()) == [digest]
        assert release_forgotten(None, "shop", [ANN.who]) == []

    def test_forgetting_again_keeps_the_suppression(self, store: Store) -> None:
        store.run(suppress("shop", [(ANN.who, None)], Why.OPERATOR))
        forget(store)
        assert forget(store).erased == {"messages": 0, "webhooks": 0, "lists": 0, "drafts": 0}
        kept = store.run(is_forgotten(digest_of(ANN.who, SECRET), "shop"))
        assert kept is not None
        assert kept.stops(Purpose.AUTHENTICATION)

    def test_a_digest_that_is_kept_again_keeps_its_suppression(self, store: Store) -> None:
        digest = digest_of(ANN.who, SECRET)
        for suppression in ("1000r", ""):
            store.run(keep_forgotten(digest, "shop", suppression))
            kept = store.run(is_forgotten(digest, "shop"))
            assert kept is not None
            assert kept.stops(Purpose.MARKETING)

    def test_webhooks_are_applied_first_and_then_deleted(self, store: Store) -> None:
        store.run(add_to_inbox(b'{"user":{"msisdn":"+447700900005"}}'))
        store.run(keep_unmatched([b'{"from":"447700900005"}', b'{"from":"447700900006"}']))
        time = Time()
        done = forget(store, time=time)
        assert time.naps > 10
        assert done.erased["webhooks"] == 2
        assert traces(store, ANN) == []
        assert len(traces(store, Person("447700900006"))) == 1

    def test_a_webhook_that_shares_an_entry_goes_alone(self, store: Store) -> None:
        others = [b'{"from":"447700900006"}', b'{"from":"447700900007"}']
        theirs = [b'{"from":"447700900005","n":%d}' % n for n in range(2)]
        store.run(add_to_inbox(theirs[0], others[0], theirs[1], others[1]))
        store.run(add_to_inbox(*theirs))
        store.run(read_inbox("a worker that has died"))
        assert forget(store, time=Time()).erased["webhooks"] == 4
        assert traces(store, ANN) == []
        entries = store.run(read_inbox("ann"))
        assert [entry.body for entry in entries] == others
        assert store.run(inbox_length()) == 2

    def test_whoever_shares_a_lane_stays(self, store: Store) -> None:
        given.loaded(store, 2500)
        given.notifications(store)
        forget(store)
        others = [Person(str(447700900000 + index)) for index in (4, 6, 1005, 2499)]
        assert all(len(shown(store, other)["messages"]) == 1 for other in others)

    def test_it_lasts_until_every_producer_has_noticed(self, store: Store) -> None:
        time = Time()
        assert forget(store, time=time).state == "done"
        assert time.now >= 6


class TestDrafts:
    @pytest.mark.parametrize(
        "cell",
        ["447700900005", "+44 (0)7700 900 005", "07700-900005", "0044 7700/900005", "4,7700900005",
         "447700900005.0", "4.47700900005E+11", "7700900005"],
    )  # fmt: skip
    def test_every_spelling_is_erased_from_a_draft_and_nothing_else(
        self, store: Store, cell: str
    ) -> None:
        others = "+4477009000051,Bo\n447700900006;x\n61700900005,Cy\n"
        text = f'phone,name\n{others}{cell},"Ann\nof ""Bath"""\n+447700900006,Di\n'.encode()
        lane = given.draft(store, text)
        (row,) = shown(store)["drafts"]
        assert row == {"id": lane.id, "name": "Draft", "row": f'{cell},"Ann\nof ""Bath"""'}
        assert forget(store).erased["drafts"] == 1
        with open_text(store, lane) as kept:
            now = kept.read()
        assert (len(now), now.count(b"\n")) == (len(text), text.count(b"\n"))
        assert b"Ann" not in now
        assert [line for line in now.splitlines() if line.strip(b' "')] == [
            line for line in text.splitlines() if line.split(b",")[0] != cell.encode()
            and b"Bath" not in line and b"Ann" not in line
        ]  # fmt: skip

    def test_a_stray_quote_costs_no_row_of_others(self, store: Store) -> None:
        others = b"".join(b"+44770090%04d,Bo\n" % n for n in range(1000, 1100))
        text = b'phone,name\n+447700900006,5" Di\n' + others + b"+447700900005,Ann\n"
        lane = given.draft(store, text)
        assert forget(store).erased["drafts"] == 1
        with open_text(store, lane) as kept:
            assert kept.read().split() == text.split()[:-1]

    def test_a_row_across_two_parts_is_erased(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in ("store.lanes.drafts", "store.people.drafts"):
            monkeypatch.setattr(f"{module}.PART_BYTES", 16)
        lane = given.draft(store, b"phone,name\n+447700900005,Ann\n+447700900006,Bo\n")
        assert forget(store).erased["drafts"] == 1
        with open_text(store, lane) as kept:
            assert kept.read().split() == [b"phone,name", b"+447700900006,Bo"]

    def test_someone_with_an_id_is_erased_from_a_draft(self, store: Store) -> None:
        given.draft(store, b"phone,name\nGB.1349120865530274,Ida\nGB.13491208655302741,Joe\n")
        assert forget(store, IDA).erased["drafts"] == 1
        assert len(traces(store, IDA)) == 1  # Joe's id begins with hers


class TestTheTable:
    """Every kind of key that holds people is one that forgetting empties."""

    def test_every_kind_of_key_that_holds_people_is_emptied(self, store: Store) -> None:
        """A key pattern that is new and marked as one of people fails here until it is filled and
        emptied in this test."""
        store.run(suppress("shop", [(ANN.who, None)], Why.OPERATOR))
        store.run(release("bank", [(ANN.who, None)], replied=True))
        store.run(open_windows("shop", [(ANN.who, None)], written=True))
        store.run(mark_unreachable("shop", [(ANN.who, None)], 60))
        for call in check_recipients(
            "bank", [ANN.who.encode()], [Purpose.UTILITY], rules=UNMARKETED, subject=0
        ):
            store.run(call)
        store.run(add_to_inbox(b'{"from":"447700900005"}'))
        store.run(keep_unmatched([b'{"from":"447700900005"}']))
        store.run(keep_person_event("bank", REPLY, ANN.who, text="Hello"))
        for how in (accepted, delayed, in_doubt, unknown):
            given_name = how.__name__
            lane = given.campaign(store, given_name)
            line, kept = b"447700900005\tAnn", b"Ann\t+447700900005"
            store.run(enqueue_rows(lane, FilePlace(0), FilePlace(1, 1, 1), [line], 0, kept=[kept]))
            store.run(finish_loading(lane))
            claim = given.claim(store, lane, "b")
            for place in reserve(find_lane(store, lane), Cap(2, 1440), claim.jobs):
                store.run(place)
            given.settle(store, lane, claim, how(claim.jobs[0]), "b")
        given.draft(store, b"phone,name\n+447700900005,Ann\n")
        single = given.notifications(store)
        lines = [b"GB:07700900005\t{}", b"447700900005\t{}", b"447700900005\t{}"]
        store.run(enqueue_messages(single, [NewMessage(line, b"", b"") for line in lines]))
        claim = given.claim(store, single, "c", most=1)
        what = given.ended(State.ACCEPTED, claim.jobs)
        what.long_ids = [(0, b"GB:07700900005")]
        given.settle(store, single, claim, what, "c")
        in_air = given.claim(store, single, "d", most=1)
        rows = {row_of(key) for key in traces(store, ANN)}
        assert rows == {row for row in TABLE if row.people is not People.NONE}
        time = Time()
        time.after[2] = lambda: given.settle(
            store, single, in_air, given.ended(State.ACCEPTED, in_air.jobs), "d"
        )
        assert forget(store, time=time).state == "done"
        assert traces(store, ANN) == []
        assert all(given.balanced(store, lane.id) for lane in all_lanes(store))


class TestRewriting:
    def test_it_waits_for_one_that_was_begun_before_and_for_its_own(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        states = [
            {"aof_enabled": 1, "aof_rewrite_in_progress": 1},
            {"aof_enabled": 1},
            {"aof_enabled": 1},
            {"aof_enabled": 1, "aof_rewrite_scheduled": 1},
            {"aof_enabled": 1, "aof_rewrite_in_progress": 1},
            {"aof_enabled": 1},
            {"aof_enabled": 1, "aof_last_bgrewrite_status": "ok"},
        ]
        asked: list[str] = []
        monkeypatch.setattr(rewrite, "_persistence", lambda _: states.pop(0))
        monkeypatch.setattr(store, "servers", lambda: [store])
        monkeypatch.setattr(store, "run", lambda call: asked.append(str(call.args[0])))
        time = Time()
        rewrite.rewrite_files(store, lambda: None, time.sleep)
        assert (asked, time.naps, states) == (["BGREWRITEAOF"], 3, [])
