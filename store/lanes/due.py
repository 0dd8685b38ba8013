"""Checks whether a lane has something due. A cheap read, for many lanes at once."""

from dataclasses import dataclass
from typing import Any

from store.client import Call, script_call, text
from store.keys import lane_keys
from store.lanes.lane import LaneStatus, Priority


@dataclass(frozen=True, slots=True)
class Look:
    """State of a lane at one moment."""

    status: LaneStatus
    kind: str  # campaign | notifications; empty if the lane is gone
    priority: Priority
    waiting: int  # values in the queue
    due: bool  # a retry batch, lease or in-doubt batch is due, the quiet hours have changed, …
    busy: bool  # jobs are queued, or something is due soon
    now_ms: int  # Redis' clock
    starts_in_ms: int | None = None  # of a scheduled campaign


def read_due(lane: str, as_of_ms: int, soon_ms: int = 0, rules: int = 0) -> Call[Look]:
    """Check whether a sweep has work in a lane.

    Args:
        as_of_ms: leases and in-doubt batches that ended by then count, by Redis' clock.
        soon_ms: anything due within so many ms from now makes the lane busy.
        rules: revision of the rules by which people wait; messages that wait by another one are due.
    """
    keys = lane_keys(lane)
    places = (keys.meta, keys.queue, keys.retries, keys.claimed_batches, keys.in_doubt)
    return script_call("read_due", places, (as_of_ms, soon_ms, rules), _look)


def _look(reply: Any) -> Look:
    status, kind, priority, waiting, due, busy, now, start = reply
    return Look(
        status=LaneStatus(text(status)),
        kind=text(kind),
        priority=Priority(text(priority) or Priority.BULK),
        waiting=int(waiting),
        due=due == 1,
        busy=busy == 1,
        now_ms=int(now),
        starts_in_ms=int(start) if start >= 0 else None,
    )
