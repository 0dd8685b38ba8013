"""Drain loops: who is running, and how to wake one. All of it is hints; jobs do not depend on it."""

from typing import Any

from store.calls import Call, command, script_call, text
from store.keys import ACTIVE, CALLING, DRAINS, READY, SWEEP, WAKE


def wake_drain(wanted: int = 1) -> Call[bool]:
    """Wake a running loop; True if fewer than `wanted` run and the caller should send a drain task."""
    return script_call("wake_drain", (DRAINS, WAKE, CALLING), (wanted,), bool)


def enter_drain(loop: str, *, lease_ms: int, starts: bool) -> Call[int]:
    """Register a loop or renew its lease; returns how many run."""
    return script_call("enter_drain", (DRAINS, CALLING), (loop, lease_ms, int(starts)), int)


def leave_drain(loop: str) -> Call[None]:
    """Forget a loop that ends."""
    return command("ZREM", DRAINS, loop, parse=_nothing)


def await_wake(seconds: float) -> Call[bool]:
    """Wait for a wake-up; True if one came."""
    return command("BLPOP", WAKE, seconds, parse=lambda reply: reply is not None)


def ready_lanes(most: int = 256) -> Call[list[tuple[str, int]]]:
    """Lanes that may have something to claim, with their urgency, most urgent first."""
    return command("ZRANGE", READY, 0, most - 1, "WITHSCORES", parse=_scored)


def forget_ready(lane: str) -> Call[None]:
    """Take back the hint that a lane has something to claim."""
    return command("ZREM", READY, lane, parse=_nothing)


def active_lanes() -> Call[list[str]]:
    """Lanes that have not ended, for the sweep."""
    return command("SMEMBERS", ACTIVE, parse=lambda reply: sorted(text(lane) for lane in reply))


def forget_active(lane: str) -> Call[None]:
    """The lane has ended: the sweep need not look at it again."""
    return command("SREM", ACTIVE, lane, parse=_nothing)


def take_sweep(owner: str, *, lease_ms: int) -> Call[bool]:
    """Become the one that sweeps; False while somebody else is."""
    return command("SET", SWEEP, owner, "NX", "PX", lease_ms, parse=bool)


def _scored(reply: Any) -> list[tuple[str, int]]:
    if reply and isinstance(reply[0], (list, tuple)):
        return [(text(lane), int(score)) for lane, score in reply]
    return [
        (text(lane), int(float(score))) for lane, score in zip(reply[::2], reply[1::2], strict=True)
    ]


def _nothing(_: Any) -> None:
    return None
