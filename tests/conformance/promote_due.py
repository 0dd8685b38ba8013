"""promote_due: retry batches whose time has come."""

from store.client import Store
from store.keys import lane_keys
from store.lanes.lane import LaneStatus, find_lane, move_lane
from store.queue.settlement import RetryBatch, Settlement, promote_due
from store.records.job_section import Job
from store.states import State
from tests.conformance import given


def delayed(store: Store, retries: int = 1, n: int = 4) -> tuple[str, list[Job]]:
    """A campaign all of whose messages wait for a retry in an hour, in retry batches w0, w1 … of n."""
    lane = given.loaded(store, retries * n)
    everyone = []
    for i in range(retries):
        claim = given.claim(store, lane, f"b{i}", most=n)
        jobs = [Job(job.index, 1, job.line) for job in claim.jobs]
        what = Settlement({State.DELAYED: n}, given.records(State.TRIED, jobs))
        what.retries = [RetryBatch(f"w{i}", 3_600_000, jobs)]
        given.settle(store, lane, claim, what, f"b{i}")
        everyone += jobs
    return lane, everyone


class TestPromoteDue:
    def test_a_retry_waits_for_its_time(self, store: Store) -> None:
        lane, _ = delayed(store)
        promoted, wait = store.run(promote_due(lane))
        assert promoted == 0
        assert 3_500_000 < wait <= 3_600_000
        assert given.counts(store, lane) == {State.DELAYED: 4}
        assert given.claim(store, lane, "c1").jobs == []

    def test_a_retry_that_is_due_is_queued_with_its_attempts(self, store: Store) -> None:
        lane, jobs = delayed(store)
        given.retry_is_due(store, lane, "w0")
        assert store.run(promote_due(lane)) == (4, -1)
        assert given.counts(store, lane) == {State.QUEUED: 4}
        assert not store.client.exists(lane_keys(lane).retry("w0"))
        assert given.balanced(store, lane)
        assert given.claim(store, lane, "c1").jobs == jobs

    def test_retries_go_before_what_has_never_been_tried(self, store: Store) -> None:
        lane = given.loaded(store, 6)
        claim = given.claim(store, lane, most=2)
        what = Settlement({State.DELAYED: 2}, given.records(State.TRIED, claim.jobs))
        what.retries = [RetryBatch("w0", 0, claim.jobs)]
        given.settle(store, lane, claim, what)
        assert store.run(promote_due(lane)) == (2, -1)
        assert given.indexes(given.claim(store, lane, "c1").jobs) == [0, 1, 2, 3, 4, 5]

    def test_only_the_retries_that_are_due_are_promoted(self, store: Store) -> None:
        lane, _ = delayed(store, retries=3)
        given.retry_is_due(store, lane, "w1")
        promoted, wait = store.run(promote_due(lane))
        assert promoted == 4
        assert wait > 3_500_000
        assert given.counts(store, lane) == {State.QUEUED: 4, State.DELAYED: 8}
        assert given.balanced(store, lane)

    def test_no_more_retries_than_asked_for_are_promoted_at_once(self, store: Store) -> None:
        lane, _ = delayed(store, retries=3)
        for retry in ("w0", "w1", "w2"):
            given.retry_is_due(store, lane, retry)
        assert store.run(promote_due(lane, most=2)) == (8, 0)
        assert store.run(promote_due(lane, most=2)) == (4, -1)
        assert given.balanced(store, lane)

    def test_a_retry_of_jobs_with_different_attempts_is_counted_whole(self, store: Store) -> None:
        lane = given.loaded(store, 6)
        claim = given.claim(store, lane)
        jobs = [Job(job.index, job.index % 3, job.line) for job in claim.jobs]
        what = Settlement({State.DELAYED: 6}, given.records(State.TRIED, jobs))
        what.retries = [RetryBatch("w0", 0, jobs)]
        given.settle(store, lane, claim, what)
        assert store.run(promote_due(lane)) == (6, -1)
        assert given.claim(store, lane, "c1").jobs == jobs

    def test_a_lane_being_cancelled_waits_for_no_retry(self, store: Store) -> None:
        lane, _ = delayed(store)
        store.run(move_lane(lane, "cancel"))
        assert store.run(promote_due(lane)) == (4, -1)
        assert find_lane(store, lane).status is LaneStatus.CANCELLING
        assert given.counts(store, lane) == {State.QUEUED: 4}

    def test_promoting_twice_is_done_once(self, store: Store) -> None:
        lane, _ = delayed(store)
        given.retry_is_due(store, lane, "w0")
        store.run(promote_due(lane))
        before = find_lane(store, lane)
        assert store.run(promote_due(lane)) == (0, -1)
        assert find_lane(store, lane) == before
        assert given.counts(store, lane) == {State.QUEUED: 4}

    def test_a_lane_without_retries_has_none(self, store: Store) -> None:
        assert store.run(promote_due(given.loaded(store, 3))) == (0, -1)
