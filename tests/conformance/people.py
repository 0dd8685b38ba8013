"""Suppressions and windows: suppress, unsuppress, open_windows, forget_windows, check_recipients."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from store.client import Store, command
from store.keys import (
    PEOPLE,
    PEOPLE_SHARDS,
    lifted,
    shard_of,
    suppressed,
    unmarketed,
    unreachable,
    windows,
)
from store.people.service_windows import (
    SUPPRESSED,
    SUPPRESSED_EVERYWHERE,
    UNMARKETED,
    UNREACHABLE,
    WINDOWS,
    channels_with_windows,
    check_recipients,
    count_unreachable,
    forget_windows,
    last_reply,
    mark_unreachable,
    note_unmarketed,
    open_windows,
    read_rules,
    screen_everywhere,
    united,
    unreachable_until,
    window_end,
)
from store.people.suppressions import (
    EVERYTHING,
    EVERYWHERE,
    MARKETING,
    Released,
    Suppressed,
    Suppression,
    Why,
    all_suppressions,
    count_suppressions,
    find_unmarketed,
    read_suppression,
    release,
    suppress,
)
from store.purposes import Purpose
from store.reports.waiting import now_ms

ANN, BOB, CLEO = "447700900001", "447700900002", "GB.1349120865530274"
OLD = "447700900006"  # of Ann's shard
HOUR = 3_600_000


def why(store: Store, who: str, scope: str = "shop") -> str:
    found = store.run(read_suppression(scope, who))
    return found.reason if found else ""


@dataclass(frozen=True)
class Eligible:
    """Result of a worker's check of a batch."""

    rules: int
    suppressed: list[int]
    closed: list[int]
    unreachable: list[int] = field(default_factory=list)


def screened(
    store: Store,
    *people: str,
    policy: str = "",
    subject: int = 0,
    purposes: Sequence[Purpose] = (Purpose.MARKETING,),
) -> Eligible:
    names = [who.encode() for who in people]
    if names and {*purposes} != {Purpose.MARKETING}:
        store.run(note_unmarketed("shop"))
    rules, gone = store.run(read_rules("shop", policy)), list[int]()
    if rules & SUPPRESSED_EVERYWHERE:
        gone = united(map(store.run, screen_everywhere(names, purposes))).suppressed
        names = [b"" if place in gone else name for place, name in enumerate(names)]
    calls = check_recipients("shop", names, purposes, rules=rules, subject=subject)
    suppressed, closed, unreachable = united(map(store.run, calls))
    return Eligible(rules, sorted([*gone, *suppressed]), sorted(closed), sorted(unreachable))


