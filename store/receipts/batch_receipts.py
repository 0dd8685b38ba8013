"""A batch of ours of which a receipt does not say which message it is about.

While the batch is in the air, in doubt or waits to be retried, its jobs are at hand: the person may tell
the message. If not, nothing is proven about any of them, but the provider has had the batch; so they do
not go out again by themselves, and an operator decides (`sendmany campaign unknown`).
"""

from typing import Any

from store.client import Call, command, script_call
from store.keys import lane_keys
from store.records.job_section import Job, unpack


def jobs_of_flight(lane: str, batch: str) -> Call[list[Job]]:
    """The jobs of a batch that is in the air, as they were claimed."""
    return command("HGET", lane_keys(lane).flight(batch), "jobs", parse=_jobs)


def jobs_of_wave(lane: str, batch: str) -> Call[list[Job]]:
    """The jobs of a batch that wait to be retried, the attempt that failed counted."""
    return command("GET", f"{lane_keys(lane).wave_prefix}{batch}", parse=_jobs)


def parks_of(batch: str) -> tuple[str, str, str]:
    """What a batch may lie parked as: all of it, what was doubtful in it, what was to be retried."""
    return (batch, f"{batch}p", f"{batch}w")


def hold_siblings(lane: str, batch: str) -> Call[int]:
    """Keep what is in doubt of a batch, or waits to be retried, from being sent again by itself.
    Repeating it changes nothing.

    Returns (when run):
        How many flights, waves and parks it is; 0 = nothing of the batch is left to be held, or it is
        none of ours.
    """
    keys = lane_keys(lane)
    wave, parks = f"{keys.wave_prefix}{batch}", [keys.park(park) for park in parks_of(batch)]
    places = (keys.meta, keys.counts, keys.waves, keys.parked, wave, keys.flight(batch), *parks)
    return script_call("hold_batch", places, (batch,), int)


def _jobs(reply: Any) -> list[Job]:
    return unpack(reply) if reply else []
