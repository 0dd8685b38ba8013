"""Which lane is served next: the most urgent first, by turns among equals.

Pure: a lane is passed over while its sub-account is blocked or has its share in the air, so that a
slow sub-account never holds up another.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

REMEMBERED = 1024
"""Lanes whose turn is remembered; beyond that, those that are not ready are forgotten."""


@dataclass(slots=True)
class Turns:
    """Remembers who was served when."""

    _served: dict[str, int] = field(default_factory=dict)
    _turn: int = 0

    def choose(
        self, ready: Iterable[tuple[str, int]], may_send: Callable[[str], bool]
    ) -> str | None:
        """The lane to serve now, or None.

        Args:
            ready: lanes with their urgency (0 goes first).
            may_send: whether this lane's sub-account is free.
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
        """One pass, without sorting: there may be a thousand lanes, and this is asked for each batch."""
        first, rank, served = None, (0, 0), self._served
        for lane, urgency in waiting:
            own = (urgency, served.get(lane, 0))
            if (first is None or own < rank) and may_send(lane):
                first, rank = lane, own
        return first

    def forget(self, lane: str) -> None:
        """The lane has ended."""
        self._served.pop(lane, None)

    def _forget_all_but(self, lanes: set[str]) -> None:
        self._served = {lane: turn for lane, turn in self._served.items() if lane in lanes}


def share(slots: int, *, urgent: bool) -> int:
    """How many of the slots in the air a lane may use: one in eight, and at least one, is kept for
    urgent lanes, so that they need not wait for a slow bulk request to land."""
    if urgent or slots <= 1:
        return slots
    return slots - max(1, slots // 8)
