"""Tells the log why webhooks are refused: at once, and then not more often than it helps."""

from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

EVERY = 10.0
"""Seconds between two lines about the same reason."""


class Refusals:
    """Counts refusals by reason, and logs each reason now and then.

    A wrong secret refuses every receipt there is, so somebody has to hear of it; but a line for
    each would fill the disk.

    Args:
        monotonic: seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._unsaid: dict[str, int] = {}
        self._said_at: dict[str, float] = {}

    def note(self, reason: str, status: int) -> None:
        """One more refusal."""
        self._unsaid[reason] = self._unsaid.get(reason, 0) + 1
        now = self._monotonic()
        if now - self._said_at.get(reason, float("-inf")) < EVERY:
            return
        self._said_at[reason] = now
        log.warning("webhooks refused", reason=reason, status=status, times=self._unsaid[reason])
        self._unsaid[reason] = 0
