"""Contents of Redis, counted on real servers."""

from store.client import Store
from store.lanes.lane import find_lane
from store.lanes.retention import note_ended
from store.reports.gauges import holdings
from store.states import State
from tests.conformance import given


def test_lanes_messages_and_memory_are_counted(store: Store) -> None:
    empty = holdings(store)
    assert (empty.active, empty.ended, empty.waiting, empty.finished) == (0, 0, 0, 0)
    assert empty.bytes_per_message is None
    lane = given.loaded(store, 10)
    claim = given.claim(store, lane, most=4)
    given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
    store.run(note_ended(find_lane(store, lane)))
    found = holdings(store)
    assert (found.active, found.ended, found.waiting, found.finished) == (1, 1, 6, 4)
    assert found.used > 100_000
    assert found.bytes_per_message == round(found.used / 10)
