"""Limits of a sub-account, shared by all workers: permits, and the block after a 429."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from store.client import Call, command, script_call, text
from store.keys import breakers, limiter, permit, requests

MOST_PROBED = 10
PROBE_LEASE = 60.0
PATIENCE = 2.0
"""Seconds without an answer that are a stall, while nothing is known of how long answers take."""
MOST_SECONDS = 2.5
"""Of the rate in force: no more may wait for an answer. Probes of a stall come on top of it."""
MOST_BATCHES = 3


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sub-account may do. A rate of 0 means no limit."""

    messages_per_second: float
    burst: int
    urgent_reserve: int
    requests_per_second: float

    def largest_batch(self, *, urgent: bool, cap: int = 1000) -> int:
        """Messages one claim may take: half a second's worth, within the burst."""
        if self.messages_per_second <= 0:
            return cap
        usable = self.burst - (0 if urgent else self.urgent_reserve)
        return max(1, min(cap, int(self.messages_per_second / 2), usable))

    def most_waiting(self, patience: float, *, urgent: bool, cap: int = 1000) -> int:
        """Messages that may wait for an answer at the same time: three batches, or what the rate lets go
        until a stall is noticed. Without a rate it holds only until the first answer.

        Args:
            patience: seconds without an answer that are a stall.
        """
        seconds = max(MOST_SECONDS, patience)
        batches = MOST_BATCHES * self.largest_batch(urgent=True, cap=cap)
        most = max(batches, int(self.messages_per_second * seconds))
        return (
            most + most // 8 if urgent else most
        )  # else what is slow would hold up what is urgent


@dataclass(frozen=True, slots=True)
class Permits:
    """Answer of an acquisition."""

    granted: bool
    wait: float  # seconds: before the permits may be used, or before asking again
    blocked: bool = False  # refused because the sub-account is blocked for everyone
    held_by: str = ""  # refused because this breaker is open
    n: int = 0  # messages that they are for, if fewer than asked for: a probe is small; 0 = all
    probes: tuple[str, ...] = ()  # breakers of which this request is the probe
    news: bool = False  # how the request fares is news to the breakers of the sub-account
    templates: int = 0  # templates whose breaker is open


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
) -> Call[Permits]:
    """Take permits for `n` messages and one request.

    Args:
        op: id of this acquisition; a repeat answers what the first call answered.
        horizon: seconds ahead that permits may be reserved; later turns are refused.
        most_probed: messages of a request that probes a breaker, `server` excepted.
        probe_lease: seconds after which a probe that is not heard of counts as lost.
        ended: how requests have ended, from `ended_requests`.
        patience: seconds without an answer that are a stall.
        batch: most messages of a request.
        scopes: of breakers that hold up the lane, beside those of the whole sub-account.
    """
    kept = 0 if urgent else limits.urgent_reserve
    return script_call(
        "acquire_permits",
        (
            limiter(sub_account),
            permit(sub_account, op),
            breakers(sub_account),
            requests(sub_account),
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
            *scopes,
        ),
        lambda reply: _permits(n, reply),
    )


def return_permits(sub_account: str, limits: Limits, n: int, *, op: str) -> Call[bool]:
    """Give back `n` permits of an acquisition that were not used; once."""
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
    """Ask whether a request may still be posted; then it counts as one that waits for an answer.

    Args:
        op: of its permits; the rest is as for `acquire_permits`.
        lease: seconds after which it is not waited for any more: its worker is gone.

    Returns (when run):
        Empty if it may, or what is in the way.
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
    """Tell how requests have ended."""
    keys = (limiter(sub_account), requests(sub_account), breakers(sub_account))
    return script_call("note_ended", keys, (ended,), lambda _: None)


def pause_sub_account(sub_account: str, seconds: float) -> Call[float]:
    """Let nobody send for this sub-account for a while; returns the seconds until it is free."""
    return script_call(
        "pause_sub_account",
        (limiter(sub_account),),
        (max(1, int(seconds * 1000)),),
        lambda reply: int(reply) / 1000,
    )


def _permits(asked: int, reply: Any) -> Permits:
    wait = int(reply[1]) / 1000
    if int(reply[0]) != 1:
        return Permits(False, wait, blocked=int(reply[2]) == 1, held_by=text(reply[3]))
    n = int(reply[2])
    return Permits(
        True,
        wait,
        n=n if n < asked else 0,
        probes=tuple(text(scope) for scope in reply[5:]),
        news=int(reply[3]) == 1,
        templates=int(reply[4]),
    )


@dataclass(frozen=True, slots=True)
class Limiter:
    """A limiter of a sub-account; the times are Redis' clock in µs, 0 = nothing is known."""

    messages: int  # theoretical arrival time
    blocked_until: int

    def free(self, limits: Limits, now: int) -> int | None:
        """Messages that may go out at once; None where there is no limit, or nobody has sent lately.

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
    """The limiter of a sub-account."""
    return command("HMGET", limiter(sub_account), "messages", "blocked_until", parse=_limiter)


def _limiter(reply: Any) -> Limiter:
    messages, blocked_until = (int(float(value or 0)) for value in reply)
    return Limiter(messages, blocked_until)
