"""Stores single messages: those that arrive during a write share the next one.

A write takes three round trips, which would cost more than the HTTP request.
"""

import asyncio
from asyncio import Future
from collections import defaultdict
from contextlib import suppress
from typing import NamedTuple

from producer.messages.enqueue import Counter, groups
from producer.messages.item import Enqueued
from store.client import AsyncStore
from store.errors import StoreUnavailable
from store.lanes.lane import Priority
from store.plans import carry_out_async
from store.queue.enqueue import NewMessage

PATIENCE = 10.0
"""Seconds until a message counts as not stored."""
MOST_WAITING = 64 * 1024 * 1024
"""Most bytes waiting for Redis."""
_OVERHEAD = 1024  # bytes per waiting message, roughly


class _Waiting(NamedTuple):
    message: NewMessage
    stored: "Future[Enqueued]"


class WriteCoalescer:
    """Stores single messages, one writer per sub-account and priority.

    Args:
        patience: timeout of one message, seconds.
        most_waiting: bytes of all waiting messages.
    """

    def __init__(
        self,
        store: AsyncStore,
        counter: Counter,
        *,
        patience: float = PATIENCE,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._store = store
        self._counter = counter
        self._patience = patience
        self._most_waiting = most_waiting
        self._bytes = 0
        self._queues: dict[tuple[str, Priority], list[_Waiting]] = defaultdict(list)
        self._writers: dict[tuple[str, Priority], asyncio.Task[None]] = {}

    async def add(self, message: NewMessage, account: str, priority: Priority) -> Enqueued:
        """Store a message. After the return it is stored; after an exception it may be.

        Raises:
            StoreError: of the store; StoreUnavailable also on a timeout, or when too many bytes wait.
        """
        if self._bytes > self._most_waiting:
            raise StoreUnavailable("Redis is slow: too many messages wait to be stored.")
        stored: Future[Enqueued] = asyncio.get_running_loop().create_future()
        queue = account, priority
        self._queues[queue].append(_Waiting(message, stored))
        self._bytes += len(message.line) + _OVERHEAD
        if queue not in self._writers:
            self._writers[queue] = asyncio.create_task(self._write_all(queue))
        try:
            async with asyncio.timeout(self._patience):
                return await stored
        except TimeoutError as error:
            raise StoreUnavailable("Redis is slow: it did not answer in time.") from error

    async def _write_all(self, queue: tuple[str, Priority]) -> None:
        try:
            while waiting := self._queues.pop(queue, None):
                self._bytes -= sum(len(one.message.line) + _OVERHEAD for one in waiting)
                wanted = [one for one in waiting if not one.stored.done()]
                await self._write(wanted, *queue)
        finally:
            del self._writers[queue]

    async def _write(self, waiting: list[_Waiting], account: str, priority: Priority) -> None:
        left = iter(waiting)
        for group in groups(one.message for one in waiting):
            futures = [next(left).stored for _ in group]
            try:
                plan = self._counter.put(group, account, priority)
                answers = await carry_out_async(self._store, plan)
            except BaseException as error:
                for stored in futures:
                    _fail(stored, error)
                if not isinstance(error, Exception):
                    raise
            else:
                for stored, answer in zip(futures, answers, strict=True):
                    with suppress(asyncio.InvalidStateError):  # the caller has gone
                        stored.set_result(answer)


def _fail(stored: "Future[Enqueued]", error: BaseException) -> None:
    with suppress(asyncio.InvalidStateError):
        if isinstance(error, Exception):
            stored.set_exception(error)
        else:
            stored.cancel()
