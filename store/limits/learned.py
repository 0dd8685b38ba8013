"""The learned rate of a sub-account: what was decided, why, and its history.

It is kept without an expiry, so that it outlives restarts. `acquire_permits` reads the rate; the state
is for the next decision (worker/pacing/rate_controller.py).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from store.client import Argument, Call, command, first, script_call, text
from store.keys import learned_rate, rate_history, signals
from store.limits.signals import numbers

FIRST_RATE = 80.0
"""Messages per second before anything is learned: what WhatsApp gives a number at first."""
FIRST_STEP = 0.02
CLEAN_SECONDS = 60
"""Least seconds from one step up to the next, once a limit was met."""
HISTORY_MS = 30 * 86_400_000
MOST_CHANGES = 10_000


class Cause(StrEnum):
    """Why the rate is what it is."""

    START = "start"
    SLOW_START = "slow_start"
    RECOVERY = "recovery"
    THROTTLED = "throttled"
    QUEUEING = "queueing"
    DRAINED = "drained"
    REFUSED = "refused"
    PINNED = "pinned"
    CEILING = "ceiling"


_RISES_LATER = (Cause.RECOVERY, Cause.THROTTLED, Cause.DRAINED, Cause.REFUSED)


@dataclass(frozen=True, slots=True)
class Learned:
    """The learned rate of a sub-account, with what the next decision needs. Times are s since 1970."""

    rate: float  # messages per second
    cause: Cause = Cause.START
    since: int = 0  # last change
    cut_at: int = 0  # last cut, or the start; messages posted since then count
    cut_before: int = 0  # the cut before it
    used_at: int = 0  # last message
    estimate: float = 0.0  # capacity as measured at the last limit; 0 = none met
    step: float = FIRST_STEP
    is_draining: bool = False
    bases: tuple[tuple[int, int], ...] = ()  # period, least median lag
    share: float = 0.0  # of throttled messages, at the last cut
    code: int = 0  # of most of them
    lag: int = -1  # last median, s; -1 = unknown
    pinned: float = 0.0  # by an operator; 0 = not
    decided_at: int = 0
    in_force: bool = False  # False: it is only observed

    def until(self, now: int) -> int | None:
        """The earliest time of the next rise, if only time is missing; None if it is over."""
        at = self.since + CLEAN_SECONDS
        return at if self.cause in _RISES_LATER and at > now else None

    @property
    def base(self) -> int | None:
        """The usual lag in seconds."""
        return min((lag for _, lag in self.bases), default=None)


@dataclass(frozen=True, slots=True)
class RateChange:
    """One change of the learned rate."""

    at: int  # s since 1970
    rate: float
    was: float
    cause: Cause
    estimate: float
    share: float
    lag: int


@dataclass(frozen=True, slots=True)
class Known:
    """The stored facts about the rate of a sub-account."""

    learned: Learned | None
    stored: str = ""  # the state as it is stored


def read_learned(sub_account: str) -> Call[Known]:
    """The learned rate, if there is one."""
    return command("HGET", learned_rate(sub_account), "state", parse=_known)


def read_signals(sub_account: str) -> Call[dict[str, int]]:
    """The fields of the signals."""
    return command("HGETALL", signals(sub_account), parse=numbers)


def keep_learned(
    sub_account: str, before: Known, new: Learned, old_signals: Sequence[str] = ()
) -> Call[bool]:
    """Keep a decision; False if another one came first.

    Args:
        old_signals: fields to delete.
    """
    was, entry = before.learned, ""
    if was is None or (was.rate, was.cause) != (new.rate, new.cause):
        change = RateChange(
            new.since,
            new.rate,
            was.rate if was else 0.0,
            new.cause,
            new.estimate,
            new.share,
            new.lag,
        )
        entry = json.dumps(asdict(change))
    keys = (learned_rate(sub_account), rate_history(sub_account), signals(sub_account))
    state, rate = json.dumps(asdict(new)), f"{new.rate:.3f}"
    kept: tuple[Argument, ...] = (HISTORY_MS, MOST_CHANGES)
    words = (before.stored, state, rate, entry, *kept, *old_signals)
    return script_call("keep_learned", keys, words, bool)


def pin_rate(sub_account: str, rate: float, now: int, *, in_force: bool = True) -> Call[bool]:
    """Fix the rate until it is forgotten; False if a decision came first."""

    def then(known: Known) -> Call[bool]:
        old = known.learned or Learned(rate, used_at=now)
        new = replace(old, rate=rate, cause=Cause.PINNED, since=now, pinned=rate, in_force=in_force)
        return keep_learned(sub_account, known, new)

    return first(read_learned(sub_account), then)


def forget_rate(sub_account: str) -> Call[bool]:
    """Forget what was learned, and a pin; False if there was nothing."""
    return command("DEL", learned_rate(sub_account), parse=bool)


def read_changes(sub_account: str, most: int) -> Call[list[RateChange]]:
    """The latest changes of the rate, newest first."""
    key = rate_history(sub_account)
    return command("XREVRANGE", key, "+", "-", "COUNT", most, parse=_changes)


def _known(reply: Any) -> Known:
    if reply is None:
        return Known(None)
    stored = text(reply)
    return Known(_learned(json.loads(stored)), stored)


def _learned(found: Mapping[str, Any]) -> Learned:
    known = {name: value for name, value in found.items() if name in Learned.__slots__}
    bases = tuple((int(period), int(lag)) for period, lag in found["bases"])
    return Learned(**{**known, "cause": Cause(found["cause"]), "bases": bases})


def _changes(reply: Any) -> list[RateChange]:
    entries = (json.loads(dict(fields)[b"change"]) for _, fields in reply)
    return [RateChange(**{**entry, "cause": Cause(entry["cause"])}) for entry in entries]
