"""pace_lane and claim_batch: a campaign keeps to its own rate, which changes while it runs."""

from store.client import Store
from store.keys import lane_keys
from store.lanes.lane import SPREAD, Pace, find_lane, pace_lane, rate_out
from store.reports.waiting import now_ms
from tests.conformance import given


def later(store: Store, lane: str, ms: int) -> None:
    """Let time pass for the rate of a lane."""
    key = lane_keys(lane).meta
    turn = float(store.client.hget(key, "turn") or 0)
    store.client.hset(key, "turn", turn - ms)


class TestPaceLane:
    def test_a_rate_bounds_what_is_claimed_and_says_when_more_may_be(self, store: Store) -> None:
        lane = given.loaded(store, 500)
        assert store.run(pace_lane(lane, 100, None)) == Pace(100, 1)
        first = given.claim(store, lane)
        assert len(first.jobs) == 50  # half a second's worth
        assert (first.rate, first.weight) == (100, 1)
        assert 400 < first.wait_ms <= 500
        none = given.claim(store, lane, "x1")
        assert none.jobs == []
        assert 0 < none.wait_ms <= 500
        later(store, lane, 500)
        assert len(given.claim(store, lane, "x2").jobs) == 50
        assert store.run(pace_lane(lane, 0, 7)) == Pace(0, 7)
        free = given.claim(store, lane, "x3")
        assert (len(free.jobs), free.wait_ms, free.weight) == (400, 0, 7)
        assert given.balanced(store, lane)

    def test_an_idle_lane_saves_up_no_more_than_half_a_second(self, store: Store) -> None:
        lane = given.loaded(store, 500)
        store.run(pace_lane(lane, 100, None))
        given.claim(store, lane)
        store.client.hset(lane_keys(lane).meta, "turn", store.run(now_ms()) - 3_600_000)
        assert len(given.claim(store, lane, "x1").jobs) == 50
        assert given.claim(store, lane, "x2").jobs == []

    def test_a_slow_rate_is_a_message_at_a_time(self, store: Store) -> None:
        lane = given.loaded(store, 5)
        store.run(pace_lane(lane, 0.5, None))
        assert len(given.claim(store, lane).jobs) == 1
        assert given.claim(store, lane, "x1").wait_ms > 1000
        later(store, lane, 2000)
        assert len(given.claim(store, lane, "x2").jobs) == 1

    def test_a_faster_rate_is_not_held_up_by_the_turn_of_a_slow_one(self, store: Store) -> None:
        lane = given.loaded(store, 500)
        store.run(pace_lane(lane, 0.01, None))
        assert given.claim(store, lane).wait_ms > 99_000
        store.run(pace_lane(lane, 100, None))
        assert 0 < given.claim(store, lane, "x1").wait_ms <= 500
        later(store, lane, 500)
        assert len(given.claim(store, lane, "x2").jobs) == 50
        store.run(pace_lane(lane, SPREAD, None))
        later(store, lane, 500)
        assert given.claim(store, lane, "x3", spread_rate=0.001).wait_ms > 999_000
        assert given.claim(store, lane, "x4", spread_rate=1).wait_ms <= 1000
        later(store, lane, 1000)
        assert len(given.claim(store, lane, "x5", spread_rate=1).jobs) == 1

    def test_what_is_no_campaign_has_no_pace(self, store: Store) -> None:
        assert store.run(pace_lane("unknown-lane", 5, None)) is None
        assert store.run(pace_lane(given.notifications(store), 5, None)) is None
        lane = given.loaded(store, 1)
        assert (find_lane(store, lane).rate, find_lane(store, lane).weight) == (0, 1)

    def test_a_time_to_finish_sets_the_rate_from_what_is_left(self, store: Store) -> None:
        lane = given.loaded(store, 950)
        end = store.run(now_ms()) + 10_000
        assert store.run(pace_lane(lane, None, None, end, "Europe/London")) == Pace(
            0, 1, end, "Europe/London"
        )
        first = given.claim(store, lane)
        assert 99 < first.rate < 103  # 950 in 95 % of 10 s
        assert len(first.jobs) == 50
        later(store, lane, 5000)
        store.client.hset(lane_keys(lane).meta, "finish_by", store.run(now_ms()) + 2000)
        assert given.claim(store, lane, "x1").rate > 450  # it is late

    def test_a_campaign_that_is_spread_goes_at_the_rate_of_its_tier(self, store: Store) -> None:
        lane = given.loaded(store, 500)
        assert store.run(pace_lane(lane, SPREAD, None)) == Pace(SPREAD, 1)
        assert rate_out(find_lane(store, lane).rate) == {"rate": 0, "spread": True}
        first = given.claim(store, lane, spread_rate=100)
        assert (len(first.jobs), first.rate) == (50, SPREAD)
        assert given.claim(store, lane, "x1", spread_rate=100).jobs == []
        later(store, lane, 500)
        assert len(given.claim(store, lane, "x2", spread_rate=20).jobs) == 10
        assert len(given.claim(store, lane, "x3", spread_rate=0).jobs) == 440, "it has no tier now"

    def test_after_that_time_it_goes_as_fast_as_it_may(self, store: Store) -> None:
        lane = given.loaded(store, 500)
        store.run(pace_lane(lane, None, None, store.run(now_ms()) - 1, ""))
        claim = given.claim(store, lane)
        assert (len(claim.jobs), claim.rate) == (500, 0)

    def test_a_rate_and_a_time_replace_each_other(self, store: Store) -> None:
        lane, end = given.loaded(store, 5), store.run(now_ms()) + 60_000
        store.run(pace_lane(lane, 50, 3))
        assert store.run(pace_lane(lane, None, None, end, "UTC")) == Pace(0, 3, end, "UTC")
        assert find_lane(store, lane).finish_by == end
        assert store.run(pace_lane(lane, 0, None)) == Pace(0, 3)
