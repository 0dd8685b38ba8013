"""Stores webhook bodies: bodies that arrive during a write share the next one.

Separate writes cost the process twice as much CPU time.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from store.client import AsyncStore
from store.errors import StoreError, StoreUnavailable
from store.receipts.inbox import LEASE_MS, add_many, take_inbox

PATIENCE: Final = 4.0
"""Seconds until a body counts as not stored; the provider expects an answer within 5."""
_WRITE_MOST: Final = 500
_WRITE_BYTES: Final = 4 * 1024 * 1024
Told = Callable[[StoreError | None], None]
"""Called once: with None when the body is stored; with an error it may be stored nevertheless."""


class _Waiting:
    """A body and its callback; None: called."""

    __slots__ = ("body", "due", "told")

    def __init__(self, body: bytes, told: Told, due: float) -> None:
        self.body = body
        self.told: Told | None = told
        self.due = due

    def tell(self, error: StoreError | None) -> None:
        told, self.told, self.body = self.told, None, b""
        if told is not None:
            told(error)


class WriteCoalescer:
    """Stores bodies. The caller bounds the number that wait.

    Args:
        patience: timeout of one body, seconds.
    """

    def __init__(self, store: AsyncStore, *, patience: float = PATIENCE) -> None:
        self._store = store
        self._patience = patience
        self._waiting: deque[_Waiting] = deque()
        self._writing: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._inbox: int | None = None
        self._renew_at = 0.0

    def add(self, body: bytes, told: Told) -> None:
        """Store a body; call it in the event loop."""
        loop = asyncio.get_running_loop()
        self._waiting.append(_Waiting(body, told, loop.time() + self._patience))
        if self._writer is None:
            self._writer = loop.create_task(self._write_all(), name="store webhooks")
        if self._timer is None:
            self._timer = loop.call_later(self._patience, self._give_up)

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                self._writing = self._next()
                await self._write(self._writing)
        finally:
            self._writing, self._writer = [], None

    def _next(self) -> list[_Waiting]:
        """The bodies of the next write."""
        batch, size = list[_Waiting](), 0
        while self._waiting and len(batch) < _WRITE_MOST:
            one = self._waiting[0]
            if batch and size + len(one.body) > _WRITE_BYTES:
                break
            self._waiting.popleft()
            if one.told is not None:
                batch.append(one)
                size += len(one.body)
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        error: StoreError | None = StoreUnavailable("The write was given up.")
        try:
            if batch:
                await self._store.run(add_many([one.body for one in batch], await self._number()))
            error = None
        except StoreError as failed:
            error = failed
        finally:
            for one in batch:
                one.tell(error)

    async def _number(self) -> int:
        """The inbox of this process."""
        now = asyncio.get_running_loop().time()
        if self._inbox is None or now >= self._renew_at:
            self._inbox = await self._store.run(take_inbox(self._inbox))
            self._renew_at = now + LEASE_MS / 2000
        return self._inbox

    def _give_up(self) -> None:
        """Fail bodies that have waited too long, and schedule the next check."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        waiting = [one for one in (*self._writing, *self._waiting) if one.told is not None]
        for one in waiting:
            if one.due <= now:
                one.tell(StoreUnavailable("Redis is slow: a webhook could not be stored."))
        left = [one.due for one in waiting if one.told is not None]
        self._timer = loop.call_at(min(left), self._give_up) if left else None
