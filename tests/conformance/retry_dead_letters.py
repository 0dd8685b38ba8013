"""retry_dead_letters: an operator's decision about jobs that ended badly."""

from collections.abc import Sequence
from typing import Any

import pytest

from store.client import Call, Store, command
from store.errors import StoreUnavailable
from store.keys import lane_keys
from store.lanes.lane import LaneStatus, find_lane, move_lane
from store.queue.dead_letters import (
    REVIVABLE,
    DeadLetters,
    Redriven,
    Word,
    count_entries,
    read_dead_letters,
    retry_dead_letters,
    settle_dead_letters,
)
from store.queue.settlement import Settlement
from store.receipts.status_updates import (
    StatusUpdate,
    apply_status_updates,
    confirmed,
    read_records_of,
)
from store.records.job_section import Job
from store.reports.lane_report import message_report, report
from store.reports.messages import list_dead_letters
from store.states import State
from store.workers.presence import active_lanes, forget_active, forget_ready, ready_lanes
from tests.conformance import given
from tests.conformance.settle_batch import everything

RESEND, CLOSE = Word.RESEND, Word.CLOSE
UNKNOWN = (State.UNCONFIRMED,)


def dead(store: Store, lane: str, batch: str, states: Sequence[State], most: int = 1000) -> None:
    """Send a batch whose messages end in these states by turns; those that may be revived are kept."""
    jobs = given.claim(store, lane, batch, most).jobs
    tried = [Job(job.index, job.attempts + 1, job.line) for job in jobs]
    what = Settlement()
    for at, state in enumerate(states):
        part = tried[at :: len(states)]
        what.records += given.records(state, part)
        what.add(state, len(part))
    kept = [job for at, job in enumerate(tried) if states[at % len(states)] in REVIVABLE]
    what.dead = [DeadLetters("http:503", kept)]
    given.settle(store, lane, given.claim(store, lane, batch), what, batch)


def ended(store: Store, n: int = 6, states: Sequence[State] = UNKNOWN) -> str:
    """A campaign that is finished, and ended badly for some."""
    lane = given.loaded(store, n)
    dead(store, lane, "b1", states, most=n)
    assert find_lane(store, lane).status is LaneStatus.FINISHED
    return lane


def say(
    store: Store,
    lane: str,
    word: Word,
    states: Sequence[State] = UNKNOWN,
    *,
    op: str = "op",
    entries: int = 100,
    most: int = 1000,
) -> Redriven:
    """One call of the script."""
    return store.run(retry_dead_letters(lane, word, states, op=op, entries=entries, most=most))


def kept(store: Store, lane: str) -> list[list[int]]:
    """Indexes on the dead letters, entry by entry."""
    return [given.indexes(entry.jobs) for entry in read_dead_letters(store, lane)]


class LosesReplies(Store):
    """The first replies of the script are lost, though it has done its work."""

    lost = 0

    def _send(self, call: Call[Any]) -> Any:
        reply = super()._send(call)
        if call.script == "retry_dead_letters" and self.lost < 2:
            self.lost += 1
            raise StoreUnavailable("the reply was lost")
        return reply