class TestSuppressions:
    def test_it_is_kept_since_when_and_why(self, store: Store) -> None:
        now = store.run(now_ms())
        assert store.run(suppress("shop", [(ANN, now - 5)], Why.REPLY)) == Suppressed(new=1)
        assert store.run(read_suppression("shop", ANN)) == Suppression(
            ANN, "shop", now - 5, Why.REPLY
        )
        assert store.run(read_suppression(EVERYWHERE, ANN)) is None
        assert store.run(count_suppressions("shop")) == 1

    def test_now_is_by_redis_clock_and_nobody_says_tomorrow(self, store: Store) -> None:
        before = store.run(now_ms())
        store.run(suppress("shop", [(ANN, None), (BOB, before + HOUR)], Why.OPERATOR))
        for who in (ANN, BOB):
            found = store.run(read_suppression("shop", who))
            assert found is not None
            assert before <= found.since <= store.run(now_ms())

    def test_an_opt_out_that_is_told_twice_changes_nothing(self, store: Store) -> None:
        now = store.run(now_ms())
        store.run(suppress("shop", [(ANN, now - 5)], Why.REPLY))
        assert store.run(suppress("shop", [(ANN, now - 5)], Why.REPLY)) == Suppressed(known=1)
        assert store.run(count_suppressions("shop")) == 1

    def test_a_reply_does_not_weaken_what_an_operator_wrote_down(self, store: Store) -> None:
        store.run(suppress("shop", [(ANN, None)], Why.OPERATOR))
        store.run(suppress("shop", [(ANN, None)], Why.REPLY))
        assert why(store, ANN) == "operator"
        assert store.run(release("shop", [(ANN, None)], replied=True)) == Released(kept=1)
        assert why(store, ANN) == "operator"

    def test_an_operator_makes_what_a_reply_said_firm(self, store: Store) -> None:
        store.run(suppress("shop", [(ANN, None)], Why.REPLY))
        store.run(suppress("shop", [(ANN, None)], Why.IMPORT))
        assert why(store, ANN) == "import"

    def test_start_takes_stop_back(self, store: Store) -> None:
        now = store.run(now_ms())
        store.run(suppress("shop", [(ANN, now - 9)], Why.REPLY))
        released = store.run(release("shop", [(ANN, now - 5), (BOB, now - 5)], replied=True))
        assert released == Released(released=1, none=1)
        assert why(store, ANN) == ""

    def test_a_stop_from_before_a_start_counts_no_more_however_late_it_is_told(
        self, store: Store
    ) -> None:
        now = store.run(now_ms())
        store.run(suppress("shop", [(ANN, now - 9)], Why.REPLY))
        store.run(release("shop", [(ANN, now - 5), (BOB, now - 5)], replied=True))
        late = store.run(suppress("shop", [(ANN, now - 9), (BOB, now - 9)], Why.REPLY))
        assert late == Suppressed(overtaken=2)
        assert store.run(suppress("shop", [(ANN, now - 4)], Why.REPLY)) == Suppressed(new=1)

    def test_a_start_from_before_a_stop_counts_no_more(self, store: Store) -> None:
        now = store.run(now_ms())
        store.run(suppress("shop", [(ANN, now - 9)], Why.REPLY))
        store.run(suppress("shop", [(ANN, now - 3)], Why.REPLY))
        assert store.run(release("shop", [(ANN, now - 5)], replied=True)) == Released(kept=1)

    def test_an_operator_releases_anybody(self, store: Store) -> None:
        store.run(suppress("shop", [(ANN, None)], Why.IMPORT))
        assert store.run(release("shop", [(ANN, None), (BOB, None)])) == Released(1, 1, 0)
        assert why(store, ANN) == ""

    def test_old_releases_are_forgotten_by_and_by(self, store: Store) -> None:
        store.run(command("ZADD", lifted("shop", shard_of(OLD)), 1000, OLD, parse=int))
        store.run(release("shop", [(ANN, store.run(now_ms()))], replied=True))
        assert store.client.zrange(lifted("shop", shard_of(ANN)), 0, -1) == [ANN.encode()]

    def test_all_of_a_scope_are_told(self, store: Store) -> None:
        people = [f"4477009{i:05}" for i in range(1500)]
        store.run(suppress("shop", [(who, None) for who in people], Why.IMPORT))
        store.run(suppress(EVERYWHERE, [(CLEO, None)], Why.OPERATOR))
        assert sorted(one.who for one in all_suppressions(store, "shop")) == people
        assert [one.who for one in all_suppressions(store, EVERYWHERE)] == [CLEO]


def stopped(store: Store, who: str, scope: str = "shop") -> str:
    """Suppressed purposes of a person."""
    found = store.run(read_suppression(scope, who))
    return found.stopped if found else ""


