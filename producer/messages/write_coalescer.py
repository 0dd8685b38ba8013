"""Stores single messages: those that arrive during a write share the next one.

A write takes three round trips, which would cost more than the HTTP request.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from producer.messages.enqueue import AT_ONCE, BYTES_AT_ONCE, Enqueuer
from producer.messages.item import Enqueued
from store.client import AsyncStore
from store.errors import StoreUnavailable
from store.lanes.lane import Priority
from store.plans import carry_out_async
from store.queue.enqueue import NewMessage
from store.write_coalescer import Waiting, WriteCoalescer

PATIENCE = 10.0
"""Seconds until a message counts as not stored."""
MOST_WAITING = 64 * 1024 * 1024
"""Most bytes waiting for Redis."""


class MessageWrites:
    """Stores single messages, one writer per sub-account and priority.

    Args:
        patience: timeout of one message, seconds.
        most_waiting: bytes of all waiting messages.
    """

    def __init__(
        self,
        store: AsyncStore,
        enqueuer: Enqueuer,
        *,
        patience: float = PATIENCE,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._store = store
        self._enqueuer = enqueuer
        self._patience = patience
        self._most_waiting = most_waiting
        self._writers: dict[tuple[str, Priority], WriteCoalescer[NewMessage, Enqueued]] = {}

    async def add(self, message: NewMessage, account: str, priority: Priority) -> Enqueued:
        """Store a message. After the return it is stored; after an exception it may be.

        Raises:
            StoreError: of the store; StoreUnavailable also on a timeout, or when too many bytes wait.
        """
        stored: asyncio.Future[Enqueued] = asyncio.get_running_loop().create_future()
        waiting = self.put(message, account, priority, partial(_tell, stored))
        try:
            return await stored
        finally:
            waiting.told = None  # a caller that has gone needs nothing stored

    def put(
        self,
        message: NewMessage,
        account: str,
        priority: Priority,
        told: Callable[[Enqueued | Exception], None],
    ) -> Waiting[NewMessage, Enqueued]:
        """As `add`, telling instead of returning. Raises StoreUnavailable when too much waits."""
        if sum(writer.bytes for writer in self._writers.values()) > self._most_waiting:
            raise StoreUnavailable("Redis is slow: too many messages wait to be stored.")
        return self._writer(account, priority).add(message, told)

    def _writer(self, account: str, priority: Priority) -> WriteCoalescer[NewMessage, Enqueued]:
        writer = self._writers.get((account, priority))
        if writer is None:
            writer = self._writers[account, priority] = WriteCoalescer(
                partial(self._write, account=account, priority=priority),
                lambda message: len(message.line),
                patience=self._patience,
                most=AT_ONCE,
                most_bytes=BYTES_AT_ONCE,
            )
        return writer

    async def _write(
        self, messages: Sequence[NewMessage], account: str, priority: Priority
    ) -> list[Enqueued]:
        plan = self._enqueuer.put(messages, account, priority)
        return await carry_out_async(self._store, plan)


def _tell(stored: "asyncio.Future[Enqueued]", answer: Enqueued | Exception) -> None:
    with suppress(asyncio.InvalidStateError):  # the caller has gone
        if isinstance(answer, Exception):
            stored.set_exception(answer)
        else:
            stored.set_result(answer)