class TestResend:
    def test_what_is_unknown_is_queued_with_its_attempts_and_the_lane_sends_again(
        self, store: Store
    ) -> None:
        lane = ended(store)
        assert say(store, lane, RESEND) == Redriven(LaneStatus.SENDING, entries=1, jobs=6)
        found = find_lane(store, lane)
        assert (found.status, found.finished_at) == (LaneStatus.SENDING, 0)
        assert given.counts(store, lane) == {State.QUEUED: 6}
        assert report(store, lane).retries == {"local:5": 6}
        assert store.run(count_entries(lane)) == 0
        assert given.balanced(store, lane)
        again = given.claim(store, lane, "b2")
        assert [(job.index, job.attempts) for job in again.jobs] == [(i, 1) for i in range(6)]
        assert [job.line for job in again.jobs] == given.numbers(6)

    def test_the_record_says_that_it_was_tried_and_the_attempt_log_who_had_it_sent_again(
        self, store: Store
    ) -> None:
        lane = ended(store, 3)
        say(store, lane, RESEND)
        found = message_report(store, f"{lane}.2")
        assert found.outcome is not None
        assert (found.outcome.state, found.outcome.number) == (State.TRIED, "447700900002")
        (entry,) = found.attempt_log
        attempts, origin, code, at, who = entry.split(" ")
        assert (attempts, origin, code, who) == ("1", "local", "5", "operator")
        assert int(at) == pytest.approx(find_lane(store, lane).opened_at / 1000, abs=60)

    def test_a_lane_that_sent_again_finishes_again(self, store: Store) -> None:
        lane = ended(store)
        say(store, lane, RESEND)
        claim = given.claim(store, lane, "b2")
        end = given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs), "b2")
        assert end.status is LaneStatus.FINISHED
        assert find_lane(store, lane).finished_at > 0
        assert given.counts(store, lane) == {State.ACCEPTED: 6}
        assert given.balanced(store, lane)

    def test_what_is_unknown_again_can_be_sent_a_third_time(self, store: Store) -> None:
        lane = ended(store, 2)
        say(store, lane, RESEND)
        dead(store, lane, "b2", UNKNOWN)
        assert say(store, lane, RESEND, op="again").jobs == 2
        assert [job.attempts for job in given.claim(store, lane, "b3").jobs] == [2, 2]
        assert len(message_report(store, f"{lane}.0").attempt_log) == 2

    def test_what_status_updates_has_moved_on_is_dropped(self, store: Store) -> None:
        lane = ended(store)
        news = [
            StatusUpdate(1, 1, State.DELIVERED, given.NOW),
            StatusUpdate(4, 1, State.FORWARDED, given.NOW),
        ]
        store.run(apply_status_updates(lane, news))
        assert say(store, lane, RESEND) == Redriven(LaneStatus.SENDING, 1, jobs=4, moved_on=2)
        assert given.indexes(given.claim(store, lane, "b2").jobs) == [0, 2, 3, 5]
        assert store.run(count_entries(lane)) == 0
        assert given.balanced(store, lane)

    def test_a_lane_stays_finished_when_status_updates_has_settled_everything(
        self, store: Store
    ) -> None:
        lane = ended(store, 1)
        store.run(apply_status_updates(lane, [StatusUpdate(0, 1, State.FORWARDED, given.NOW)]))
        assert say(store, lane, RESEND) == Redriven(LaneStatus.FINISHED, 1, moved_on=1)
        assert find_lane(store, lane).finished_at > 0

    def test_status_updates_of_the_first_attempt_still_stops_the_second(self, store: Store) -> None:
        lane = ended(store, 3)
        say(store, lane, RESEND)
        store.run(apply_status_updates(lane, [StatusUpdate(1, 1, State.DELIVERED, given.NOW)]))
        claim = given.claim(store, lane, "b2")
        assert claim.early_updates == 1
        assert confirmed(claim.jobs, store.run(read_records_of(lane, claim.jobs))) == {1}
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs), "b2")
        assert given.counts(store, lane) == {State.ACCEPTED: 2, State.DELIVERED: 1}
        assert given.balanced(store, lane)

    def test_what_failed_stays_until_it_is_meant(self, store: Store) -> None:
        lane = ended(store, 6, (State.UNCONFIRMED, State.FAILED))
        assert say(store, lane, RESEND).jobs == 3
        assert given.counts(store, lane) == {State.QUEUED: 3, State.FAILED: 3}
        assert kept(store, lane) == [[1, 3, 5]]
        assert [entry.reason for entry in read_dead_letters(store, lane)] == ["http:503"]
        assert given.balanced(store, lane)
        assert say(store, lane, RESEND, REVIVABLE, op="all").jobs == 3
        assert given.counts(store, lane) == {State.QUEUED: 6}
        jobs = given.claim(store, lane, "b2").jobs
        assert [(job.index, job.attempts) for job in jobs] == [(i, 1) for i in (1, 3, 5, 0, 2, 4)]
        assert {job.line for job in jobs} == set(given.numbers(6))
        assert given.balanced(store, lane)

    def test_they_go_before_what_waits(self, store: Store) -> None:
        lane = given.loaded(store, 9)
        dead(store, lane, "b1", UNKNOWN, most=3)
        assert say(store, lane, RESEND).status is LaneStatus.SENDING
        assert given.indexes(given.claim(store, lane, "b2").jobs) == list(range(9))

    def test_a_lane_that_is_paused_stays_so(self, store: Store) -> None:
        lane = given.loaded(store, 9)
        dead(store, lane, "b1", UNKNOWN, most=3)
        store.run(move_lane(lane, "pause"))
        assert say(store, lane, RESEND).status is LaneStatus.PAUSED
        assert given.counts(store, lane) == {State.QUEUED: 9}
        assert given.balanced(store, lane)

    def test_what_was_cancelled_is_not_sent_again(self, store: Store) -> None:
        lane = given.loaded(store, 9)
        dead(store, lane, "b1", UNKNOWN, most=3)
        store.run(move_lane(lane, "cancel"))
        before = everything(store)
        assert say(store, lane, RESEND) == Redriven(LaneStatus.CANCELLING, refused=True)
        assert everything(store) == before
        assert say(store, lane, CLOSE).jobs == 3

    def test_messages_of_several_thousands_have_a_attempt_log_each(self, store: Store) -> None:
        lane = given.campaign(store, early=True)
        people = [b"GB.%d\tA" % i for i in range(2002)]
        for first in (0, 1000, 2000):
            given.add(store, lane, people[first:][:1000], first, first + 1000)
        given.claim(store, lane, "b0", most=998)
        dead(store, lane, "b1", UNKNOWN, most=2000)
        assert say(store, lane, RESEND).jobs == 1004
        for index in (998, 999, 1000, 1999, 2000, 2001):
            assert len(message_report(store, f"{lane}.{index}").attempt_log) == 1
        assert message_report(store, f"{lane}.997").attempt_log == ()
        key = lane_keys(lane).attempt_log(1000)
        attempt_log = store.run(command("LRANGE", key, 0, -1, parse=list[bytes]))
        assert [line.split(b" ")[:2] for line in attempt_log] == [[b"1000-1999", b"1"]]
        assert [job.line for job in given.claim(store, lane, "b2", 2000).jobs] == people[998:]
        assert given.balanced(store, lane)


