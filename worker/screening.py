"""Screening: jobs that must not go out although they were claimed, or lie parked.

Evidence may have come while a job still existed. The provider has had such a message: it is settled as
what the evidence says, and never posted again.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby

from store.calls import AsyncStore
from store.evidence import proven, read_records_of
from store.keys import OUTCOMES_PER_KEY
from store.packing import Job


async def proven_jobs(store: AsyncStore, lane: str, jobs: Iterable[Job]) -> set[int]:
    """Indexes of the jobs that the provider has had, by evidence."""
    found: set[int] = set()
    for group in _by_thousand(sorted(jobs)):
        records = await store.run(read_records_of(lane, group))
        found |= proven(group, records)
    return found


def _by_thousand(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    for _, group in groupby(jobs, key=lambda job: job.index // OUTCOMES_PER_KEY):
        yield list(group)
