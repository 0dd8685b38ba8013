"""note_missing: lanes that Redis has lost, and how many of their messages had gone out."""

from store.client import Store
from store.lanes.lane import clear_missing, missing_lanes, note_missing, read_sent
from store.states import State
from tests.conformance import given

LANE = "spring-a1b2c3"


class TestNoteMissing:
    def test_the_worker_that_knows_most_is_believed(self, store: Store) -> None:
        for sent in (3, 900, 7):
            store.run(note_missing(LANE, sent))
        assert store.run(missing_lanes()) == {LANE: 900}
        assert store.client.ttl("sm:missing") > 0

    def test_a_lane_that_is_dealt_with_is_cleared(self, store: Store) -> None:
        store.run(note_missing(LANE, 3))
        store.run(note_missing("other-a1b2c3", 0))
        assert store.run(clear_missing(LANE))
        assert not store.run(clear_missing(LANE))
        assert store.run(missing_lanes()) == {"other-a1b2c3": 0}


class TestReadSent:
    def test_all_that_the_provider_has_or_may_have_is_counted(self, store: Store) -> None:
        lane = given.loaded(store, 9)
        assert store.run(read_sent(lane)) == 0
        for state, n in (
            (State.ACCEPTED, 1),
            (State.READ, 2),
            (State.UNCONFIRMED, 3),
            (State.IN_DOUBT, 4),
        ):
            store.client.hset(f"sm:{{{lane}}}:counts", state, n)
        store.client.hset(f"sm:{{{lane}}}:counts", State.REJECTED, 100)
        assert store.run(read_sent(lane)) == 10
