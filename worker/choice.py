"""Which lane is served next: the most urgent first, by turns among equals.

Pure: a lane is passed over while its sub-account is blocked or has its share in the air, so that a
slow sub-account never holds up another.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


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
        for lane, _ in sorted(ready, key=lambda pair: (pair[1], self._served.get(pair[0], 0))):
            if may_send(lane):
                self._turn += 1
                self._served[lane] = self._turn
                return lane
        return None

    def forget(self, lane: str) -> None:
        """The lane has ended."""
        self._served.pop(lane, None)
