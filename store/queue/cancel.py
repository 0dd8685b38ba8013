"""Cancels single messages that wait."""

from typing import Final

from store.access.audit import entry
from store.client import Store
from store.keys import lane_keys
from store.lanes.held_jobs import EndedJob, Place, end_jobs, find_job
from store.lanes.lane import Lane
from store.people.marketing_cap import release
from store.records.job_section import Job
from store.records.outcome import NO_UMID, LocalReason, Origin, head, number_field
from store.states import State

MOST_VALUES: Final = 10_000
"""Packed values searched for the message."""
TRIES: Final = 10
"""Tries to take a job out of a value that changes meanwhile."""


def cancel_message(store: Store, lane: Lane, index: int, now: int) -> bool:
    """End a message that waits in the queue, for a retry or for its time: its state is `cancelled`.

    It does not count against the cap on marketing, unless an earlier attempt may have arrived. For a
    message of a campaign the audit trail gets an entry.

    Args:
        now: s since 1970.

    Returns:
        False when it is being sent, is in doubt or has ended: nothing was changed.
    """
    keys = lane_keys(lane.id)
    for _ in range(TRIES):
        held = find_job(store, lane.id, index, MOST_VALUES)
        if held is None or held.place not in (Place.QUEUE, Place.RETRY):
            return False
        job = held.jobs[0]
        if store.run(end_jobs(keys, held, [EndedJob(job, _record(job, now))])):
            if lane.kind == "campaign":
                for call in () if job.doubt else release(lane, [job]):
                    store.run(call)
                store.run(entry("message.cancel", f"{lane.id}.{index}"))
            return True
    return False


def _record(job: Job, now: int) -> bytes:
    code = (Origin.LOCAL, LocalReason.OPERATOR)
    start = head(State.CANCELLED, job.attempts, *code, 0, now, other_attempt=job.doubt > 0)
    return start + number_field(job.recipient) + NO_UMID