class TestPurposesOfSuppressions:
    def test_one_that_an_older_version_wrote_down_stops_everything(self, store: Store) -> None:
        store.run(command("HSET", PEOPLE, "suppressed:shop", 1, parse=int))
        store.run(
            command("HSET", suppressed("shop", shard_of(ANN)), ANN, "1700000000000r", parse=int)
        )
        assert store.run(read_suppression("shop", ANN)) == Suppression(
            ANN, "shop", 1700000000000, Why.REPLY, EVERYTHING
        )
        for purpose in Purpose:
            assert screened(store, ANN, purposes=[purpose]).suppressed == [0]

    def test_who_wants_no_marketing_gets_all_else(self, store: Store) -> None:
        store.run(suppress("shop", [(ANN, None)], Why.REPLY, MARKETING))
        assert stopped(store, ANN) == "marketing"
        found = [screened(store, ANN, purposes=[purpose]).suppressed for purpose in Purpose]
        assert found == [[0], [], []]

    def test_each_message_of_a_batch_is_held_against_its_own_purpose(self, store: Store) -> None:
        store.run(suppress("shop", [(ANN, None), (BOB, None)], Why.REPLY, MARKETING))
        store.run(suppress(EVERYWHERE, [(CLEO, None)], Why.OPERATOR))
        purposes = [Purpose.UTILITY, Purpose.MARKETING, Purpose.AUTHENTICATION]
        assert screened(store, ANN, BOB, CLEO, purposes=purposes).suppressed == [1, 2]

    def test_what_is_stopped_only_grows(self, store: Store) -> None:
        utility = frozenset({Purpose.UTILITY})
        told = [MARKETING, MARKETING, utility, EVERYTHING, MARKETING]
        done = [store.run(suppress("shop", [(ANN, None)], Why.REPLY, one)) for one in told]
        assert [one.new for one in done] == [1, 0, 1, 1, 0]
        assert stopped(store, ANN) == "all"

    def test_each_source_stops_what_it_names_until_it_is_taken_back(self, store: Store) -> None:
        store.run(suppress("shop", [(ANN, None)], Why.OPERATOR, MARKETING))
        store.run(suppress("shop", [(ANN, None)], Why.REPLY))
        assert (stopped(store, ANN), why(store, ANN)) == ("all", "operator")
        assert store.run(release("shop", [(ANN, None)], replied=True)) == Released(kept=1)
        assert (stopped(store, ANN), why(store, ANN)) == ("marketing", "operator")
        assert store.run(release("shop", [(ANN, None)])) == Released(released=1)
        assert stopped(store, ANN) == ""

    @pytest.mark.parametrize("source", [Why.REPLY, Why.RECEIPT])
    def test_start_takes_back_what_replies_and_receipts_said(
        self, store: Store, source: Why
    ) -> None:
        store.run(suppress("shop", [(ANN, None)], source))
        assert why(store, ANN) == source.name.lower()
        assert store.run(release("shop", [(ANN, None)], replied=True)) == Released(released=1)

    def test_people_of_one_call_may_stop_more_than_the_others(self, store: Store) -> None:
        changes = [(ANN, None), (BOB, None)]
        store.run(suppress("shop", changes, Why.REPLY, MARKETING, everything_for={BOB}))
        assert (stopped(store, ANN), stopped(store, BOB)) == ("marketing", "all")


class TestLastMessages:
    def test_who_got_no_marketing_last_is_remembered(self, store: Store) -> None:
        people, purposes = [ANN, BOB, CLEO], [Purpose.UTILITY, *[Purpose.AUTHENTICATION] * 2]
        screened(store, *people, purposes=purposes)
        screened(store, BOB, "447700900009", purposes=[Purpose.MARKETING])
        assert store.run(find_unmarketed("shop", [*people, "447700900009"])) == {ANN, CLEO}
        assert store.run(find_unmarketed("bank", people)) == set()
        assert screened(store).rules == UNMARKETED

    def test_marketing_alone_leaves_no_trace(self, store: Store) -> None:
        screened(store, ANN, BOB)
        assert store.client.keys("*") == []

    def test_who_was_left_out_got_nothing(self, store: Store) -> None:
        store.run(suppress("shop", [(ANN, None)], Why.REPLY))
        utility = [Purpose.UTILITY]
        screened(store, ANN, BOB, policy="skip", subject=2, purposes=utility)
        assert store.run(find_unmarketed("shop", [ANN, BOB])) == set()

    def test_it_is_forgotten_after_the_next_period(self, store: Store) -> None:
        screened(store, ANN, purposes=[Purpose.UTILITY])
        (key,) = store.run(command("KEYS", "*:unmarketed:*", parse=list[bytes]))
        assert key.decode() in unmarketed("shop", shard_of(ANN))
        assert 7 * 24 * HOUR < store.client.pttl(key) <= 14 * 24 * HOUR

    def test_marketing_counts_over_the_turn_of_a_period(self, store: Store) -> None:
        store.run(note_unmarketed("shop"))
        for key in unmarketed("shop", shard_of(ANN)):
            store.client.sadd(key, ANN)
        screened(store, ANN)
        assert store.run(find_unmarketed("shop", [ANN])) == set()


