"""Selects the next lane: the most urgent first, round-robin among equals.

Pure. A lane is skipped while its sub-account is paused or has its share in flight, so that a slow
sub-account never delays another.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

REMEMBERED = 1024
"""Lanes whose turn is remembered; beyond, those that are not ready are dropped."""


@dataclass(slots=True)
class Turns:
    """Remembers when each lane was served."""

    _served: dict[str, int] = field(default_factory=dict)
    _turn: int = 0

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
            self._turn += 1
            self._served[chosen] = self._turn
            if len(self._served) > REMEMBERED:
                self._forget_all_but({lane for lane, _ in waiting})
        return chosen

    def _first(self, waiting: list[tuple[str, int]], may_send: Callable[[str], bool]) -> str | None:
        """One pass, without sorting: there may be a thousand lanes, and this runs for each batch."""
        first, rank, served = None, (0, 0), self._served
        for lane, urgency in waiting:
            own = (urgency, served.get(lane, 0))
            if (first is None or own < rank) and may_send(lane):
                first, rank = lane, own
        return first

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
