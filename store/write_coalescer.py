"""Coalesces writes: items that arrive during a write share the next one; others are written at once.

A write costs both processes many times the work of one item.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from store.errors import StoreUnavailable

T = TypeVar("T")
R = TypeVar("R")
OVERHEAD_BYTES: Final = 1024
"""Bytes per waiting item besides its content, roughly."""


class Waiting(Generic[T, R]):
    """An item and its callback."""

    __slots__ = ("due", "item", "size", "told")

    def __init__(
        self, item: T, size: int, told: Callable[[R | Exception], None], due: float
    ) -> None:
        self.item = item
        self.size = size
        self.told: Callable[[R | Exception], None] | None = told  # None: called, or gone
        self.due = due

    def tell(self, answer: R | Exception) -> None:
        """Call the callback, once."""
        told, self.told = self.told, None
        if told is not None:
            told(answer)


class WriteCoalescer(Generic[T, R]):
    """Writes items to the store, one write at a time.

    Args:
        write: stores items together, and returns a result for each.
        size: bytes of an item.
        patience: seconds after which an item fails as not known to be stored.
        most, most_bytes: of one write; a larger item is written alone.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], Awaitable[Sequence[R]]],
        size: Callable[[T], int],
        *,
        patience: float,
        most: int,
        most_bytes: int,
    ) -> None:
        self._write = write
        self._size = size
        self._patience = patience
        self._most = most
        self._most_bytes = most_bytes
        self._waiting: deque[Waiting[T, R]] = deque()
        self._writing: list[Waiting[T, R]] = []
        self._writer: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.bytes = 0  # of waiting items, roughly; the caller bounds it

    def add(self, item: T, told: Callable[[R | Exception], None]) -> Waiting[T, R]:
        """Store an item; call it in the event loop.

        Args:
            told: called once with the result, or with an error; then it may be stored nevertheless.
        """
        loop = asyncio.get_running_loop()
        waiting: Waiting[T, R] = Waiting(item, self._size(item), told, loop.time() + self._patience)
        self._waiting.append(waiting)
        self.bytes += waiting.size + OVERHEAD_BYTES
        if self._writer is None:
            self._writer = loop.create_task(self._write_all(), name="write what came")
        if self._timer is None:
            self._timer = loop.call_later(self._patience, self._give_up)
        return waiting

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                self._writing = self._next()
                if self._writing:
                    await self._write_together(self._writing)
        finally:
            self._writing, self._writer = [], None

    def _next(self) -> list[Waiting[T, R]]:
        """The items of the next write."""
        batch, size = list[Waiting[T, R]](), 0
        while self._waiting and len(batch) < self._most:
            one = self._waiting[0]
            if batch and size + one.size > self._most_bytes:
                break
            self._waiting.popleft()
            self.bytes -= one.size + OVERHEAD_BYTES
            if one.told is not None:
                batch.append(one)
                size += one.size
        return batch

    async def _write_together(self, batch: list[Waiting[T, R]]) -> None:
        answers: Sequence[R | Exception] = [StoreUnavailable("The write was given up.")] * len(
            batch
        )
        try:
            answers = await self._write([one.item for one in batch])
        except Exception as error:
            answers = [error] * len(batch)
        finally:
            for one, answer in zip(batch, answers, strict=True):
                one.tell(answer)

    def _give_up(self) -> None:
        """Fail items that have waited too long, and schedule the next check."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        waiting = [one for one in (*self._writing, *self._waiting) if one.told is not None]
        for one in waiting:
            if one.due <= now:
                one.tell(StoreUnavailable("Redis is slow: it did not answer in time."))
        left = [one.due for one in waiting if one.told is not None]
        self._timer = loop.call_at(min(left), self._give_up) if left else None