class TestWindows:
    def test_a_reply_opens_it_for_24_hours_since_it_was_written(self, store: Store) -> None:
        written = store.run(now_ms()) - HOUR
        assert store.run(open_windows("shop", [(ANN, written)], written=True)) == 1
        assert store.run(window_end("shop", ANN)) == written + 24 * HOUR
        assert store.run(window_end("bank", ANN)) == 0
        assert store.run(last_reply("shop")) == written
        assert store.run(channels_with_windows()) == [("shop", "whatsapp")]

    def test_an_older_reply_does_not_shorten_it(self, store: Store) -> None:
        now = store.run(now_ms())
        store.run(open_windows("shop", [(ANN, now - HOUR)], written=True))
        assert store.run(open_windows("shop", [(ANN, now - 2 * HOUR)], written=True)) == 0
        assert store.run(window_end("shop", ANN)) == now + 23 * HOUR
        assert store.run(last_reply("shop")) == now - HOUR

    def test_a_reply_that_comes_a_day_late_opens_nothing(self, store: Store) -> None:
        now = store.run(now_ms())
        assert store.run(open_windows("shop", [(ANN, now - 25 * HOUR)], written=True)) == 0
        assert store.run(window_end("shop", ANN)) == 0

    def test_a_window_opened_by_hand_is_no_reply(self, store: Store) -> None:
        now = store.run(now_ms())
        store.run(open_windows("shop", [(ANN, None)], written=False, hours=72))
        assert store.run(window_end("shop", ANN)) >= now + 72 * HOUR
        assert store.run(last_reply("shop")) == 0

    def test_closed_ones_are_forgotten_in_steps(self, store: Store) -> None:
        shard = shard_of(ANN)
        key = windows("shop", "whatsapp", shard)
        for i in range(5):
            store.run(command("ZADD", key, 1000 + i, f"old{i}", parse=int))
        store.run(open_windows("shop", [(ANN, None)], written=True))
        steps = [store.run(forget_windows("shop", "whatsapp", shard, most=3)) for _ in range(3)]
        assert steps == [3, 2, 0]
        assert store.client.zrange(key, 0, -1) == [ANN.encode()]


