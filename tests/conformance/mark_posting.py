"""mark_posting: writing down that a batch is about to be posted."""

import pytest

from store.client import Store
from store.keys import lane_keys
from store.lanes.lane import move_lane
from store.queue.settlement import Mark, Recovered, mark_posting, recover_expired
from store.reports.lane_report import report
from tests.conformance import given


def mark(store: Store, lane: str, *, owner: str = "ann", request: int = 1, n: int = 3) -> Mark:
    return store.run(
        mark_posting(lane, "b1", owner=owner, request=request, messages=n, lease_ms=90_000)
    )


class TestMarkPosting:
    def test_a_marked_batch_is_posting(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        given.claim(store, lane)
        answer = mark(store, lane)
        assert answer.may_post
        claimed_batch = store.client.hmget(
            lane_keys(lane).claimed_batch("b1"), "phase", "tries", "posted_at"
        )
        assert claimed_batch == [b"posting", b"1", str(answer.now_ms).encode()]

    def test_every_request_is_counted_once(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        revision = given.claim(store, lane).revision
        first, again = mark(store, lane), mark(store, lane)
        assert first.revision == again.revision == revision + 1
        assert again.may_post
        assert mark(store, lane, request=2, n=2).revision == revision + 2
        assert report(store, lane).stats == {"requests": 2, "posted": 5}
        assert report(store, lane).mean_batch == 2.5

    def test_marking_renews_the_lease(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        given.claim(store, lane)
        given.lease_ran_out(store, lane)
        answer = mark(store, lane)
        assert answer.may_post
        assert store.client.zscore(lane_keys(lane).claimed_batches, "b1") == answer.now_ms + 90_000
        assert store.run(recover_expired(lane, settle_after_ms=0)) == Recovered()

    def test_a_batch_that_was_taken_back_is_lost(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        given.claim(store, lane)
        given.lease_ran_out(store, lane)
        store.run(recover_expired(lane, settle_after_ms=0))
        assert mark(store, lane).lost
        assert report(store, lane).stats == {}
        assert not store.client.exists(lane_keys(lane).claimed_batch("b1"))

    def test_the_batch_of_somebody_else_is_not_ours(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        given.claim(store, lane)
        assert mark(store, lane, owner="bob").lost

    @pytest.mark.parametrize("action", ["pause", "stop", "cancel"])
    def test_nothing_is_posted_for_a_lane_that_is_not_sending(
        self, store: Store, action: str
    ) -> None:
        lane = given.loaded(store, 3)
        given.claim(store, lane)
        _, status = store.run(move_lane(lane, action))
        answer = mark(store, lane)
        assert (answer.verdict, answer.may_post, answer.lost) == (status, False, False)
        assert report(store, lane).stats == {}

    def test_a_batch_whose_lane_is_gone_may_not_be_posted(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        given.claim(store, lane)
        store.client.delete(lane_keys(lane).meta)
        assert mark(store, lane).verdict == "gone"
