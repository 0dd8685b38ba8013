"""Receipts that name a batch of ours and none of its messages.

While the batch is in the air, in doubt or waits to be retried, its jobs are at hand. If the receipt
tells the person, and one job alone is theirs, it is about that message, and as good as one that names
it. If not, nobody can say which it is; but the provider has had the batch, so it is not sent again by
itself.
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
    """Lane and batch that a receipt names as `clientBatchId`, if they may be ours."""
    found = _BATCH.fullmatch(receipt.client_batch_id or "")
    return (found[1], found[2]) if found else None


class BatchAtHand:
    """Whom the jobs of a batch are for, as far as they are at hand; read once, for all its receipts."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._theirs: dict[bytes, list[Job]] = {}
        for job in jobs:
            self._theirs.setdefault(job.recipient, []).append(job)

    def message_of(self, receipt: Receipt) -> tuple[int, int] | None:
        """Index and attempt of the message that a receipt must be about, by its person; None if that is
        not the only one of the batch, or no job of it is at hand."""
        people = {name.encode() for name in (receipt.person.msisdn, receipt.person.user_id) if name}
        theirs = [job for person in people for job in self._theirs.get(person, ())]
        if len({job.index for job in theirs}) != 1:
            return None
        return theirs[0].index, theirs[0].attempts


async def read_batch(store: AsyncStore, lane: str, batch: str) -> BatchAtHand:
    """What is at hand of a batch."""
    return BatchAtHand(await _jobs(store, lane, batch))


async def hold(store: AsyncStore, lane: str, batch: str) -> bool:
    """Keep a batch from being sent again by itself; False if nothing of it is left to be held."""
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
