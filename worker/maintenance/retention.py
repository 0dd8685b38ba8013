"""Retention: closes notification lanes whose day is over, and removes lanes that ended long ago."""

from datetime import UTC, datetime, timedelta

import structlog

from store.lanes.drafts import KEPT_MS, deleting, unlist_draft, untouched_since
from store.lanes.lane import Lane, LaneStatus, move_lane, read_lane
from store.lanes.retention import (
    ended_before,
    expire_step,
    forget_ended,
    forget_listed,
    free_name,
    holder_of,
)
from store.plans import carry_out_async
from worker.batch import Tools

log = structlog.get_logger(__name__)

GRACE = timedelta(hours=1)
"""Tolerated delay of a producer's clock."""
STEPS = 20
"""Steps of removal per sweep."""
DAY_MS = 86_400_000


async def close_if_over(tools: Tools, lane: Lane, now_ms: int) -> None:
    """Let a notification lane finish when its day has been over for an hour, by Redis' clock.

    Producers open the next day's lane by themselves. A producer whose clock is more than an hour late
    finds the lane closed, and asks Redis for the day.
    """
    if lane.kind == "notifications" and now_ms >= over_at_ms(lane.id):
        changed, status = await tools.store.run(move_lane(lane.id, "close"))
        if changed:
            log.info("lane_closed", lane=lane.id, status=str(status))


def over_at_ms(lane_id: str) -> int:
    """Time at which a notification lane may be closed; its id ends with its day."""
    day = datetime.strptime(lane_id[-6:], "%y%m%d").replace(tzinfo=UTC)
    return int((day + timedelta(days=1) + GRACE).timestamp() * 1000)


async def expire_lanes(tools: Tools, now_ms: int) -> None:
    """Remove lanes that ended more than `retention_days` ago, a few steps per sweep."""
    until = now_ms - int(tools.settings.retention_days * DAY_MS)
    steps = STEPS
    for lane_id in await tools.store.run(ended_before(until)):
        await _unlist(tools, lane_id)
        left = 1
        while left > 0 and steps > 0:
            left = await tools.store.run(expire_step(lane_id))
            steps -= 1
        if left <= 0:
            await tools.store.run(forget_ended(lane_id))
        if left == 0:
            log.info("lane_expired", lane=lane_id)


async def expire_drafts(tools: Tools, now_ms: int) -> None:
    """Remove drafts that were not touched for a week."""
    for lane_id in await tools.store.run(untouched_since(now_ms - KEPT_MS)):
        lane = await tools.store.run(read_lane(lane_id))
        if lane is None:  # it was never whole
            await tools.store.run(forget_listed(lane_id))
        elif lane.status is LaneStatus.DRAFT:
            await carry_out_async(tools.store, deleting(lane))
            log.info("draft_expired", lane=lane_id)
        await tools.store.run(unlist_draft(lane_id))


async def _unlist(tools: Tools, lane_id: str) -> None:
    """Free the lane's name before the lane is removed, so that a name always leads to a lane."""
    lane = await tools.store.run(read_lane(lane_id))
    if lane is not None and lane.status in (LaneStatus.FINISHED, LaneStatus.CANCELLED):
        if await tools.store.run(holder_of(lane.name, lane.sub_account)) == lane_id:
            await tools.store.run(free_name(lane.name, lane.sub_account))
        await tools.store.run(forget_listed(lane_id))
