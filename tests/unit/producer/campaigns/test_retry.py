"""Retries and additions: only the selected people, with the kept values, and no person twice."""

import csv
import json
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakeredis
import pytest

from chatapps.rendering.compiled import CompiledContent, message_of
from config.settings import Settings
from producer.campaigns.add import Added, add_people
from producer.campaigns.launch import Launch, check, run
from producer.campaigns.message_file import prepare
from producer.campaigns.retry import Selection, look_at_retry, run_retry, selection
from producer.errors import InputError
from producer.files.recipient_file import RecipientFile
from store.client import Store
from store.errors import StoreRefused
from store.keys import lane_keys
from store.lanes.lane import Lane, LaneStatus, find_lane, move_lane
from store.lanes.retention import expire_values
from store.people.erase import erase_in_lane
from store.people.find import find_in_lane
from store.people.person import Person
from store.people.recipients import read_values
from store.queue.dead_letters import DeadLetters, count_entries
from store.queue.settlement import Settlement
from store.records.job_section import Job
from store.records.outcome import Origin
from store.reports.lane_report import waiting_jobs
from store.scripts import load_scripts
from store.states import State
from tests.conformance import given
from tests.unit.producer.campaigns.test_launch import KilledError

N = 2500
ENDS = {
    0: (State.UNDELIVERED, (Origin.RECEIPT, 1024)),
    1: (State.REJECTED, (Origin.API, 1002)),
    2: (State.DELIVERED, (Origin.NONE, 0)),
    3: (State.UNCONFIRMED, (Origin.LOCAL, 12)),
    4: (State.ACCEPTED, (Origin.NONE, 0)),
}
MESSAGE = {"type": "text", "content": {"text": 'Hello "{{name}}" \\ {{city}}'}}


USUAL = Selection()


def wake() -> None:
    """No worker has to be woken."""


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    rows = [f"+493023125{i:06d},Name {i},Ulm,gold {i}\n" for i in range(N)]
    (tmp_path / "people.csv").write_text("msisdn,name,city,segment\n" + "".join(rows))
    (tmp_path / "message.json").write_text(json.dumps(MESSAGE))
    files = tmp_path / "people.csv", tmp_path / "message.json"
    return Launch("Spring", "Shop", *files, keep=("Segment",))


def sent(store: Store, lane: str, ends: dict[int, Any] = ENDS) -> Lane:
    """The queue is emptied: message i came to the end i modulo the number of ends."""
    batch = 0
    while (claim := given.claim(store, lane, f"b{batch}")).jobs:
        what = Settlement()
        for at, (state, code) in ends.items():
            jobs = [job for job in claim.jobs if job.index % len(ends) == at]
            what.records += given.records(state, jobs, code, other_attempt=at == 1)
            what.add(state, len(jobs))
        given.settle(store, lane, claim, what, f"b{batch}")
        batch += 1
    return find_lane(store, lane)


@pytest.fixture
def parent(store: Store, launch: Launch) -> Lane:
    lane = run(store, check(launch), wake).lane
    assert given.claim(store, lane.id, "b", 0).jobs == []
    done = sent(store, lane.id)
    assert done.status is LaneStatus.FINISHED
    return done


def lines_of(store: Store, lane: Lane) -> list[bytes]:
    return [job.line for _, job in waiting_jobs(store, lane.id)]


def line(i: int) -> bytes:
    return b"493023125%06d\tName %d\tUlm" % (i, i)


def again(store: Store, parent: Lane, selected: Selection = USUAL, **more: Any) -> Lane:
    found = look_at_retry(store, find_lane(store, parent.id), selected, **more)
    return run_retry(store, found, wake)


def test_a_retry_reaches_those_whom_the_first_did_not_and_no_others(
    store: Store, parent: Lane
) -> None:
    found = look_at_retry(store, parent, Selection())
    assert (found.people, found.may_have_arrived) == (1000, 500)  # of the rejected a doubt is noted
    child = run_retry(store, found, wake)
    assert lines_of(store, child) == [line(i) for i in range(N) if i % 5 < 2]
    assert (child.name, child.parent, child.status) == (
        "Spring (retry 1)",
        parent.id,
        LaneStatus.SENDING,
    )
    assert find_lane(store, parent.id).children == (child.id,)
    assert child.content == parent.content
    assert store.run(read_values(child.id, 0))[1] == b"Name 1\tUlm\tgold 1"


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        ({"codes": ["receipt.1024"]}, {0}),
        ({"states": ["rejected", "delivered"]}, {1, 2}),
        ({"not_read": True}, {2}),
        ({"states": ["unconfirmed"]}, {3}),
    ],
)
def test_what_is_selected(store: Store, parent: Lane, words: Any, ends: set[int]) -> None:
    child = again(store, parent, selection(**words))
    assert lines_of(store, child) == [line(i) for i in range(N) if i % 5 in ends]


def test_what_is_too_young_is_left(store: Store, parent: Lane) -> None:
    assert look_at_retry(store, parent, selection(older="999999d")).people == 0
    with pytest.raises(InputError, match="nothing was stored"):
        again(store, parent, selection(older="999999d"))
    assert find_lane(store, parent.id).children == ()


