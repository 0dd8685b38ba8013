"""settle_batch notes how fast messages end, by windows that a gap does not stretch."""

from store.client import Store, command
from store.keys import lane_keys
from store.queue.settlement import Settlement
from store.reports.lane_report import report
from store.reports.waiting import now_ms
from store.states import State
from tests.conformance import given


def settle_next(store: Store, lane: str, batch: str, most: int) -> None:
    """A batch of so many ends."""
    claim = given.claim(store, lane, batch, most)
    given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs), batch)


def time_passes(store: Store, lane: str, ms: int) -> None:
    """The window, and what was settled last, lie so much further back."""
    stats = lane_keys(lane).stats
    for name in ("pace_from", "pace_last"):
        store.run(command("HINCRBY", stats, name, -ms, parse=int))


def pace(store: Store, lane: str) -> float | None:
    return report(store, lane).pace(store.run(now_ms()))


class TestPace:
    def test_a_window_that_is_over_tells_the_pace(self, store: Store) -> None:
        lane = given.loaded(store, 1000)
        settle_next(store, lane, "b1", 100)
        assert pace(store, lane) is None  # nobody knows when these began
        time_passes(store, lane, 3000)
        settle_next(store, lane, "b2", 150)
        time_passes(store, lane, 3000)
        settle_next(store, lane, "b3", 150)
        found = pace(store, lane)
        assert found is not None
        assert 30 < found <= 50
        settle_next(store, lane, "b4", 600)
        assert pace(store, lane) == found  # the new window is too young

    def test_a_gap_begins_a_new_window(self, store: Store) -> None:
        lane = given.loaded(store, 1000)
        settle_next(store, lane, "b1", 100)
        time_passes(store, lane, 5000)
        settle_next(store, lane, "b2", 500)
        before = pace(store, lane)
        assert before is not None
        time_passes(store, lane, 60_000)
        assert pace(store, lane) is None
        settle_next(store, lane, "b3", 100)
        assert pace(store, lane) == before
        time_passes(store, lane, 2000)
        settle_next(store, lane, "b4", 40)
        found = pace(store, lane)
        assert found is not None
        assert 10 < found <= 20

    def test_what_goes_back_is_no_progress(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 10)
        given.settle(store, lane, claim, Settlement({State.QUEUED: 10}, back=claim.jobs))
        assert report(store, lane).window == {}