class TestClose:
    def test_the_job_is_let_go_and_the_state_stays(self, store: Store) -> None:
        lane = ended(store)
        before = find_lane(store, lane)
        assert say(store, lane, CLOSE) == Redriven(LaneStatus.FINISHED, entries=1, jobs=6)
        assert store.run(count_entries(lane)) == 0
        assert find_lane(store, lane) == before
        assert given.counts(store, lane) == {State.UNCONFIRMED: 6}
        assert message_report(store, f"{lane}.0").attempt_log == ()
        assert given.balanced(store, lane)

    def test_what_was_let_go_cannot_be_sent_again(self, store: Store) -> None:
        lane = ended(store)
        say(store, lane, CLOSE)
        assert say(store, lane, RESEND, op="b") == Redriven(LaneStatus.FINISHED)
        assert given.counts(store, lane) == {State.UNCONFIRMED: 6}

    def test_status_updates_still_moves_it(self, store: Store) -> None:
        lane = ended(store, 2)
        say(store, lane, CLOSE)
        store.run(apply_status_updates(lane, [StatusUpdate(0, 1, State.READ, given.NOW)]))
        assert given.counts(store, lane) == {State.UNCONFIRMED: 1, State.READ: 1}

    def test_what_is_not_meant_stays_and_what_has_moved_on_goes(self, store: Store) -> None:
        lane = ended(store, 6, (State.UNCONFIRMED, State.FAILED))
        store.run(apply_status_updates(lane, [StatusUpdate(1, 1, State.FORWARDED, given.NOW)]))
        assert say(store, lane, CLOSE) == Redriven(LaneStatus.FINISHED, 1, jobs=3, moved_on=1)
        assert kept(store, lane) == [[3, 5]]


