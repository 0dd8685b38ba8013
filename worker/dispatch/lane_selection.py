"""Selects the next lane: the most urgent first; equals share by weight, in messages.

Start-time fair queueing: each lane has a virtual time that advances by messages / weight; the lane with
the smallest is served. One that was idle starts at the time of the others and makes up for nothing.

Pure. A lane is skipped while its sub-account is paused or has its share in flight, so that a slow
sub-account never delays another.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

REMEMBERED = 1024
"""Lanes whose turn is remembered; beyond, those that are not ready are dropped."""


@dataclass(slots=True)
class Turns:
    """The virtual time of each lane."""

    _served: dict[str, float] = field(default_factory=dict)
    _now: float = 0.0  # virtual time at which the last one was served

    def choose(
        self, ready: Iterable[tuple[str, int]], may_send: Callable[[str], bool]
    ) -> str | None:
        """The lane to serve now, or None.

        Args:
            ready: lanes with their urgency (0 goes first).
            may_send: True for a lane whose sub-account is free.
        """
        waiting = list(ready)
        chosen = self._first(waiting, may_send)
        if chosen is not None:
            # a lane that gets no permits gives way to its equals
            self._served[chosen] = self._served.get(chosen, 0.0) + 0.001
            if len(self._served) > REMEMBERED:
                self._forget_all_but({lane for lane, _ in waiting})
        return chosen

    def _first(self, waiting: list[tuple[str, int]], may_send: Callable[[str], bool]) -> str | None:
        """One pass, without sorting: there may be a thousand lanes, and this runs for each batch."""
        first, rank, served = None, (0, 0.0), self._served
        for lane, urgency in waiting:
            own = (urgency, served.get(lane, 0.0))
            if (first is None or own < rank) and may_send(lane):
                first, rank = lane, own
        return first

    def charge(self, lane: str, messages: float, weight: int = 1) -> None:
        """Note that a lane takes so many messages."""
        self._now = max(self._served.get(lane, 0.0), self._now)
        self._served[lane] = self._now + messages / weight

    def is_due_before(self, lane: str, other: str) -> bool:
        """True when a lane's turn comes before that of another one."""
        return self._served.get(lane, 0.0) < self._served.get(other, 0.0)

    def forget(self, lane: str) -> None:
        """Drop an ended lane."""
        self._served.pop(lane, None)

    def _forget_all_but(self, lanes: set[str]) -> None:
        self._served = {lane: turn for lane, turn in self._served.items() if lane in lanes}


def share(slots: int, *, urgent: bool) -> int:
    """Slots in flight that a lane may use: one in eight, and at least one, is reserved for urgent lanes,
    so that they do not wait for a slow bulk request."""
    if urgent or slots <= 1:
        return slots
    return slots - max(1, slots // 8)
