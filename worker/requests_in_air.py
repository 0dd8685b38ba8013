"""Requests in flight to a sub-account by the latency of their answers, for each process.

A gradient: while answers are as fast as they were with few requests in flight, the limit rises by a few;
when they take longer than `TOLERATED` times that, it falls in proportion. AIMD would see only failures,
which breakers handle already. Answers are compared with those to requests of about their size. Every
`PERIOD_SECONDS` the limit falls to `FIRST`, so that the usual latency is measured without a queue.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

FIRST, LEAST = 8, 4
RISE = 4
"""Requests by which a step rises; the share of them that the provider may queue."""
TOLERATED, STEEPEST = 1.5, 0.5
SMOOTHING = 0.2
"""Weight of the latest answer, in the mean latency and in the limit."""
ENOUGH = 8
"""Answers of a size before their mean counts."""
PERIOD_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency of answers to requests of about one size, in seconds."""

    answers: int
    mean: float
    least: float  # mean

    def after(self, seconds: float) -> "Latency":
        """With one more answer."""
        weight = max(SMOOTHING, 1 / (self.answers + 1))
        mean = self.mean + weight * (seconds - self.mean)
        least = min(self.least, mean) if self.answers >= ENOUGH else mean
        return Latency(self.answers + 1, mean, least)


@dataclass(frozen=True, slots=True)
class InAir:
    """The limit of requests in flight, with what the next answer needs."""

    limit: float = FIRST
    since: float = 0.0  # start of the period; monotonic
    latencies: Mapping[int, Latency] = field(default_factory=dict)  # by size


def after_answer(old: InAir, now: float, size: int, seconds: float, in_air: int) -> InAir:
    """The limit after an answer.

    Args:
        size: bytes of the request.
        in_air: requests in flight before the answer. Fewer than half the limit prove nothing.
    """
    if now >= old.since + PERIOD_SECONDS:
        old = InAir(min(old.limit, FIRST), now)
    kind = size.bit_length() // 2
    known = old.latencies.get(kind, Latency(0, 0.0, 0.0)).after(seconds)
    new = replace(old, latencies={**old.latencies, kind: known})
    if in_air < old.limit / 2 or known.answers < ENOUGH or not known.mean:
        return new
    gradient = max(STEEPEST, min(1.0, TOLERATED * known.least / known.mean))
    wanted = old.limit * gradient + RISE
    return replace(new, limit=max(LEAST, old.limit + SMOOTHING * (wanted - old.limit)))


class RequestsInAir:
    """The requests in flight of this process, and their limits.

    Args:
        ceilings: `max_in_air` of the sub-accounts whose requests are limited by latency.
    """

    def __init__(self, ceilings: Mapping[str, int] = MappingProxyType({})) -> None:
        self._ceilings = ceilings
        self._limits: dict[str, InAir] = {}
        self._now: Counter[str] = Counter()

    def limit(self, sub_account: str, ceiling: int) -> int:
        """Most requests in flight, at most the ceiling."""
        if sub_account not in self._ceilings:
            return ceiling
        return min(ceiling, int(self._limits.get(sub_account, InAir()).limit))

    def began(self, sub_account: str) -> None:
        """A request is about to be posted."""
        self._now[sub_account] += 1

    def ended(self, sub_account: str) -> None:
        """A request has ended."""
        self._now[sub_account] -= 1

    def answered(self, sub_account: str, now: float, size: int, seconds: float) -> None:
        """An answer, or none within the deadline. Call it before `ended`.

        Args:
            now: s, monotonic.
            size: bytes of the request.
        """
        ceiling = self._ceilings.get(sub_account)
        if ceiling is None:
            return
        old = self._limits.get(sub_account) or InAir(since=now)
        new = after_answer(old, now, size, seconds, self._now[sub_account])
        self._limits[sub_account] = replace(new, limit=min(new.limit, max(LEAST, ceiling)))
