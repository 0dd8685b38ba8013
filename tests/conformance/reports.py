"""read_lane_report and the other ways to look at a lane; the ledger that proves its counts."""

import pytest

from store.client import Store
from store.errors import UnknownLane
from store.keys import lane_keys
from store.lanes.lane import LaneStatus, find_lane
from store.people.recipients import find_recipient
from store.queue.enqueue import Place, enqueue_rows
from store.queue.settlement import RetryBatch, Settlement, attempt_log_entries
from store.records.outcome import Origin
from store.reports.lane_report import message_report, outcomes, report, waiting_jobs
from store.reports.recount import recount
from store.states import State
from tests.conformance import given


def half_done(store: Store) -> str:
    """Ten people: three accepted, two waiting for a retry, one in the air, four queued."""
    lane = given.loaded(store, 10)
    claim = given.claim(store, lane, most=5)
    what = given.ended(State.ACCEPTED, claim.jobs[:3])
    what.records += given.records(State.TRIED, claim.jobs[3:])
    what.add(State.DELAYED, 2)
    what.retries = [RetryBatch("w0", 60_000, claim.jobs[3:])]
    what.attempt_logs = list(attempt_log_entries(claim.jobs[3:], "1 http 503 1750000000 b1"))
    given.settle(store, lane, claim, what)
    given.claim(store, lane, "b2", most=1)
    return lane


class TestReport:
    def test_a_report_tells_the_lane_and_its_figures(self, store: Store) -> None:
        lane = half_done(store)
        found = report(store, lane)
        assert found.lane == find_lane(store, lane)
        assert found.counts == {
            State.ACCEPTED: 3, State.DELAYED: 2, State.IN_FLIGHT: 1, State.QUEUED: 4,
        }  # fmt: skip
        assert (found.sent, found.open, found.done) == (3, 7, 3)
        assert (found.requests, found.mean_batch) == (0, 0)
        assert found.balanced

    def test_a_report_that_does_not_balance_says_so(self, store: Store) -> None:
        lane = half_done(store)
        store.client.hincrby(lane_keys(lane).counts, "queued", 1)
        assert not report(store, lane).balanced

    def test_there_is_no_report_of_an_unknown_lane(self, store: Store) -> None:
        with pytest.raises(UnknownLane):
            report(store, "spring-000000")

    def test_waiting_jobs_are_found_wherever_they_are(self, store: Store) -> None:
        found = {job.index: state for state, job in waiting_jobs(store, half_done(store))}
        assert found == {
            3: State.DELAYED, 4: State.DELAYED, 5: State.IN_FLIGHT,
            **dict.fromkeys(range(6, 10), State.QUEUED),
        }  # fmt: skip


class TestMessages:
    def test_a_message_is_told_with_its_earlier_attempts(self, store: Store) -> None:
        lane = half_done(store)
        accepted, tried, waiting = (message_report(store, f"{lane}.{i}") for i in (0, 3, 9))
        assert accepted.outcome is not None
        assert (accepted.outcome.state, accepted.recipient) == (State.ACCEPTED, "447700900000")
        assert (accepted.outcome.origin, accepted.outcome.umid) == (Origin.NONE, None)
        assert accepted.attempt_log == ()
        assert tried.outcome is not None
        assert (tried.outcome.state, tried.attempt_log) == (
            State.TRIED,
            ("1 http 503 1750000000 b1",),
        )
        assert (waiting.outcome, waiting.recipient) == (None, "447700900009")

    def test_a_message_is_found_by_its_id_with_the_attempt(self, store: Store) -> None:
        lane = half_done(store)
        assert message_report(store, f"{lane}.3.2") == message_report(store, f"{lane}.3")

    def test_people_who_are_no_numbers_are_named(self, store: Store) -> None:
        lane = given.campaign(store, early=True)
        given.add(store, lane, [b"GB.1349120865530274\tA"], 0, 1)
        claim = given.claim(store, lane)
        what = given.ended(State.ACCEPTED, claim.jobs)
        what.long_ids = [(0, claim.jobs[0].recipient)]
        given.settle(store, lane, claim, what)
        assert message_report(store, f"{lane}.0").recipient == "GB.1349120865530274"
        assert [outcome.number for outcome in outcomes(store, lane)] == [""]

    @pytest.mark.parametrize("rest", ["", ".10", ".x", ".-1", ".²", ".3x"])
    def test_a_message_that_never_was_is_unknown(self, store: Store, rest: str) -> None:
        lane = half_done(store)
        with pytest.raises(UnknownLane, match="There is no message"):
            message_report(store, f"{lane}{rest}")
        with pytest.raises(UnknownLane, match="There is no message"):
            message_report(store, f"spring-000000{rest}")

    def test_a_person_is_found_by_number(self, store: Store) -> None:
        lane = find_lane(store, half_done(store))
        assert [find_recipient(store, lane, f"44770090000{i}") for i in range(10)] == list(
            range(10)
        )

    @pytest.mark.parametrize("nobody", ["447700900010", "", "²", "٣", "GB.1", "9" * 40])
    def test_a_person_who_is_not_in_is_not_found(self, store: Store, nobody: str) -> None:
        assert find_recipient(store, find_lane(store, half_done(store)), nobody) is None

    def test_nobody_is_looked_up_in_a_notification_lane(self, store: Store) -> None:
        lane = find_lane(store, given.notifications(store))
        assert find_recipient(store, lane, "447700900001") is None


class TestLedger:
    def test_a_lane_that_is_half_done_balances(self, store: Store) -> None:
        found = recount(store, half_done(store))
        assert found.balanced
        assert found.accepted_jobs == 10
        assert sum(found.found.values()) == 10

    def test_an_empty_lane_balances(self, store: Store) -> None:
        assert recount(store, given.campaign(store)).balanced

    def test_a_message_that_is_nowhere_is_missed(self, store: Store) -> None:
        lane = half_done(store)
        store.client.delete(lane_keys(lane).retry("w0"))
        found = recount(store, lane)
        assert (found.missing, found.doubled, found.balanced) == ((3, 4), (), False)

    def test_a_message_in_two_places_is_noticed(self, store: Store) -> None:
        lane = half_done(store)
        keys = lane_keys(lane)
        store.client.lpush(keys.queue, store.client.get(keys.retry("w0")) or b"")
        assert recount(store, lane).doubled == (3, 4)

    def test_counts_that_are_wrong_are_noticed(self, store: Store) -> None:
        lane = half_done(store)
        store.client.hincrby(lane_keys(lane).counts, "accepted", 1)
        store.client.hincrby(lane_keys(lane).counts, "queued", -1)
        found = recount(store, lane)
        assert (found.missing, found.doubled, found.balanced) == ((), (), False)

    def test_jobs_that_come_in_meanwhile_do_no_harm(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, given.numbers(3), 0, 3)
        store.run(enqueue_rows(lane, Place(3), Place(5), given.numbers(2, 3), 0))
        store.client.hset(lane_keys(lane).meta, "next", 3)  # as the lane was when it was read
        found = recount(store, lane)
        assert (found.missing, found.doubled, found.found) == ((), (), {State.QUEUED: 3})

    def test_an_ended_lane_balances(self, store: Store) -> None:
        lane = given.loaded(store, 5)
        claim = given.claim(store, lane)
        back = Settlement({State.QUEUED: 5}, back=claim.jobs)
        given.settle(store, lane, claim, back)
        claim = given.claim(store, lane, "b2")
        end = given.settle(store, lane, claim, given.ended(State.SKIPPED, claim.jobs), "b2")
        assert end.status is LaneStatus.FINISHED
        assert recount(store, lane).balanced
