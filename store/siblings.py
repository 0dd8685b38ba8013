"""A batch of ours of which a receipt does not say which message it is about.

While the batch is in the air or in doubt its jobs are at hand: the person may tell the message. If not,
nothing is proven about any of them, but the provider has had the batch; so they do not go out again by
themselves, and an operator decides (`sendmany campaign unknown`).
"""

from typing import Any

from store.calls import Call, command, script_call
from store.keys import lane_keys
from store.packing import Job, unpack


def jobs_of_flight(lane: str, batch: str) -> Call[list[Job]]:
    """The jobs of a batch that is in the air, as they were claimed."""
    return command("HGET", lane_keys(lane).flight(batch), "jobs", parse=_jobs)


def hold_siblings(lane: str, batch: str) -> Call[int]:
    """Keep what is in doubt of a batch from being sent again by itself. Repeating it changes nothing.

    Returns (when run):
        How many flights and parks it is; 0 = nothing of the batch is in doubt, or it is none of ours.
    """
    keys = lane_keys(lane)
    places = (keys.flight(batch), keys.park(batch), keys.park(f"{batch}p"))
    return script_call("hold_siblings", places, (), int)


def _jobs(reply: Any) -> list[Job]:
    return unpack(reply) if reply else []
