"""schedule_lane: a campaign starts at its time, which can be changed until its first claim."""

import pytest

from store.client import Store
from store.keys import lane_keys
from store.lanes.due import read_due
from store.lanes.lane import LaneStatus, find_lane, finish_loading, move_lane, schedule_lane
from store.reports.waiting import now_ms
from tests.conformance import given

HOUR = 3_600_000


def in_an_hour(store: Store) -> int:
    return store.run(now_ms()) + HOUR


def has_come(store: Store, lane: str) -> None:
    """Put the time of a lane into the past."""
    store.client.hset(lane_keys(lane).meta, "send_at", store.run(now_ms()) - 1)


class TestScheduleLane:
    def test_a_lane_with_a_time_waits_for_it_and_starts_then(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, given.numbers(3), 0, 3)
        at = in_an_hour(store)
        assert store.run(schedule_lane(lane, at, "Europe/Paris")) == ("ok", LaneStatus.LOADING)
        assert store.run(finish_loading(lane)) is LaneStatus.SCHEDULED
        found = find_lane(store, lane)
        assert (found.send_at, found.zone) == (at, "Europe/Paris")
        look = store.run(read_due(lane, 0))
        assert not look.due
        assert look.starts_in_ms == pytest.approx(HOUR, abs=60_000)
        assert given.claim(store, lane).jobs == []
        assert store.run(move_lane(lane, "start")) == (False, LaneStatus.SCHEDULED)
        has_come(store, lane)
        assert store.run(read_due(lane, 0)).due
        assert store.run(move_lane(lane, "start")) == (True, LaneStatus.SENDING)
        assert len(given.claim(store, lane).jobs) == 3
        assert given.balanced(store, lane)

    def test_a_time_can_be_set_changed_and_removed_until_the_first_claim(
        self, store: Store
    ) -> None:
        lane = given.loaded(store, 3)
        assert store.run(schedule_lane(lane, in_an_hour(store), "UTC"))[1] is LaneStatus.SCHEDULED
        assert store.run(schedule_lane(lane, 1, "UTC")) == ("past", LaneStatus.SCHEDULED)
        assert store.run(schedule_lane(lane, None, "")) == ("ok", LaneStatus.PAUSED)
        assert find_lane(store, lane).send_at == 0
        assert store.run(move_lane(lane, "resume")) == (True, LaneStatus.SENDING)
        given.claim(store, lane, most=1)
        assert store.run(schedule_lane(lane, in_an_hour(store), "UTC")) == (
            "started", LaneStatus.SENDING
        )  # fmt: skip

    def test_a_scheduled_lane_is_paused_resumed_and_cancelled(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        store.run(schedule_lane(lane, in_an_hour(store), "UTC"))
        assert store.run(move_lane(lane, "pause")) == (True, LaneStatus.PAUSED)
        assert store.run(move_lane(lane, "resume")) == (True, LaneStatus.SCHEDULED)
        assert store.run(move_lane(lane, "resume")) == (False, LaneStatus.SCHEDULED)
        assert store.run(move_lane(lane, "cancel")) == (True, LaneStatus.CANCELLING)
        assert store.run(schedule_lane(lane, in_an_hour(store), "UTC"))[0] == "cancelling"

    def test_what_is_no_campaign_has_no_time(self, store: Store) -> None:
        assert store.run(schedule_lane("unknown-lane", in_an_hour(store), "UTC"))[0] == "gone"
        notes = given.notifications(store)
        assert store.run(schedule_lane(notes, in_an_hour(store), "UTC"))[0] == "gone"
