"""Divides claimed jobs: people who have just got another message wait, unless it is urgent."""

from collections.abc import Sequence

from store.limits.pairs import space_pairs
from store.queue.settlement import PutOff, WaitCause
from store.records.job_section import Job
from worker.batch import OpenLane, Tools
from worker.delivery.eligibility import people_of


async def space(
    tools: Tools, lane: OpenLane, jobs: Sequence[Job]
) -> tuple[Sequence[Job], list[PutOff]]:
    """The jobs that may go now, and the others. One round trip."""
    if not jobs:
        return jobs, []
    names = people_of(jobs, normal=lane.lane.kind == "campaign")
    people = [(who, job.index) for who, job in zip(names, jobs, strict=True)]
    call = space_pairs(
        lane.sender.id, lane.lane.id, people, lane.sender.pair_wait, waits=not lane.urgent
    )
    due = await tools.store.run(call)
    waiting = [PutOff(jobs[at], until, WaitCause.PAIR) for at, until in due.items()]
    return [job for at, job in enumerate(jobs) if at not in due], waiting
