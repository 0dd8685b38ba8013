"""open_lane, and what finds lanes again."""

from dataclasses import replace

import pytest

from store.client import Store
from store.errors import LaneMismatch, SeveralLanes, UnknownLane
from store.lanes.lane import (
    LaneStatus,
    Policies,
    Priority,
    find_lane,
    list_lanes,
    read_lane,
    read_status,
)
from store.lanes.open import open_campaign, open_notifications
from tests.conformance import given


class TestOpenLane:
    def test_a_lane_is_what_it_was_opened_as(self, store: Store) -> None:
        content = bytes(range(256))
        plan = replace(
            given.plan(),
            content=content,
            priority=Priority.NORMAL,
            policies=Policies("resend", "hold", 2.5),
        )
        lane_id, resumed = open_campaign(store, plan)
        lane = find_lane(store, "Spring")
        assert not resumed
        assert (lane.id, lane.name, lane.kind) == (lane_id, "Spring", "campaign")
        assert (lane.sub_account, lane.priority) == ("shop", Priority.NORMAL)
        assert (lane.on_unconfirmed, lane.on_server_error, lane.settle_after) == (
            "resend",
            "hold",
            2.5,
        )
        assert lane.content == content
        assert (lane.status, lane.reason, lane.loaded) == (LaneStatus.LOADING, "", False)
        assert (lane.next_index, lane.offset, lane.line, lane.row) == (0, 0, 0, 0)
        assert lane.opened_at > 0
        assert (lane.started_at, lane.finished_at) == (0, 0)

    def test_the_same_campaign_is_opened_once_and_found_again(self, store: Store) -> None:
        first, _ = open_campaign(store, given.plan())
        given.add(store, first, given.numbers(3), 0, 3)
        assert open_campaign(store, given.plan()) == (first, True)
        assert find_lane(store, first).next_index == 3

    @pytest.mark.parametrize(
        ("changed", "what"),
        [
            ({"content_digest": "other"}, "message"),
            ({"source": "other"}, "recipient file"),
        ],
    )
    def test_a_name_cannot_be_used_for_something_else(
        self, store: Store, changed: dict[str, str], what: str
    ) -> None:
        lane = given.campaign(store)
        before = store.run(read_lane(lane))
        with pytest.raises(LaneMismatch, match=what):
            open_campaign(store, replace(given.plan(), **changed))  # type: ignore[arg-type]
        assert store.run(read_lane(lane)) == before

    def test_a_name_belongs_to_a_sub_account(self, store: Store) -> None:
        ours = given.campaign(store)
        theirs, resumed = open_campaign(store, replace(given.plan(), sub_account="bank"))
        assert not resumed
        for whose, lane in (("shop", ours), ("bank", theirs)):
            assert find_lane(store, "Spring", whose.__eq__).id == lane
        with pytest.raises(SeveralLanes, match=r"\(bank, shop\): say which with --sub-account"):
            find_lane(store, "Spring")
        with pytest.raises(UnknownLane):
            find_lane(store, "Spring", "club".__eq__)

    def test_an_id_comes_before_a_name_that_reads_like_it(self, store: Store) -> None:
        ours = given.campaign(store)
        squat = open_campaign(store, replace(given.plan(ours), sub_account="bank"))[0]
        assert find_lane(store, ours).id == ours
        assert find_lane(store, ours, "shop".__eq__).id == ours
        assert find_lane(store, ours, "bank".__eq__).id == squat

    def test_an_early_campaign_may_be_sent_from_at_once(self, store: Store) -> None:
        assert store.run(read_status(given.campaign(store, early=True))) is LaneStatus.SENDING

    def test_opening_notifications_again_changes_nothing(self, store: Store) -> None:
        lane = given.notifications(store)
        before = store.run(read_lane(lane))
        open_notifications(store, lane, "other", Priority.BULK, Policies("hold"))
        assert store.run(read_lane(lane)) == before
        assert before is not None
        assert (before.status, before.kind) == (LaneStatus.SENDING, "notifications")

    def test_a_lane_is_found_by_name_and_by_id(self, store: Store) -> None:
        lane = given.campaign(store, "Spring sale")
        assert find_lane(store, "Spring sale") == find_lane(store, lane)

    def test_an_unknown_lane_is_said_to_be_unknown(self, store: Store) -> None:
        with pytest.raises(UnknownLane, match="no campaign 'Autumn'"):
            find_lane(store, "Autumn")
        assert store.run(read_lane("autumn-000000")) is None
        assert store.run(read_status("autumn-000000")) is LaneStatus.GONE

    def test_lanes_are_listed_newest_first(self, store: Store) -> None:
        lanes = [given.campaign(store, f"Campaign {i}") for i in range(3)]
        store.client.zadd("sm:lanes", {lane: i for i, lane in enumerate(lanes)})
        assert [lane.id for lane in list_lanes(store)] == lanes[::-1]
        assert [lane.id for lane in list_lanes(store, newest=1)] == lanes[2:]
