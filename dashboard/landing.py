"""Stores what is posted to us: bodies that come while a write is under way share the next one.

A write costs the process twice as much when each body has its own.
"""

import asyncio
from asyncio import Future
from contextlib import suppress
from typing import NamedTuple

from store.calls import AsyncStore
from store.errors import StoreUnavailable
from store.inbox import add_many

PATIENCE = 4.0
"""Seconds until we say that a body is not stored; the provider asks for an answer within 5."""
MOST_WAITING = 64 * 1024 * 1024
"""Bytes that may wait for Redis."""
_WRITE_MOST = 500
_WRITE_BYTES = 4 * 1024 * 1024
_OVERHEAD = 1024  # of a body that waits, roughly


class _Waiting(NamedTuple):
    body: bytes
    stored: "Future[None]"


class Landing:
    """The way of bodies into the store.

    Args:
        patience: seconds that one body may take.
        most_waiting: bytes, of all that wait at the same time.
    """

    def __init__(
        self, store: AsyncStore, *, patience: float = PATIENCE, most_waiting: int = MOST_WAITING
    ) -> None:
        self._store = store
        self._patience = patience
        self._most_waiting = most_waiting
        self._waiting: list[_Waiting] = []
        self._bytes = 0
        self._writer: asyncio.Task[None] | None = None

    async def add(self, body: bytes) -> None:
        """Store a body. When this returns, it is stored; when it raises, it may be nevertheless.

        Raises:
            StoreFull: Redis has no memory for it.
            StoreUnavailable: Redis is away, or takes too long, or too much waits for it already.
        """
        if self._bytes > self._most_waiting:
            raise StoreUnavailable("Redis is slow: too many webhooks wait to be stored.")
        stored: Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(body, stored))
        self._bytes += len(body) + _OVERHEAD
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        try:
            async with asyncio.timeout(self._patience):
                await stored
        except TimeoutError as error:
            raise StoreUnavailable("Redis is slow: a webhook could not be stored.") from error

    async def _write_all(self) -> None:
        try:
            while batch := self._next():
                await self._write(batch)
        finally:
            self._writer = None

    def _next(self) -> list[_Waiting]:
        """What the next write takes along: of those for whom somebody still waits, the first."""
        batch, size, seen = list[_Waiting](), 0, 0
        for one in self._waiting:
            if batch and (len(batch) == _WRITE_MOST or size + len(one.body) > _WRITE_BYTES):
                break
            seen += 1
            self._bytes -= len(one.body) + _OVERHEAD
            if not one.stored.done():
                batch.append(one)
                size += len(one.body)
        del self._waiting[:seen]
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        try:
            await self._store.run(add_many([one.body for one in batch]))
        except BaseException as error:
            for one in batch:
                _settle(one.stored, error)
            if not isinstance(error, Exception):
                raise
        else:
            for one in batch:
                _settle(one.stored, None)


def _settle(stored: "Future[None]", error: BaseException | None) -> None:
    with suppress(asyncio.InvalidStateError):  # whoever asked has gone
        if error is None:
            stored.set_result(None)
        elif isinstance(error, Exception):
            stored.set_exception(error)
        else:
            stored.cancel()
