"""recover_expired: batches whose worker is gone."""

from store.client import Store
from store.keys import lane_keys
from store.lanes.lane import find_lane, move_lane
from store.queue.settlement import (
    Recovered,
    due_in_doubt,
    mark_posting,
    read_in_doubt,
    recover_expired,
)
from store.states import State
from tests.conformance import given


def posting(store: Store, lane: str, batch: str = "b1", request: int = 1) -> None:
    store.run(mark_posting(lane, batch, owner="ann", request=request, messages=3, lease_ms=60_000))


class TestRecoverExpired:
    def test_a_batch_within_its_lease_is_left_alone(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        given.claim(store, lane)
        assert store.run(recover_expired(lane, settle_after_ms=0)) == Recovered()
        assert given.counts(store, lane) == {State.IN_FLIGHT: 3}

    def test_a_batch_whose_lease_ran_out_later_than_asked_for_is_left_alone(
        self, store: Store
    ) -> None:
        lane = given.loaded(store, 3)
        claim = given.claim(store, lane)
        posting(store, lane)
        now = claim.now_ms
        store.client.zadd(lane_keys(lane).claimed_batches, {"b1": now - 1000})
        call = recover_expired(lane, settle_after_ms=5_000, as_of_ms=now - 1001)
        assert store.run(call) == Recovered()
        call = recover_expired(lane, settle_after_ms=5_000, as_of_ms=now - 1000)
        assert store.run(call) == Recovered(in_doubt=3)
        assert store.run(due_in_doubt(lane, now + 3_999)) == []
        assert store.run(due_in_doubt(lane, now + 4_000)) == ["b1"]

    def test_a_time_to_come_is_not_believed(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        claim = given.claim(store, lane)
        call = recover_expired(lane, settle_after_ms=0, as_of_ms=claim.now_ms + 10**9)
        assert store.run(call) == Recovered()

    def test_what_was_only_claimed_returns_to_the_front(self, store: Store) -> None:
        lane = given.loaded(store, 6)
        claim = given.claim(store, lane, most=3)
        given.lease_ran_out(store, lane)
        assert store.run(recover_expired(lane, settle_after_ms=0)) == Recovered(back=3)
        assert given.counts(store, lane) == {State.QUEUED: 6}
        assert given.balanced(store, lane)
        first, second = given.claim(store, lane, "b2"), given.claim(store, lane, "b3")
        assert first.jobs + second.jobs == claim.jobs
        assert given.indexes(given.claim(store, lane, "b4").jobs) == [3, 4, 5]

    def test_what_was_about_to_be_posted_is_in_doubt(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        claim = given.claim(store, lane)
        posting(store, lane)
        posting(store, lane, request=2)
        given.lease_ran_out(store, lane)
        assert store.run(recover_expired(lane, settle_after_ms=9_000)) == Recovered(in_doubt=3)
        assert given.counts(store, lane) == {State.IN_DOUBT: 3}
        in_doubt = store.run(read_in_doubt(lane, "b1"))
        assert in_doubt is not None
        assert (in_doubt.id, in_doubt.tries, in_doubt.jobs) == ("b1", 2, claim.jobs)
        assert in_doubt.posted_at >= claim.now_ms // 1000
        due = int(store.client.zscore(lane_keys(lane).in_doubt, "b1") or 0)
        assert claim.now_ms + 9_000 <= due
        assert store.run(due_in_doubt(lane, claim.now_ms)) == []
        assert given.balanced(store, lane)

    def test_a_batch_is_recovered_once(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        given.claim(store, lane)
        given.lease_ran_out(store, lane)
        store.run(recover_expired(lane, settle_after_ms=0))
        before = find_lane(store, lane)
        assert store.run(recover_expired(lane, settle_after_ms=0)) == Recovered()
        assert find_lane(store, lane) == before

    def test_no_more_batches_than_asked_for_are_recovered_at_once(self, store: Store) -> None:
        lane = given.loaded(store, 9)
        for i in range(3):
            given.claim(store, lane, f"b{i}", most=3)
            given.lease_ran_out(store, lane, f"b{i}")
        posting(store, lane, "b1")
        given.lease_ran_out(store, lane, "b1")
        assert store.run(recover_expired(lane, settle_after_ms=0, most=2)) == Recovered(
            back=3, in_doubt=3
        )
        assert store.run(recover_expired(lane, settle_after_ms=0, most=2)) == Recovered(back=3)
        assert given.counts(store, lane) == {State.QUEUED: 6, State.IN_DOUBT: 3}
        assert given.balanced(store, lane)

    def test_a_paused_lane_gets_its_batches_back(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        given.claim(store, lane)
        store.run(move_lane(lane, "pause"))
        given.lease_ran_out(store, lane)
        assert store.run(recover_expired(lane, settle_after_ms=0)) == Recovered(back=3)

    def test_a_lease_without_a_batch_is_forgotten(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        given.lease_ran_out(store, lane, "ghost")
        assert store.run(recover_expired(lane, settle_after_ms=0)) == Recovered()
        assert store.client.zcard(lane_keys(lane).claimed_batches) == 0

    def test_half_of_a_batch_that_died_goes_alone(self, store: Store) -> None:
        lane = given.loaded(store, 8)
        die(store, lane, "b1", most=5)
        sizes = [len(given.claim(store, lane, f"c{i}").jobs) for i in range(3)]
        assert sizes == [2, 3, 3]

    def test_a_job_that_kills_worker_after_worker_is_found_and_set_aside(
        self, store: Store
    ) -> None:
        lane = given.loaded(store, 8)
        sent: list[int] = []
        for i in range(40):
            claim = given.claim(store, lane, f"b{i}")
            if 5 in given.indexes(claim.jobs):
                given.lease_ran_out(store, lane, f"b{i}")
                store.run(recover_expired(lane, settle_after_ms=0))
            elif claim.jobs:
                given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs), f"b{i}")
                sent += given.indexes(claim.jobs)
        assert sorted(sent) == [0, 1, 2, 3, 4, 6, 7]
        (in_doubt_batch,) = store.run(due_in_doubt(lane, "+inf"))
        in_doubt = store.run(read_in_doubt(lane, in_doubt_batch))
        assert in_doubt is not None
        assert in_doubt.poison
        assert given.indexes(in_doubt.jobs) == [5]
        assert given.counts(store, lane) == {State.ACCEPTED: 7, State.IN_DOUBT: 1}
        assert given.balanced(store, lane)

    def test_a_single_job_may_die_three_times(self, store: Store) -> None:
        lane = given.loaded(store, 1)
        assert [die(store, lane, f"b{i}") for i in range(3)] == [
            Recovered(back=1),
            Recovered(back=1),
            Recovered(aside=1),
        ]


def die(store: Store, lane: str, batch: str, most: int = 1000) -> Recovered:
    """A worker dies with a batch that it has only claimed."""
    given.claim(store, lane, batch, most)
    given.lease_ran_out(store, lane, batch)
    return store.run(recover_expired(lane, settle_after_ms=0))