class TestRepeatsAndBounds:
    @pytest.mark.parametrize("word", Word)
    def test_a_repeat_answers_the_first_result_and_does_nothing(
        self, store: Store, word: Word
    ) -> None:
        lane = given.loaded(store, 6)
        dead(store, lane, "b1", UNKNOWN, most=3)
        dead(store, lane, "b2", UNKNOWN, most=3)
        first = say(store, lane, word, entries=1)
        before = everything(store)
        assert say(store, lane, word, entries=1) == first == Redriven(first.status, 1, 3)
        assert everything(store) == before
        assert 0 < store.client.pttl(lane_keys(lane).done("revive:op")) <= 600_000

    def test_no_more_entries_than_asked_for_are_looked_at(self, store: Store) -> None:
        lane = given.loaded(store, 9)
        for i in range(3):
            dead(store, lane, f"b{i}", UNKNOWN, most=3)
        assert say(store, lane, RESEND, entries=2) == Redriven(LaneStatus.SENDING, 2, jobs=6)
        assert kept(store, lane) == [[6, 7, 8]]
        assert given.balanced(store, lane)

    def test_no_more_jobs_than_asked_for_are_handled_but_for_a_single_entry(
        self, store: Store
    ) -> None:
        lane = given.loaded(store, 9)
        for i in range(3):
            dead(store, lane, f"b{i}", UNKNOWN, most=3)
        assert say(store, lane, RESEND, op="a", most=8).jobs == 6
        assert kept(store, lane) == [[6, 7, 8]]
        assert say(store, lane, RESEND, op="b", most=1).jobs == 3
        assert given.balanced(store, lane)

    def test_what_stays_goes_behind_what_has_not_been_looked_at(self, store: Store) -> None:
        lane = given.loaded(store, 6)
        dead(store, lane, "b1", (State.FAILED,), most=3)
        dead(store, lane, "b2", UNKNOWN, most=3)
        assert say(store, lane, RESEND, op="a", entries=1) == Redriven(LaneStatus.FINISHED, 1)
        assert kept(store, lane) == [[3, 4, 5], [0, 1, 2]]
        assert say(store, lane, RESEND, op="b", entries=1).jobs == 3

    def test_a_lane_that_never_was_has_no_dead(self, store: Store) -> None:
        assert say(store, "spring-000000", RESEND) == Redriven(LaneStatus.GONE, refused=True)
        assert store.client.keys("*") == []


class TestSettleDead:
    def test_a_word_is_said_about_the_whole_list_and_the_lane_is_announced(
        self, store: Store
    ) -> None:
        lane = given.loaded(store, 2500)
        for i in range(3):
            dead(store, lane, f"b{i}", (State.UNCONFIRMED, State.FAILED))
        store.run(forget_active(lane))
        store.run(forget_ready(lane))
        store.run(apply_status_updates(lane, [StatusUpdate(0, 1, State.FORWARDED, given.NOW)]))
        said = settle_dead_letters(store, find_lane(store, lane), RESEND, UNKNOWN)
        assert said == Redriven(LaneStatus.SENDING, entries=3, jobs=1249, moved_on=1)
        assert given.counts(store, lane) == {
            State.QUEUED: 1249,
            State.FAILED: 1250,
            State.FORWARDED: 1,
        }
        assert store.run(active_lanes()) == [lane]
        assert store.run(ready_lanes()) == [(lane, 2)]
        assert given.balanced(store, lane)

    def test_a_lost_reply_is_asked_for_again_and_the_figures_are_right(self, store: Store) -> None:
        lane = given.loaded(store, 2500)
        for i in range(3):
            dead(store, lane, f"b{i}", UNKNOWN)
        forgetful = LosesReplies(store.client, store._scripts)
        said = settle_dead_letters(forgetful, find_lane(store, lane), RESEND, UNKNOWN)
        assert said == Redriven(LaneStatus.SENDING, entries=3, jobs=2500)
        assert forgetful.lost == 2
        assert given.counts(store, lane) == {State.QUEUED: 2500}
        assert given.balanced(store, lane)

    def test_what_is_refused_is_told(self, store: Store) -> None:
        lane = given.loaded(store, 2)
        dead(store, lane, "b1", UNKNOWN, most=1)
        store.run(move_lane(lane, "cancel"))
        said = settle_dead_letters(store, find_lane(store, lane), RESEND, UNKNOWN)
        assert said == Redriven(LaneStatus.CANCELLING, refused=True)

    def test_closing_announces_nothing(self, store: Store) -> None:
        lane = ended(store)
        store.run(forget_ready(lane))
        assert settle_dead_letters(store, find_lane(store, lane), CLOSE, UNKNOWN).jobs == 6
        assert store.run(ready_lanes()) == []


class TestListDead:
    def test_those_who_wait_for_a_word_are_listed_with_their_records(self, store: Store) -> None:
        lane = ended(store, 6, (State.UNCONFIRMED, State.FAILED, State.ACCEPTED))
        store.run(apply_status_updates(lane, [StatusUpdate(3, 1, State.FORWARDED, given.NOW)]))
        (one,) = list_dead_letters(store, lane, UNKNOWN)
        assert (one.index, one.recipient, one.state) == (0, "447700900000", State.UNCONFIRMED)
        assert one.attempts == 1
        assert one.record is not None
        both = list_dead_letters(store, lane, REVIVABLE)
        assert [one.index for one in both] == [0, 1, 4]

    def test_what_was_sent_again_is_not_listed(self, store: Store) -> None:
        lane = ended(store)
        say(store, lane, RESEND)
        assert list(list_dead_letters(store, lane, REVIVABLE)) == []