@pytest.mark.parametrize(
    "words",
    [
        {"states": ["lost"]},
        {"states": ["queued"]},
        {"codes": ["1024"]},
        {"older": "soon"},
        {"not_read": True, "states": ["failed"]},
        {"states": ["unconfirmed"], "codes": ["http.503"]},
    ],
)
def test_what_cannot_be_selected_is_told(words: Any) -> None:
    with pytest.raises(InputError):
        selection(**words)


def test_people_are_in_one_retry_only(store: Store, parent: Lane) -> None:
    first = again(store, parent, selection(states=["undelivered"]))
    found = look_at_retry(store, find_lane(store, parent.id), Selection())
    assert (found.people, found.retried_before) == (500, 500)
    second = run_retry(store, found, wake)
    both = lines_of(store, first) + lines_of(store, second)
    assert len(set(both)) == len(both) == 1000
    third = again(store, sent(store, second.id), Selection())  # a retry can be retried
    assert third.parent == second.id


@pytest.fixture
def _short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thousand of the parent is a chunk of its own."""
    monkeypatch.setattr("producer.campaigns.retry.CHUNK_ROWS", 500)


@pytest.mark.usefixtures("_short_chunks")
def test_a_retry_that_was_killed_goes_on_and_nobody_is_in_it_twice(
    store: Store, parent: Lane
) -> None:
    found = look_at_retry(store, parent, Selection())
    with pytest.raises(KilledError):
        run_retry(store, found, wake, _die)
    half = find_lane(store, "Spring (retry 1)")
    assert (half.loaded, half.next_index) == (False, 400)
    assert given.claim(store, half.id, "x").jobs == []  # it does not go out half loaded
    with pytest.raises(StoreRefused, match=r"retry 1"):
        again(store, parent, selection(states=["delivered"]), name="Another")
    child = again(store, parent)
    assert child.id == half.id
    assert lines_of(store, child) == [line(i) for i in range(N) if i % 5 < 2]
    assert (
        again(store, parent, name="Spring (retry 1)").next_index == 1000
    )  # once more: it is there


@pytest.mark.usefixtures("_short_chunks")
def test_a_retry_that_was_given_up_makes_room_for_another(store: Store, parent: Lane) -> None:
    with pytest.raises(KilledError):
        run_retry(store, look_at_retry(store, parent, Selection()), wake, _die)
    half = find_lane(store, "Spring (retry 1)")
    store.run(move_lane(half.id, "cancel"))
    child = again(store, parent, name="Another")
    assert child.next_index == 600  # those of the first are in it


def _die(_: object) -> None:
    raise KilledError


def test_what_was_unconfirmed_and_is_retried_cannot_be_resent_from_the_first(
    store: Store, launch: Launch
) -> None:
    lane = run(store, check(launch), wake).lane
    claim = given.claim(store, lane.id, "b", 3)
    tried = [Job(job.index, 1, job.line) for job in claim.jobs]
    what = given.ended(State.UNCONFIRMED, tried)
    what.dead = [DeadLetters("local:12", tried)]
    given.settle(store, lane.id, claim, what, "b")
    again(store, lane, selection(states=["unconfirmed"]))
    assert store.run(count_entries(lane.id)) == 0


def test_people_who_are_forgotten_stay_out(store: Store, parent: Lane) -> None:
    person = Person("493023125000000")
    found = find_in_lane(store, parent, person, lambda _: None)
    erase_in_lane(store, parent.id, found, 1)
    assert store.run(read_values(parent.id, 0))[0] == b""
    child = again(store, parent)
    assert line(0) not in lines_of(store, child)
    assert look_at_retry(store, find_lane(store, parent.id), Selection(), "X").forgotten == 1


def test_values_that_are_not_kept_come_from_the_file(
    store: Store, parent: Lane, launch: Launch
) -> None:
    for call in expire_values(parent, 0):
        store.run(call)
    with pytest.raises(InputError, match="--recipients"):
        look_at_retry(store, parent, Selection())
    other = launch.recipients.with_name("other.csv")
    other.write_text(launch.recipients.read_text().replace("Ulm", "Köln"))
    with pytest.raises(InputError, match="not the file"):
        look_at_retry(store, parent, Selection(), recipients=other)
    child = again(store, parent, recipients=launch.recipients)
    assert lines_of(store, child) == [line(i) for i in range(N) if i % 5 < 2]
    assert store.run(read_values(child.id, 0))[1] == b"Name 1\tUlm\tgold 1"


def test_without_keep_values_nothing_is_kept(
    store: Store, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("load", "message_file"):
        where = f"producer.campaigns.{module}.load_settings"
        monkeypatch.setattr(where, lambda: Settings(keep_values=0))
    with pytest.raises(InputError, match="keep_values"):
        check(launch)
    lane = run(store, check(replace(launch, keep=())), wake).lane
    assert store.client.keys(f"{lane_keys(lane.id).values}*") == []


@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        {"type": "text", "content": {"text": "The same for all"}},
        {
            "type": "location",
            "content": {"location": {"latitude": "{{name}}", "longitude": "{{city}}"}},
        },
    ],
)
def test_a_compiled_message_can_be_read_again(message: Any) -> None:
    content = prepare(message, ("name", "city")).content
    once = prepare(message_of(CompiledContent.load(content.dump())), ("name", "city"))
    assert once.content == content


# Adding


def added(store: Store, parent: Lane, path: Path, text: str) -> Added:
    path.write_text(text)
    return add_people(store, parent, RecipientFile.open(path), wake)


HEAD = "phone,name,city,segment\n"


def test_people_are_added_to_a_finished_campaign_and_who_is_in_it_is_left_out(
    store: Store, parent: Lane, tmp_path: Path
) -> None:
    rows = "+493023125000003,Again,Ulm,x\n+493023125900000,Ida,Bonn,y\n+493023125900001,Bo,Bonn,\n"
    done = added(store, parent, tmp_path / "more.csv", HEAD + rows)
    assert (done.added, done.already_in, done.invalid_rows_file) == (2, 1, None)
    assert done.lane.status is LaneStatus.SENDING
    assert lines_of(store, done.lane) == [
        b"493023125900000\tIda\tBonn",
        b"493023125900001\tBo\tBonn",
    ]
    assert store.run(read_values(parent.id, 2))[N + 1] == b"Bo\tBonn\t"
    assert given.balanced(store, parent.id)
    assert sent(store, parent.id, {0: ENDS[0]}).status is LaneStatus.FINISHED


def test_rows_that_cannot_be_used_can_be_mended_and_added(
    store: Store, parent: Lane, tmp_path: Path
) -> None:
    rows = '12,"Two\nlines",Ulm,x\n+493023125900000,Ida,Bonn,y\n+493023125900001,,Bonn,\n'
    done = added(store, parent, tmp_path / "more.csv", HEAD + rows)
    file = done.invalid_rows_file
    assert file is not None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with file.open(newline="") as stream:
        head, *bad = csv.reader(stream)
    assert head == ["sendmany_line", "sendmany_reason", *HEAD.strip().split(",")]
    assert [row[2:] for row in bad] == [
        ["12", "Two\nlines", "Ulm", "x"], ["+493023125900001", "", "Bonn", ""]
    ]  # fmt: skip
    mended = file.read_text().replace(",12,", ",+493023125900002,").replace("1,,", "1,Bo,")
    more = added(store, done.lane, file, mended)
    assert (more.added, more.already_in, more.invalid_rows) == (2, 0, 0)
    again_ = added(store, done.lane, tmp_path / "more.csv", HEAD + rows)
    assert (again_.added, again_.already_in) == (0, 1)
    assert again_.invalid_rows_file == tmp_path / "more.invalid-2.csv"  # the first one stays


def test_an_addition_that_was_killed_goes_on_and_another_one_waits(
    store: Store, parent: Lane, launch: Launch, tmp_path: Path
) -> None:
    rows = [f"+4930231259{i:05d},Name {i},Ulm,z\n" for i in range(2500)]
    path = tmp_path / "more.csv"
    path.write_text(HEAD + "".join(rows))
    file = RecipientFile.open(path)
    with pytest.raises(KilledError):
        add_people(store, parent, file, wake, _die)
    half = find_lane(store, parent.id)
    assert (half.loaded, half.next_index) == (False, N + 1000)
    with pytest.raises(StoreRefused, match="finish that first"):
        added(store, parent, tmp_path / "other.csv", HEAD + rows[0])
    with pytest.raises(StoreRefused, match="finish that first"):
        run(store, check(launch), wake)
    assert add_people(store, parent, file, wake).lane.next_index == N + 2500
    assert given.balanced(store, parent.id)
    assert run(store, check(launch), wake).recipients == N + 2500  # the launch is complete


@pytest.mark.parametrize("text", ["phone,name\n+493023125900000,Ida\n", HEAD + "12,Ida,Bonn,x\n"])
def test_a_file_that_does_not_fit_leaves_the_campaign_as_it_is(
    store: Store, parent: Lane, tmp_path: Path, text: str
) -> None:
    with pytest.raises(InputError):
        added(store, parent, tmp_path / "more.csv", text)
    assert find_lane(store, parent.id) == parent


def test_nobody_is_added_to_a_campaign_that_was_cancelled(
    store: Store, launch: Launch, tmp_path: Path
) -> None:
    lane = run(store, check(launch), wake).lane
    store.run(move_lane(lane.id, "cancel"))
    with pytest.raises(StoreRefused, match="cancelling"):
        added(store, lane, tmp_path / "more.csv", HEAD + "+493023125900000,Ida,Bonn,x\n")


def test_a_retry_finds_its_keys_behind_a_prefix(launch: Launch) -> None:
    client = fakeredis.FakeRedis()
    store = Store(client, load_scripts(flags=False), key_prefix="second:")
    parent = sent(store, run(store, check(launch), wake).lane.id)
    assert again(store, parent).next_index == 1000
    assert all(key.startswith(b"second:") for key in client.scan_iter())
