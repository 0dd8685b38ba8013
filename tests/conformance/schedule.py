"""Records what callers were allowed to send and when, to compare with a rate."""

from collections.abc import Iterable
from dataclasses import dataclass

from store.client import Store, command

ROUNDING = 1000  # µs


@dataclass(frozen=True, slots=True)
class Grant:
    """Messages that may go at a moment between two, µs of the server's clock."""

    n: int
    earliest: int
    latest: int

    @classmethod
    def of(cls, n: int, asked: int, answered: int, wait: float) -> "Grant":
        """A grant that was decided between two readings of the clock; `wait` in seconds."""
        return cls(n, asked + int(wait * 1e6), answered + int(wait * 1e6))


def now_us(store: Store) -> int:
    """The server's clock, µs."""
    return store.run(command("TIME", parse=lambda reply: int(reply[0]) * 1_000_000 + int(reply[1])))


def worst_excess(grants: Iterable[Grant], rate: float) -> float:
    """The most that any window holds beyond what the rate allows for its length.

    Waits are told in whole milliseconds, rounded up: a window may seem shorter by that much.
    """
    ordered = sorted(grants, key=lambda grant: grant.earliest)
    assert ordered, "nothing was granted"
    worst = 0.0
    for i, first in enumerate(ordered):
        total, until = 0, 0
        for last in ordered[i:]:
            total, until = total + last.n, max(until, last.latest)
            worst = max(worst, total - rate * (until - first.earliest + ROUNDING) / 1e6)
    return worst
