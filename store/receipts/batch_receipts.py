"""A batch of ours of which a receipt does not say which message it is about.

While the batch is in the air, in doubt or waits to be retried, its jobs are at hand: the person may tell
the message. If not, nothing is confirmed about any of them, but the provider has had the batch; so
they do
not go out again by themselves, and an operator decides (`sendmany campaign unconfirmed`).
"""

from typing import Any

from store.client import Call, command, script_call
from store.keys import lane_keys
from store.records.job_section import Job, unpack


def jobs_of_claimed(lane: str, batch: str) -> Call[list[Job]]:
    """The jobs of a batch that is in the air, as they were claimed."""
    return command("HGET", lane_keys(lane).claimed_batch(batch), "jobs", parse=_jobs)


def jobs_of_retry(lane: str, batch: str) -> Call[list[Job]]:
    """The jobs of a batch that wait to be retried, the attempt that failed counted."""
    return command("GET", f"{lane_keys(lane).retry_prefix}{batch}", parse=_jobs)


def in_doubt_of(batch: str) -> tuple[str, str, str]:
    """What a batch may lie in doubt as: all of it, what was doubtful in it, what was to be retried."""
    return (batch, f"{batch}p", f"{batch}w")


def hold_batch(lane: str, batch: str) -> Call[int]:
    """Keep what is in doubt of a batch, or waits to be retried, from being sent again by itself.
    Repeating it changes nothing.

    Returns (when run):
        How many batches, retry batches and in-doubt batches it is; 0 = nothing of the batch is
        left to be held, or it is
        none of ours.
    """
    keys = lane_keys(lane)
    retry, in_doubt_batches = (
        f"{keys.retry_prefix}{batch}",
        [keys.in_doubt_batch(in_doubt_batch) for in_doubt_batch in in_doubt_of(batch)],
    )
    places = (
        keys.meta,
        keys.counts,
        keys.retries,
        keys.in_doubt,
        retry,
        keys.claimed_batch(batch),
        *in_doubt_batches,
    )
    return script_call("hold_batch", places, (batch,), int)


def _jobs(reply: Any) -> list[Job]:
    return unpack(reply) if reply else []
