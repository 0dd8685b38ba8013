"""Receipts that name a batch of ours and none of its messages.

While the batch is in flight, in doubt or delayed, its jobs are available. If the receipt names the
person, and exactly one job is the person's, it is applied to that message. If not, the message is
unknown; but the provider has had the batch, so it is not resent automatically.
"""

import re
from collections.abc import Sequence

from chatapps.webhooks import Receipt
from store.client import AsyncStore
from store.queue.settlement import read_in_doubt
from store.receipts.sent_batches import hold_batch, in_doubt_of, jobs_of_claimed, jobs_of_retry
from store.records.job_section import Job

_BATCH = re.compile(r"([a-z0-9-]{1,24})\.([0-9a-z]{12})")


def batch_of(receipt: Receipt) -> tuple[str, str] | None:
    """Lane and batch in a receipt's `clientBatchId`, if they may be ours."""
    found = _BATCH.fullmatch(receipt.client_batch_id or "")
    return (found[1], found[2]) if found else None


class BatchAtHand:
    """Recipients of a batch's available jobs; read once, for all its receipts."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._theirs: dict[bytes, list[Job]] = {}
        for job in jobs:
            self._theirs.setdefault(job.recipient, []).append(job)

    def message_of(self, receipt: Receipt) -> tuple[int, int] | None:
        """Index and attempt of a receipt's message, by its person; None if several messages of the batch
        match, or no job is available."""
        people = {name.encode() for name in (receipt.person.msisdn, receipt.person.user_id) if name}
        theirs = [job for person in people for job in self._theirs.get(person, ())]
        if len({job.index for job in theirs}) != 1:
            return None
        return theirs[0].index, theirs[0].attempts


async def read_batch(store: AsyncStore, lane: str, batch: str) -> BatchAtHand:
    """Read the available jobs of a batch."""
    return BatchAtHand(await _jobs(store, lane, batch))


async def hold(store: AsyncStore, lane: str, batch: str) -> bool:
    """Prevent a batch from being resent automatically; False if nothing of it is left."""
    return await store.run(hold_batch(lane, batch)) > 0


async def _jobs(store: AsyncStore, lane: str, batch: str) -> Sequence[Job]:
    """The jobs of a batch with the attempt that was posted last."""
    jobs = [_posted(job, 1) for job in await store.run(jobs_of_claimed(lane, batch))]
    waiting = await store.run(jobs_of_retry(lane, batch))
    jobs.extend(waiting)
    for in_doubt_id in in_doubt_of(batch):
        in_doubt_batch = await store.run(read_in_doubt(lane, in_doubt_id))
        if in_doubt_batch is not None:
            jobs.extend(_posted(job, min(in_doubt_batch.tries, 1)) for job in in_doubt_batch.jobs)
    return jobs


def _posted(job: Job, more: int) -> Job:
    return job._replace(attempts=job.attempts + more)
