"""Batches by the provider's names for them: noted when they land, looked up when a receipt comes."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence

from chatapps.webhooks import Receipt
from store.calls import AsyncStore, Call
from store.errors import StoreError
from store.sent_batches import SentBatch, find_batch, find_umids, remember_batch

GATHER_SECONDS = 0.02
"""So long notes wait for others to go with: a busy worker writes many of them in one round trip."""
AT_ONCE = 100
BLOBS_AT_ONCE = 20
"""Strings of 36 kB that are read in one round trip."""

Message = tuple[str, int, int]
"""Lane, index, attempt."""


class SentBatches:
    """Writes down in passing which batches of the provider are ours. No batch waits for that, and what
    cannot be written is forgotten: it only helps with receipts that name no message."""

    def __init__(self) -> None:
        self._new: list[Call[None]] = []
        self._writing: asyncio.Task[None] | None = None

    def note(
        self,
        store: AsyncStore,
        sleep: Callable[[float], Awaitable[None]],
        names: Iterable[str],
        sent: SentBatch,
        messages: int,
    ) -> None:
        """Remember a batch that has landed, under the names that the provider gave its requests."""
        if sent.thousands:
            self._new.extend(remember_batch(name, sent, messages) for name in names)
        if self._new and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write(store, sleep))

    async def written(self) -> None:
        """Wait until nothing is left to be written."""
        if self._writing is not None:
            await self._writing

    async def _write(self, store: AsyncStore, sleep: Callable[[float], Awaitable[None]]) -> None:
        await sleep(GATHER_SECONDS)
        while self._new:
            calls, self._new = self._new[:AT_ONCE], self._new[AT_ONCE:]
            with contextlib.suppress(StoreError):
                await store.run_all(calls)


async def find_sent(
    store: AsyncStore, receipts: Sequence[Receipt]
) -> tuple[dict[str, SentBatch], dict[tuple[str, str], Message]]:
    """What is known of the batches that receipts name, and of their messages.

    Returns:
        By `batchId`, the batches of ours; by `batchId` and `umid`, the messages in them.
    """
    named = sorted({receipt.batch_id for receipt in receipts if receipt.batch_id})
    found = await store.run_all([find_batch(name) for name in named])
    batches = {name: sent for name, sent in zip(named, found, strict=True) if sent is not None}
    umids: dict[str, set[str]] = {name: set() for name in batches}
    for receipt in receipts:
        if receipt.batch_id in umids:
            umids[receipt.batch_id].add(receipt.umid)
    places = [
        (name, thousand, sent.lane) for name, sent in batches.items() for thousand in sent.thousands
    ]
    messages: dict[tuple[str, str], Message] = {}
    for first in range(0, len(places), BLOBS_AT_ONCE):
        part = places[first : first + BLOBS_AT_ONCE]
        calls = [find_umids(lane, thousand, umids[name]) for name, thousand, lane in part]
        for (name, _, lane), them in zip(part, await store.run_all(calls), strict=True):
            for umid, (index, attempt) in them.items():
                messages[name, umid] = (lane, index, attempt)
    return batches, messages
