"""Checks many lanes for due work, in one round trip per hundred.

A sweep of a thousand lanes with nothing due costs some twenty round trips; lane by lane it took seven
thousand, every second, and delayed the dispatcher of the same process.
"""

from collections.abc import Sequence
from typing import Any

import structlog

from store.batched import by_hundred
from store.client import Call
from store.errors import StoreFault
from store.lanes.due import Look, read_due
from store.lanes.lane import Lane, LaneStatus, announce, read_lane
from store.lanes.retention import expire_values, note_ended
from store.workers.presence import forget_active, forget_ready, note_active, ready_lanes
from worker.batch import Tools
from worker.maintenance.retention import DAY_MS, over_at_ms

log = structlog.get_logger(__name__)

IDLE_SECONDS = 5.0
"""Longest time between two sweeps; a lane with something due earlier is busy."""


async def check(tools: Tools, lanes: Sequence[str], as_of: int) -> list[Look | None]:
    """The state of lanes; None for those that cannot be read, so that they do not hide the others.

    Args:
        as_of: leases and in-doubt batches that ended by then count, ms by Redis' clock.
    """
    try:
        soon, rules = int(IDLE_SECONDS * 1000), tools.stops.revision
        return [*await tools.store.run_all([read_due(lane, as_of, soon, rules) for lane in lanes])]
    except (StoreFault, ValueError):
        log.exception("due_lanes_check_failed")
        return [None] * len(lanes)


def is_quiet(lane: str, look: Look) -> bool:
    """True when a sweep needs nothing for a lane but its announcement."""
    if look.due or look.status.ended:
        return False
    try:
        return look.kind != "notifications" or look.now_ms < over_at_ms(lane)
    except ValueError:  # its id does not end with a day
        return False


async def announce_waiting(tools: Tools, looks: Sequence[tuple[str, Look]]) -> int:
    """Correct the hints for lanes that have something to claim; returns the number of such lanes."""
    waiting = [
        (lane, look.priority)
        for lane, look in looks
        if look.status is LaneStatus.SENDING and look.waiting
    ]
    if waiting:
        ready = await tools.store.run(ready_lanes(0))
        told = set(ready)
        missing = [pair for pair in waiting if (pair[0], pair[1].urgency) not in told]
        await tools.store.run_all([announce(*pair) for pair in missing])
    return len(waiting)


async def retire(tools: Tools, lanes: Sequence[str]) -> None:
    """Drop these lanes from the sweep, unless an operator has just resent some of their messages.

    Each step may be the last before the store goes away, and none of them loses a lane: the end is noted
    for retention first, and the lane dropped last. A lane that is reactivated meanwhile is noted as
    active and checked once more.
    """
    ended = [lane for lane in await _read(tools, lanes) if lane.status.ended]
    await tools.store.run_all([note_ended(lane) for lane in ended])
    keep = int(tools.settings.keep_values * DAY_MS / 1000)
    for calls in by_hundred([call for lane in ended for call in expire_values(lane, keep)]):
        await tools.store.run_all(calls)
    woken = {lane.id for lane in await _read(tools, lanes) if not lane.status.ended}
    gone = [lane for lane in lanes if lane not in woken]
    await tools.store.run_all([*map(forget_ready, gone), *map(forget_active, gone)])
    after: list[Call[Any]] = []
    for lane in await _read(tools, lanes):
        if not lane.status.ended:
            after += (note_active(lane.id), announce(lane.id, lane.priority))
    await tools.store.run_all(after)


async def _read(tools: Tools, lanes: Sequence[str]) -> list[Lane]:
    found: list[Lane | None] = await tools.store.run_all([read_lane(lane) for lane in lanes])
    return [lane for lane in found if lane is not None]
