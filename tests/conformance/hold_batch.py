"""hold_batch: what is in doubt of a batch is not sent again by itself."""

from store.client import Store
from store.queue.settlement import (
    InDoubtBatch,
    Settlement,
    mark_posting,
    read_in_doubt,
    recover_expired,
)
from store.receipts.sent_batches import hold_batch, jobs_of_claimed
from store.states import State
from tests.conformance.given import claim, claimed_batch, indexes, lease_ran_out, loaded, settle


class TestHoldBatch:
    def test_a_batch_that_is_lost_is_an_in_doubt_batch_that_is_held(self, store: Store) -> None:
        lane = loaded(store, 3)
        claim(store, lane)
        store.run(mark_posting(lane, "b1", owner="ann", request=1, messages=3, lease_ms=1))
        jobs = store.run(jobs_of_claimed(lane, "b1"))
        assert indexes(jobs) == [0, 1, 2]
        assert store.run(hold_batch(lane, "b1")) == 1
        lease_ran_out(store, lane)
        store.run(recover_expired(lane, settle_after_ms=0))
        in_doubt_batch = store.run(read_in_doubt(lane, "b1"))
        assert in_doubt_batch is not None
        assert in_doubt_batch.held

    def test_what_is_in_doubt_when_a_held_batch_is_settled_is_held(self, store: Store) -> None:
        lane, claimed = claimed_batch(store, 2)
        store.run(hold_batch(lane, "b1"))
        in_doubt = Settlement(
            counts={State.IN_DOUBT: 2}, in_doubt_batches=[InDoubtBatch("b1p", 0, claimed.jobs)]
        )
        settle(store, lane, claimed, in_doubt)
        in_doubt_batch = store.run(read_in_doubt(lane, "b1p"))
        assert in_doubt_batch is not None
        assert in_doubt_batch.held

    def test_an_in_doubt_batch_is_held(self, store: Store) -> None:
        lane, claimed = claimed_batch(store, 2)
        in_doubt = Settlement(
            counts={State.IN_DOUBT: 2}, in_doubt_batches=[InDoubtBatch("b1p", 0, claimed.jobs)]
        )
        settle(store, lane, claimed, in_doubt)
        before = store.run(read_in_doubt(lane, "b1p"))
        assert store.run(hold_batch(lane, "b1")) == 1
        after = store.run(read_in_doubt(lane, "b1p"))
        assert before is not None
        assert after is not None
        assert (before.held, after.held) == (False, True)

    def test_nothing_is_made_of_a_batch_that_is_over(self, store: Store) -> None:
        lane = loaded(store, 1)
        before = sorted(store.client.keys())
        assert store.run(hold_batch(lane, "b1")) == 0
        assert store.run(jobs_of_claimed(lane, "b1")) == []
        assert sorted(store.client.keys()) == before
