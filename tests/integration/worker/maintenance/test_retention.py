"""Lanes that are over: closed, and after the retention removed with all their keys."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from chatapps.responses import Refused
from store.errors import StoreUnavailable
from store.keys import ACTIVE, DRAFTS, ENDED, LANES, kept_bytes, lanes_called
from store.lanes.lane import LaneStatus
from store.queue.dead_letters import Word, settle_dead_letters
from store.states import State
from tests.conformance import given
from tests.integration.worker.rig import Rig
from worker.batch import Tools
from worker.maintenance.due_lanes import retire

DAY_MS = 86_400_000


def keep(rig: Rig, days: float) -> None:
    rig.settings = rig.settings.model_copy(update={"retention_days": days})


def passed(rig: Rig, lane: str, days: float) -> None:
    """So many days have passed since the lane ended."""
    ended_at = rig.lane(lane).finished_at - int(days * DAY_MS)
    rig.store.client.zadd(ENDED, {lane: ended_at})


async def test_a_lane_expires_when_its_time_is_over(rig: Rig) -> None:
    keep(rig, 7)
    lane, other = rig.campaign(30), rig.campaign(3, "Other")
    await rig.deliver(lane)
    await rig.sweep()
    assert rig.store.client.zrange(ENDED, 0, -1) == [lane.encode()]
    passed(rig, lane, 6.9)
    await rig.sweep()
    assert rig.lane(lane).status is LaneStatus.FINISHED
    passed(rig, lane, 7.1)
    await rig.sweep()
    left = [key for key in rig.store.client.keys("*") if lane.encode() in key]
    assert [key for key in left if b":done:" not in key] == []  # those go after ten minutes
    assert [rig.store.client.exists(lanes_called(name)) for name in ("Spring", "Other")] == [0, 1]
    assert rig.store.client.zrange(LANES, 0, -1) == [other.encode()]
    assert not rig.store.client.exists(ENDED)
    assert rig.counts(other) == {State.QUEUED: 3}


async def test_a_large_lane_goes_in_several_sweeps(rig: Rig) -> None:
    lane = rig.campaign(30)
    await rig.deliver(lane)
    await rig.sweep()
    rig.store.client.hset(f"sm:{{{lane}}}:meta", "next", 6_250_000)  # 5 keys a thousand
    passed(rig, lane, 31)
    sweeps = 0
    while rig.store.client.exists(ENDED):
        await rig.sweep()
        sweeps += 1
    assert sweeps == 4  # 20 steps of 500 keys each
    assert not rig.store.client.exists(f"sm:{{{lane}}}:expiring")


async def test_a_name_that_another_campaign_has_by_now_stays_with_it(rig: Rig) -> None:
    lane = rig.campaign(1)
    await rig.deliver(lane)
    await rig.sweep()
    rig.store.client.hset(lanes_called("Spring"), "shop", "spring-other")
    passed(rig, lane, 31)
    await rig.sweep()
    assert rig.store.client.hget(lanes_called("Spring"), "shop") == b"spring-other"


async def test_a_lane_that_was_woken_up_again_does_not_expire(rig: Rig) -> None:
    lane = rig.campaign(1)
    rig.store.client.zadd(ENDED, {lane: 1})  # it ended once
    await rig.sweep()
    assert rig.counts(lane) == {State.QUEUED: 1}
    assert not rig.store.client.exists(ENDED)


async def test_a_notification_lane_whose_day_is_over_finishes_when_it_is_empty(rig: Rig) -> None:
    lane = rig.notifications("n-a1b2c3-u250615", ["code"])
    await rig.sweep()
    assert rig.lane(lane).status is LaneStatus.SENDING
    await rig.deliver(lane)
    assert rig.lane(lane).status is LaneStatus.FINISHED
    await rig.sweep()
    assert rig.store.client.zscore(ENDED, lane) == rig.lane(lane).finished_at


async def test_the_notification_lane_of_today_stays_open(rig: Rig) -> None:
    today = datetime.now(UTC).strftime("%y%m%d")
    lane = rig.notifications(f"n-a1b2c3-u{today}", ["code"])
    await rig.sweep()
    await rig.deliver(lane)
    assert rig.lane(lane).status is LaneStatus.SENDING


async def test_a_sweep_that_is_cut_off_while_it_retires_a_lane_forgets_nothing(rig: Rig) -> None:
    lane = rig.campaign(3)
    await rig.deliver(lane)
    for step in ("HGETALL", "write_best_effort", "ZREM"):
        rig.watched.failures[step] = [StoreUnavailable("away")]
        with pytest.raises(StoreUnavailable):
            await rig.sweep()
    await rig.sweep()
    assert rig.store.client.zrange(ENDED, 0, -1) == [lane.encode()]
    assert not rig.store.client.sismember(ACTIVE, lane)


async def test_nor_a_lane_that_an_operator_wakes_up_meanwhile(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = rig.campaign(3, on_server_error="hold")
    rig.provider.steps = [Refused(503)]
    await rig.deliver(lane)

    async def late(tools: Tools, lanes: Sequence[str]) -> None:
        settle_dead_letters(rig.store, rig.lane(lane), Word.RESEND, {State.UNCONFIRMED})
        rig.watched.failures["HGETALL"] = [StoreUnavailable("away")]
        await retire(tools, lanes)

    monkeypatch.setattr("worker.maintenance.sweep.retire", late)
    with pytest.raises(StoreUnavailable):
        await rig.sweep()
    assert rig.counts(lane) == {State.QUEUED: 3}
    assert rig.store.client.smembers(ACTIVE) == {lane.encode()}


async def test_kept_values_go_by_themselves_after_the_end(rig: Rig) -> None:
    rig.settings = rig.settings.model_copy(update={"keep_values": 2})
    lane = rig.campaign(3)
    values = f"sm:{{{lane}}}:v:0"
    rig.store.client.hset(values, "0", "packed")
    await rig.sweep()
    assert rig.store.client.ttl(values) == -1  # the campaign goes on
    await rig.deliver(lane)
    await rig.sweep()
    assert 2 * 86_400 - 60 < rig.store.client.ttl(values) <= 2 * 86_400


async def test_a_draft_that_is_not_touched_for_a_week_is_gone(rig: Rig) -> None:
    """Also what a process left that died as it created one; a launched one only leaves the index."""
    lane = given.draft(rig.store, b"phone\n+447700900001\n")
    launched = rig.campaign(3)
    rig.store.client.zadd(DRAFTS, {launched: 1, "dead-a1b2c3": 1})
    rig.store.client.zadd(LANES, {"dead-a1b2c3": 1})
    await rig.sweep()
    assert rig.lane(lane.id).status is LaneStatus.DRAFT
    rig.store.client.zadd(DRAFTS, {lane.id: lane.touched_at - int(7.1 * DAY_MS)})
    await rig.sweep()
    left = [key for key in rig.store.client.keys("*") if lane.id.encode() in key]
    assert left == []
    assert not rig.store.client.exists(DRAFTS, kept_bytes("shop"), lanes_called("Draft"))
    assert rig.store.client.zrange(LANES, 0, -1) == [launched.encode()]
    assert rig.counts(launched) == {State.QUEUED: 3}
