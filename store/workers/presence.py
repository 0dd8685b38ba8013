"""Dispatchers: presence and wake-ups. All of it is best-effort; jobs do not depend on it."""

from itertools import combinations
from typing import Any

from config.priorities import served_by
from store.client import Call, best_effort, command, script_call, text
from store.keys import ACTIVE, CALLING, READY, SWEEP, SWEPT, dispatchers, wake_list
from store.lanes.lane import Priority

_ALL = ""
_SOME = [served_by(some) for size in (1, 2) for some in combinations(Priority, size)]
"""Every set of priorities that a dedicated worker can have."""
_CALL_MS = 60_000


def wake_workers(wanted: int = 1, *, for_: Priority | None = None) -> Call[bool]:
    """Wake dispatchers; True if fewer than `wanted` run and the caller should send a dispatch task.

    Args:
        wanted: 0 only wakes.
        for_: priority of the new jobs; dedicated workers that serve it are woken, too, and count.
    """
    groups = [_ALL, *(some for some in _SOME if for_ is not None and for_ in some.split("-"))]
    keys = [key for served in groups for key in (dispatchers(served), wake_list(served))]
    return script_call("wake_workers", (CALLING, *keys), (wanted,), bool)


def call_drain() -> Call[None]:
    """Note that a dispatch task is sent unconditionally; the common dispatcher that gets it clears the
    note."""
    return best_effort("SET", CALLING, 1, "PX", _CALL_MS, parse=_nothing)


def is_called() -> Call[bool]:
    """True while a dispatch task is due or under way that no common dispatcher has got."""
    return command("EXISTS", CALLING, parse=bool)


def register_worker(loop: str, *, lease_ms: int, starts: bool, served: str = _ALL) -> Call[int]:
    """Register a dispatcher or renew its lease; returns how many of its kind run.

    Args:
        starts: it starts, or a dispatch task has come.
    """
    call_answered = starts and served == _ALL
    return script_call(
        "register_worker", (dispatchers(served), CALLING), (loop, lease_ms, int(call_answered)), int
    )


def unregister_worker(loop: str, *, served: str = _ALL) -> Call[None]:
    """Remove a dispatcher that ends."""
    return command("ZREM", dispatchers(served), loop, parse=_nothing)


def await_wake(seconds: float, *, served: str = _ALL) -> Call[bool]:
    """Wait for a wake-up; True if one came."""
    return command("BLPOP", wake_list(served), seconds, parse=lambda reply: reply is not None)


def running_loops(now: int, *, serve: Priority | None = None) -> list[Call[int]]:
    """Number of running dispatchers, by kind: common workers, then dedicated ones.

    Args:
        now: Redis' clock, ms.
        serve: count only those that serve this priority.
    """
    some = [served for served in _SOME if serve is None or serve in served.split("-")]
    return [
        command("ZCOUNT", dispatchers(served), now, "+inf", parse=int) for served in (_ALL, *some)
    ]


def loops_by_kind(now: int) -> dict[str, Call[int]]:
    """As `running_loops`, by the priorities served; '' is all."""
    return dict(zip((_ALL, *_SOME), running_loops(now), strict=True))


def ready_lanes(most: int = 256) -> Call[list[tuple[str, int]]]:
    """Lanes that may have something to claim, with their urgency, most urgent first (0: all of them)."""
    return command("ZRANGE", READY, 0, most - 1, "WITHSCORES", parse=_scored)


def forget_ready(lane: str) -> Call[None]:
    """Remove the hint that a lane has something to claim."""
    return command("ZREM", READY, lane, parse=_nothing)


def active_lanes() -> Call[list[str]]:
    """Lanes that have not ended, for the sweep."""
    return command("SMEMBERS", ACTIVE, parse=lambda reply: sorted(text(lane) for lane in reply))


def note_active(lane: str) -> Call[None]:
    """Add the lane to those that the sweep checks."""
    return best_effort("SADD", ACTIVE, lane, parse=_nothing)


def forget_active(lane: str) -> Call[None]:
    """Remove an ended lane from those that the sweep checks."""
    return command("SREM", ACTIVE, lane, parse=_nothing)


def take_sweep(owner: str, *, lease_ms: int) -> Call[bool]:
    """Take the lock of the sweep; False while another process holds it."""
    return best_effort("SET", SWEEP, owner, "NX", "PX", lease_ms, parse=bool)


def leave_sweep() -> Call[None]:
    """Release the lock, so that the next sweep starts at once when there is much to do."""
    return command("DEL", SWEEP, parse=_nothing)


def note_sweep(*, pause_ms: int, lease_ms: int) -> Call[int]:
    """Note a sweep; returns the time up to which leases and in-doubt batches count, ms by Redis' clock.

    Args:
        pause_ms: longest time between two notes without a gap.
        lease_ms: time after a gap for owners of batches to write their answers.
    """
    return script_call("note_sweep", (SWEPT,), (pause_ms, lease_ms), int)


def _scored(reply: Any) -> list[tuple[str, int]]:
    if reply and isinstance(reply[0], (list, tuple)):
        return [(text(lane), int(score)) for lane, score in reply]
    return [
        (text(lane), int(float(score))) for lane, score in zip(reply[::2], reply[1::2], strict=True)
    ]


def _nothing(_: Any) -> None:
    return None
