"""The cap on marketing: so many messages of campaigns of a sub-account to a person, in so many days.

A message takes its place in the same round trip as the check of suppressions, before the mark and the
POST, so that two campaigns cannot both pass. The message is the operation id: a retry, or a worker that
takes over from a dead one, keeps the place. It is released when the message is rejected, skipped or
cancelled. About 100 bytes a person, for one to two periods.
"""

from collections.abc import Sequence
from itertools import compress
from typing import NamedTuple

from config.sections import Campaigns
from store.client import Call, command, script_call, text
from store.keys import counted_marketing, shard_of
from store.lanes.lane import Lane
from store.people.service_windows import shards_of
from store.purposes import Purpose
from store.records.job_section import Job

MINUTES = 24 * 60
_LANE = 6  # characters at the end of a lane's id: random


class Cap(NamedTuple):
    """Most marketing messages to a person in a period."""

    messages: int
    minutes: int


def cap_of(settings: Campaigns, purpose: Purpose | None) -> Cap | None:
    """The cap for messages of a campaign; None: they are not capped."""
    if not settings.cap_messages or purpose is not Purpose.MARKETING:
        return None
    return Cap(settings.cap_messages, int(settings.cap_days * MINUTES))


def reserve(lane: Lane, cap: Cap, jobs: Sequence[Job]) -> list[Call[list[int]]]:
    """Reserve the places of a batch: one call per shard, to be run together. A repeat changes nothing.

    Returns (when run):
        Positions of the jobs whose people are over the cap.
    """
    indexes = [job.index for job in jobs]
    return _calls(lane.sub_account, cap, [job.recipient for job in jobs], lane.id, indexes)


def find_capped(sub_account: str, cap: Cap, people: Sequence[bytes]) -> list[Call[list[int]]]:
    """Positions of people who would be over the cap now. For plans: nothing is reserved."""
    return _calls(sub_account, cap, people)


def _calls(
    sub_account: str, cap: Cap, people: Sequence[bytes], lane: str = "", indexes: Sequence[int] = ()
) -> list[Call[list[int]]]:
    def of_shard(shard: int, chosen: bytes) -> Call[list[int]]:
        names = b"\n".join([*compress(people, chosen), b""])
        own = " ".join(map(str, compress(indexes, chosen)))
        places = list(compress(range(len(people)), chosen))
        return script_call(
            "reserve_marketing",
            counted_marketing(sub_account, shard),
            (*cap, lane[-_LANE:], int(bool(lane)), names, own),
            lambda reply: [places[place] for place in reply],
        )

    return [of_shard(shard, chosen) for shard, chosen in shards_of(people)]


def release(lane: Lane, jobs: Sequence[Job]) -> list[Call[int]]:
    """Release the places of jobs whose people do not get the message: one call per shard."""
    people = [job.recipient for job in jobs]
    return [
        script_call(
            "release_marketing",
            counted_marketing(lane.sub_account, shard),
            (
                lane.id[-_LANE:],
                b"\n".join([*compress(people, chosen), b""]),
                " ".join(str(job.index) for job in compress(jobs, chosen)),
            ),
            int,
        )
        for shard, chosen in shards_of(people)
    ]


def read_counted(sub_account: str, who: str) -> list[Call[list[int]]]:
    """Times of a person's messages that count, s since 1970, of both periods."""

    def parse(reply: bytes | None) -> list[int]:
        return [int(one.split(":")[0]) * 60 for one in text(reply).split()]

    keys = counted_marketing(sub_account, shard_of(who))
    return [command("HGET", key, who, parse=parse) for key in keys]
