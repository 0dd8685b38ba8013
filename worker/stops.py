"""What an operator has stopped, as a worker process knows it."""

from collections.abc import Sequence

from store.client import AsyncStore
from store.lanes.lane import Lane
from store.limits.stops import Stop, read_stops, stop_of

REFRESH_SECONDS = 0.25
"""Age up to which what was read is believed: a stop holds on all workers within a second."""


class Stops:
    """Read from the store before anything is claimed or posted, at most every `REFRESH_SECONDS`."""

    def __init__(self) -> None:
        self._found: Sequence[Stop] = ()
        self._read_at = float("-inf")

    async def refresh(self, store: AsyncStore, now: float) -> None:
        """Read them again if what is known is too old.

        Args:
            now: our clock, s.

        Raises:
            StoreError: they cannot be read, so that nothing may be posted.
        """
        if now >= self._read_at + REFRESH_SECONDS:
            self._found = await store.run(read_stops())
            self._read_at = now

    def holds(self, lane: Lane) -> bool:
        """Whether nothing of this lane may go out now."""
        return stop_of(self._found, lane) is not None
