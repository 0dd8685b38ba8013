"""Rate limits of a sub-account, shared by all workers: permits, and the pause after a 429."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from store.client import Call, command, script_call, text
from store.keys import breakers, learned_rate, limiter, permit, requests

MOST_PROBED = 10
PROBE_LEASE = 60.0
PATIENCE = 2.0
"""Seconds without an answer that are a stall, before answer times are known."""
MOST_SECONDS = 2.5
"""Most messages waiting for an answer, in seconds of the rate in force. Probes of a stall are added."""
MOST_BATCHES = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a sub-account. A rate of 0 means no limit."""

    messages_per_second: float
    burst: int
    urgent_reserve: int
    requests_per_second: float
    first_rate: float = 0.0  # messages per second before any are learned; 0 = they are not learned

    def learned(self, rate: float) -> "Limits":
        """The limits with a learned rate, if it is lower. A tenth of its burst is for urgent lanes."""
        if not 0 < rate < (self.messages_per_second or math.inf):
            return self
        burst = min(self.burst, max(1, int(rate / 2)))
        reserve = min(burst - 1, max(self.urgent_reserve, burst // 10, 1))
        return replace(self, messages_per_second=rate, burst=burst, urgent_reserve=reserve)

    def largest_batch(self, *, urgent: bool, cap: int = 1000) -> int:
        """Most messages of one claim: half a second's worth, within the burst."""
        if self.messages_per_second <= 0:
            return cap
        usable = self.burst - (0 if urgent else self.urgent_reserve)
        return max(1, min(cap, int(self.messages_per_second / 2), usable))

    def most_waiting(self, patience: float, *, urgent: bool, cap: int = 1000) -> int:
        """Most messages that may wait for an answer at the same time: three batches, or what the rate
        allows until a stall is noticed. Without a rate it applies only until the first answer.

        Args:
            patience: seconds without an answer that are a stall.
        """
        seconds = max(MOST_SECONDS, patience)
        batches = MOST_BATCHES * self.largest_batch(urgent=True, cap=cap)
        most = max(batches, int(self.messages_per_second * seconds))
        return most + most // 8 if urgent else most  # else slow lanes would hold up urgent ones


@dataclass(frozen=True, slots=True)
class Permits:
    """Result of an acquisition."""

    granted: bool
    wait: float  # seconds before the permits may be used, or before the next try
    blocked: bool = False  # refused because the sub-account is paused
    held_by: str = ""  # refused because this breaker is open
    n: int = 0  # messages, if fewer than asked for: a probe is small; 0 = all
    probes: tuple[str, ...] = ()  # breakers of which this request is the probe
    news: bool = False  # the breakers need to learn this request's result
    templates: int = 0  # templates whose breaker is open
    learned: float = 0.0  # messages per second; 0 = they are not learned
    shared: bool = False  # another lane of the sub-account was active lately


def acquire_permits(
    sub_account: str,
    limits: Limits,
    n: int,
    *,
    op: str,
    urgent: bool,
    horizon: float,
    most_probed: int = MOST_PROBED,
    probe_lease: float = PROBE_LEASE,
    ended: str = "",
    patience: float = PATIENCE,
    batch: int = 1000,
    scopes: Sequence[str] = (),
    lane: str = "",
    apart: float = 0,
) -> Call[Permits]:
    """Take permits for `n` messages and one request.

    Args:
        op: id of this acquisition; a repeat returns the first result.
        horizon: seconds ahead that permits may be reserved; later turns are refused.
        most_probed: messages of a request that probes a breaker, `server` excepted.
        probe_lease: seconds after which a silent probe counts as lost.
        ended: ends of requests, from `ended_requests`.
        patience: seconds without an answer that are a stall.
        batch: most messages of a request.
        scopes: breakers of the lane, besides those of the whole sub-account.
        lane: noted as active; empty: people are not spaced.
        apart: seconds between two messages to a person.
    """
    kept = 0 if urgent else limits.urgent_reserve
    return script_call(
        "acquire_permits",
        (
            limiter(sub_account),
            permit(sub_account, op),
            breakers(sub_account),
            requests(sub_account),
            learned_rate(sub_account),
        ),
        (
            n,
            limits.messages_per_second,
            limits.burst,
            kept,
            limits.requests_per_second,
            int(horizon * 1000),
            op,
            most_probed,
            int(probe_lease * 1000),
            ended,
            int(patience * 1000),
            limits.most_waiting(patience, urgent=urgent, cap=batch),
            limits.first_rate or "",
            lane,
            int(apart * 1000),
            *scopes,
        ),
        lambda reply: _permits(n, reply),
    )


def return_permits(sub_account: str, limits: Limits, n: int, *, op: str) -> Call[bool]:
    """Return `n` unused permits of an acquisition; once."""
    return script_call(
        "return_permits",
        (limiter(sub_account), permit(sub_account, op)),
        (n, limits.messages_per_second),
        bool,
    )


def begin_request(
    sub_account: str,
    limits: Limits,
    n: int,
    *,
    op: str,
    urgent: bool,
    ended: str = "",
    patience: float = PATIENCE,
    batch: int = 1000,
    lease: float = PROBE_LEASE,
) -> Call[str]:
    """Check that a request may still be posted; then it counts as waiting for an answer.

    Args:
        op: of its permits; the rest is as for `acquire_permits`.
        lease: seconds after which it stops counting: its worker is gone.

    Returns (when run):
        Empty if it may, or the obstacle.
    """
    return script_call(
        "begin_request",
        (limiter(sub_account), requests(sub_account), breakers(sub_account)),
        (
            *(op, n, ended, int(patience * 1000), int(lease * 1000)),
            limits.most_waiting(patience, urgent=urgent, cap=batch),
            int(limits.messages_per_second <= 0),
        ),
        text,
    )


def note_ended(sub_account: str, ended: str) -> Call[None]:
    """Record the ends of requests."""
    keys = (limiter(sub_account), requests(sub_account), breakers(sub_account))
    return script_call("note_ended", keys, (ended,), lambda _: None)


def pause_sub_account(sub_account: str, seconds: float) -> Call[float]:
    """Pause a sub-account for all workers; returns the seconds until it is free."""
    return script_call(
        "pause_sub_account",
        (limiter(sub_account),),
        (max(1, int(seconds * 1000)),),
        lambda reply: int(reply) / 1000,
    )


def _permits(asked: int, reply: Any) -> Permits:
    wait = int(reply[1]) / 1000
    if int(reply[0]) != 1:
        blocked, held_by, learned = int(reply[2]) == 1, text(reply[3]), float(reply[4] or 0)
        return Permits(False, wait, blocked, held_by, learned=learned)
    n = int(reply[2])
    return Permits(
        True,
        wait,
        n=n if n < asked else 0,
        probes=tuple(text(scope) for scope in reply[7:]),
        news=int(reply[3]) == 1,
        templates=int(reply[4]),
        learned=float(reply[5] or 0),
        shared=int(reply[6]) == 1,
    )


@dataclass(frozen=True, slots=True)
class Limiter:
    """A limiter of a sub-account; times are Redis' clock in µs, 0 = unknown."""

    messages: int  # theoretical arrival time
    blocked_until: int

    def free(self, limits: Limits, now: int) -> int | None:
        """Messages that may be sent at once; None without a limit, or without recent sending.

        Args:
            now: µs.
        """
        if limits.messages_per_second <= 0 or not self.messages:
            return None
        if self.blocked_until > now:
            return 0
        used = max(0, self.messages - now) * limits.messages_per_second / 1_000_000
        return max(0, int(limits.burst - used))


def read_limiter(sub_account: str) -> Call[Limiter]:
    return command("HMGET", limiter(sub_account), "messages", "blocked_until", parse=_limiter)


def _limiter(reply: Any) -> Limiter:
    messages, blocked_until = (int(float(value or 0)) for value in reply)
    return Limiter(messages, blocked_until)
