"""read_due: a sweep sees what is due in a lane, and changes nothing by looking."""

from store.client import Store
from store.lanes.due import Look, read_due
from store.lanes.lane import LaneStatus, Priority, move_lane
from store.queue.settlement import InDoubtBatch, RetryBatch, Settlement, claim_batch
from store.states import State
from tests.conformance import given

LATER = 1 << 50
"""ms; whatever has run out by now counts."""


def look(store: Store, lane: str, as_of: int = LATER) -> Look:
    return store.run(read_due(lane, as_of))


def is_busy(store: Store, lane: str, soon_ms: int = 5000) -> bool:
    return store.run(read_due(lane, LATER, soon_ms)).busy


class TestLookAtLane:
    def test_a_lane_with_jobs_waits_and_nothing_is_due(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        before = sorted(store.client.keys())
        found = look(store, lane)
        assert (found.status, found.kind, found.priority) == (
            LaneStatus.SENDING, "campaign", Priority.BULK,
        )  # fmt: skip
        assert (found.waiting, found.due) == (1, False)
        assert found.now_ms > given.NOW * 1000
        assert sorted(store.client.keys()) == before

    def test_a_lane_that_is_gone_says_so(self, store: Store) -> None:
        found = look(store, "spring-000000")
        assert (found.status, found.kind, found.waiting, found.due) == (
            LaneStatus.GONE,
            "",
            0,
            False,
        )

    def test_a_notification_lane_tells_what_it_is(self, store: Store) -> None:
        found = look(store, given.notifications(store))
        assert (found.kind, found.priority) == ("notifications", Priority.URGENT)

    def test_a_retry_is_due_when_its_time_has_come(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 2)
        what = Settlement({State.DELAYED: 2}, given.records(State.TRIED, claim.jobs))
        what.retries = [RetryBatch("w0", 60_000, claim.jobs)]
        given.settle(store, lane, claim, what)
        assert not look(store, lane).due
        given.retry_is_due(store, lane, "w0")
        assert look(store, lane, as_of=0).due

    def test_any_retry_is_due_in_a_lane_that_is_being_cancelled(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 2)
        what = Settlement({State.DELAYED: 2}, given.records(State.TRIED, claim.jobs))
        what.retries = [RetryBatch("w0", 60_000, claim.jobs)]
        given.settle(store, lane, claim, what)
        store.run(move_lane(lane, "cancel"))
        assert look(store, lane).due

    def test_a_batch_is_due_when_its_lease_had_run_out_by_then(self, store: Store) -> None:
        lane, _ = given.claimed_batch(store, 2)
        assert not look(store, lane).due  # its lease goes on, whatever is asked
        given.lease_ran_out(store, lane)
        assert look(store, lane).due
        assert not look(store, lane, as_of=-1).due

    def test_an_in_doubt_batch_is_due_when_its_time_was_over_by_then(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 2)
        what = Settlement(
            {State.IN_DOUBT: 2}, in_doubt_batches=[InDoubtBatch("b1p", 60_000, claim.jobs)]
        )
        given.settle(store, lane, claim, what)
        now = look(store, lane).now_ms
        assert not look(store, lane, as_of=now).due
        assert look(store, lane, as_of=now + 60_001).due

    def test_a_cancelled_lane_is_due_while_jobs_wait_in_it(self, store: Store) -> None:
        lane = given.loaded(store, 2)
        store.run(move_lane(lane, "cancel"))
        assert look(store, lane).due
        claim = store.run(
            claim_batch(
                lane, "b1", owner="ann", most=9, most_bytes=1 << 21, lease_ms=60_000,
                status=LaneStatus.CANCELLING,
            )
        )  # fmt: skip
        assert not look(store, lane).due
        assert len(claim.jobs) == 2

    def test_a_paused_lane_is_seen_as_it_is(self, store: Store) -> None:
        lane = given.loaded(store, 2)
        store.run(move_lane(lane, "pause"))
        found = look(store, lane)
        assert (found.status, found.waiting, found.due) == (LaneStatus.PAUSED, 1, False)

    def test_a_lane_is_busy_while_jobs_are_queued(self, store: Store) -> None:
        lane = given.loaded(store, 2)
        assert is_busy(store, lane)
        assert not is_busy(store, given.notifications(store))  # it is open, and empty

    def test_a_lane_is_busy_while_something_is_due_soon(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 2)
        assert not is_busy(store, lane)
        assert is_busy(store, lane, soon_ms=60_000)  # its lease
        what = Settlement({State.DELAYED: 2}, given.records(State.TRIED, claim.jobs))
        what.retries = [RetryBatch("w0", 30_000, claim.jobs)]
        given.settle(store, lane, claim, what)
        assert not is_busy(store, lane)
        assert is_busy(store, lane, soon_ms=30_000)
