"""Batches by the provider's ids: stored when they are settled, looked up when a receipt comes."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence

from chatapps.webhooks import Receipt
from store.client import AsyncStore, Call
from store.errors import StoreError
from store.keys import OUTCOMES_PER_KEY
from store.lanes.lane import newest_lanes
from store.receipts.sent_batches import SentBatch, find_batch, find_umids, remember_batch
from store.reports.lane_report import LaneReport, read_lane_report
from store.states import State

GATHER_SECONDS = 0.02
"""Seconds for which notes wait to be written together, in one round trip."""
AT_ONCE = 100
BLOBS_AT_ONCE = 20
"""Strings of 36 kB read in one round trip."""

NEWEST_LANES = 50
THOUSANDS_SEARCHED = 200
"""Thousands of each lane, the most recently sent ones, searched for a receipt that names only its
`umid`."""

Message = tuple[str, int, int]
"""Lane, index, attempt."""


class SentBatches:
    """Writes the provider's batch ids in the background. No batch waits for it, and failed writes are
    dropped: it only helps with receipts that name no message."""

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
        """Remember a settled batch, by the ids that the provider gave its requests."""
        if sent.thousands:
            self._new.extend(remember_batch(name, sent, messages) for name in names)
        if self._new and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(self._write(store, sleep))

    async def written(self) -> None:
        """Wait until everything is written."""
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
    """Look up the batches that receipts name, and their messages.

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


async def find_nameless(
    store: AsyncStore, receipts: Sequence[Receipt]
) -> dict[tuple[str, str], Message]:
    """Messages that receipts name by their `umid` alone, by sub-account and `umid`, searched among
    recently sent ones. The provider writes such receipts for messages that were not sent in a batch;
    ours are rare, and older ones are not found."""
    wanted: dict[str, set[str]] = {}
    for receipt in receipts:
        wanted.setdefault(receipt.sub_account or "", set()).add(receipt.umid)
    if not wanted:
        return {}
    lanes = await store.run(newest_lanes(NEWEST_LANES))
    reports = await store.run_all([read_lane_report(lane) for lane in lanes])
    found: dict[tuple[str, str], Message] = {}
    for sub_account, umids in wanted.items():
        for report in filter(None, reports):
            if sub_account.lower() in ("", report.lane.sub_account.lower()):
                for umid, message in (await _search(store, report, umids)).items():
                    found[sub_account, umid] = message
    return found


async def _search(
    store: AsyncStore, report: LaneReport, umids: Collection[str]
) -> dict[str, Message]:
    """Messages with these umids among the most recently posted ones of a lane."""
    lane, posted = report.lane.id, report.lane.next_index - report.counts.get(State.QUEUED, 0)
    last = posted // OUTCOMES_PER_KEY
    thousands = range(last, max(-1, last - THOUSANDS_SEARCHED), -1)
    found: dict[str, Message] = {}
    for first in range(0, len(thousands), BLOBS_AT_ONCE):
        left = set(umids) - found.keys()
        if not left:
            break
        calls = [find_umids(lane, n, left) for n in thousands[first : first + BLOBS_AT_ONCE]]
        for them in await store.run_all(calls):
            found |= {umid: (lane, *place) for umid, place in them.items()}
    return found
