"""hold_siblings: what is in doubt of a batch is not sent again by itself."""

from store.client import Store
from store.queue.settlement import Park, Settlement, mark_posting, read_park, recover_flights
from store.receipts.batch_receipts import hold_siblings, jobs_of_flight
from store.states import State
from tests.conformance.given import claim, flight, indexes, lease_ran_out, loaded, settle


class TestHoldSiblings:
    def test_a_flight_that_is_lost_is_a_park_that_is_held(self, store: Store) -> None:
        lane = loaded(store, 3)
        claim(store, lane)
        store.run(mark_posting(lane, "b1", owner="ann", request=1, messages=3, lease_ms=1))
        jobs = store.run(jobs_of_flight(lane, "b1"))
        assert indexes(jobs) == [0, 1, 2]
        assert store.run(hold_siblings(lane, "b1")) == 1
        lease_ran_out(store, lane)
        store.run(recover_flights(lane, settle_after_ms=0))
        park = store.run(read_park(lane, "b1"))
        assert park is not None
        assert park.held

    def test_what_is_parked_when_a_held_flight_is_settled_is_held(self, store: Store) -> None:
        lane, claimed = flight(store, 2)
        store.run(hold_siblings(lane, "b1"))
        parked = Settlement(counts={State.PARKED: 2}, parks=[Park("b1p", 0, claimed.jobs)])
        settle(store, lane, claimed, parked)
        park = store.run(read_park(lane, "b1p"))
        assert park is not None
        assert park.held

    def test_a_park_is_held(self, store: Store) -> None:
        lane, claimed = flight(store, 2)
        parked = Settlement(counts={State.PARKED: 2}, parks=[Park("b1p", 0, claimed.jobs)])
        settle(store, lane, claimed, parked)
        before = store.run(read_park(lane, "b1p"))
        assert store.run(hold_siblings(lane, "b1")) == 1
        after = store.run(read_park(lane, "b1p"))
        assert before is not None
        assert after is not None
        assert (before.held, after.held) == (False, True)

    def test_nothing_is_made_of_a_batch_that_is_over(self, store: Store) -> None:
        lane = loaded(store, 1)
        before = sorted(store.client.keys())
        assert store.run(hold_siblings(lane, "b1")) == 0
        assert store.run(jobs_of_flight(lane, "b1")) == []
        assert sorted(store.client.keys()) == before