class TestCheckRecipients:
    def test_without_rules_nobody_is_concerned(self, store: Store) -> None:
        assert screened(store) == Eligible(0, [], [])
        assert screened(store, ANN, BOB, policy="auto", subject=2) == Eligible(0, [], [])

    def test_it_tells_which_rules_there_are(self, store: Store) -> None:
        store.run(suppress("bank", [(ANN, None)], Why.REPLY))
        assert screened(store).rules == 0
        store.run(suppress("shop", [(ANN, None)], Why.REPLY))
        assert screened(store).rules == SUPPRESSED
        assert screened(store, policy="skip").rules == SUPPRESSED | WINDOWS
        assert screened(store, policy="auto").rules == SUPPRESSED
        store.run(open_windows("shop", [(BOB, None)], written=True))
        assert screened(store, policy="auto").rules == SUPPRESSED | WINDOWS
        assert screened(store, policy="").rules == SUPPRESSED

    def test_those_suppressed_here_or_everywhere_are_told_once(self, store: Store) -> None:
        store.run(suppress("shop", [(BOB, None)], Why.REPLY))
        store.run(suppress(EVERYWHERE, [(BOB, None), (CLEO, None)], Why.OPERATOR))
        found = screened(store, ANN, BOB, CLEO)
        assert found == Eligible(SUPPRESSED | SUPPRESSED_EVERYWHERE, [1, 2], [])

    def test_those_whose_window_is_closed_are_told(self, store: Store) -> None:
        store.run(open_windows("shop", [(BOB, None)], written=True))
        key = windows("shop", "whatsapp", shard_of(CLEO))
        store.run(command("ZADD", key, 1000, CLEO, parse=int))
        found = screened(store, ANN, BOB, CLEO, "447700900009", policy="auto", subject=3)
        assert found == Eligible(WINDOWS, [], [0, 2])

    def test_somebody_without_a_name_moves_nobody_to_another_place(self, store: Store) -> None:
        store.run(suppress("shop", [(BOB, None)], Why.REPLY))
        assert screened(store, "", ANN, "", BOB).suppressed == [3]

    def test_who_is_suppressed_is_not_told_twice(self, store: Store) -> None:
        store.run(suppress("shop", [(ANN, None)], Why.REPLY))
        found = screened(store, ANN, BOB, policy="skip", subject=2)
        assert found == Eligible(SUPPRESSED | WINDOWS, [0], [1])

    def test_a_whole_batch_takes_one_call_a_shard(self, store: Store) -> None:
        people = [f"4477009{i:05}" for i in range(1000)]
        store.run(suppress("shop", [(people[999], None)], Why.REPLY))
        store.run(open_windows("shop", [(people[0], None)], written=True))
        found = screened(store, *people, policy="skip", subject=1000)
        assert found == Eligible(3, [999], list(range(1, 999)))
        names = [who.encode() for who in people]
        calls = check_recipients("shop", names, [Purpose.MARKETING], rules=3, subject=1000)
        assert len(calls) == PEOPLE_SHARDS

    def test_who_could_not_be_reached_gets_no_marketing_for_a_time(self, store: Store) -> None:
        now = store.run(now_ms())
        since: list[tuple[str, int | None]] = [(ANN, now - HOUR), (BOB, now - 3 * HOUR)]
        assert store.run(mark_unreachable("shop", since, 7200)) == 1
        marked = screened(store, ANN, BOB, CLEO)
        assert marked == Eligible(UNREACHABLE, [], [], [0])
        assert screened(store, ANN, purposes=[Purpose.UTILITY]).unreachable == []
        assert store.run(unreachable_until("shop", ANN)) == now + HOUR
        assert store.run(count_unreachable("shop", now)) == 1
        assert store.run(count_unreachable("shop", now + HOUR + 1)) == 0
        assert store.run(read_rules("bank", "")) == 0

    def test_who_writes_can_be_reached(self, store: Store) -> None:
        store.run(mark_unreachable("shop", [(ANN, None), (BOB, None)], 7200))
        store.run(open_windows("shop", [(ANN, None)], written=True))
        assert screened(store, ANN, BOB).unreachable == [1]

    def test_a_late_receipt_does_not_overrule_a_message_of_the_person(self, store: Store) -> None:
        now = store.run(now_ms())
        store.run(open_windows("shop", [(ANN, now - HOUR), (BOB, now - 3 * HOUR)], written=True))
        came = [(who, now - 2 * HOUR) for who in (ANN, BOB, CLEO)]
        assert store.run(mark_unreachable("shop", came, 7 * 86_400)) == 2
        assert screened(store, ANN, BOB, CLEO).unreachable == [1, 2]

    def test_marks_whose_time_is_over_are_deleted(self, store: Store) -> None:
        store.run(mark_unreachable("shop", [(ANN, None)], 7200))
        assert store.run(channels_with_windows()) == [("shop", "")]
        key = unreachable("shop", shard_of(ANN))
        store.run(command("ZADD", key, 1000, "old", parse=int))
        assert store.run(forget_windows("shop", "", shard_of(ANN))) == 1
        assert store.client.zrange(key, 0, -1) == [ANN.encode()]

    def test_who_opted_out_and_could_not_be_reached_is_told_once(self, store: Store) -> None:
        store.run(mark_unreachable("shop", [(ANN, None)], 7200))
        store.run(suppress("shop", [(ANN, None)], Why.REPLY))
        found = screened(store, ANN, policy="skip", subject=1)
        assert found == Eligible(SUPPRESSED | WINDOWS | UNREACHABLE, [0], [])

    def test_a_person_lies_in_the_same_shard_whoever_asks(self, store: Store) -> None:
        people = [f"4477009000{i:02}" for i in range(20)] + [CLEO, "x-é", "U2f"]
        for who in people:
            store.run(suppress("shop", [(who, None)], Why.REPLY))
        assert screened(store, *people).suppressed == list(range(len(people)))
        assert store.run(count_suppressions("shop")) == len(people)

    def test_only_those_who_get_what_needs_a_window_are_held_against_it(self, store: Store) -> None:
        people = [f"4477009000{i:02}" for i in range(20)]
        found = screened(store, *people, policy="skip", subject=7)
        assert found == Eligible(WINDOWS, [], list(range(7)))
