"""Spaces calls: at most one per interval for each sub-account."""

import asyncio
import time
from collections.abc import Awaitable, Callable


class Pacer:
    """Admits callers one by one.

    Args:
        interval: seconds between two turns of the same name.
        clock: monotonic seconds.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        interval: float = 1.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._interval = interval
        self._clock = clock
        self._sleep = sleep
        self._next: dict[str, float] = {}

    async def turn(self, name: str) -> None:
        """Wait for the next turn of this name, first come first served."""
        now = self._clock()
        at = max(now, self._next.get(name, now))
        self._next[name] = at + self._interval  # reserved before the wait
        if at > now:
            await self._sleep(at - now)
