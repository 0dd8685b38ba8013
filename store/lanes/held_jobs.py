"""Jobs in the places of a lane that hold them, and their removal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

from store.client import Argument, Call, Store, command, script_call, text
from store.keys import OUTCOMES_PER_KEY, LaneKeys, lane_keys
from store.records.job_section import Job, count, sections, unpack, without
from store.records.outcome import FORGOTTEN_AT, is_number
from store.states import State


class Place(StrEnum):
    """Place of jobs; the values are those of `end_jobs`."""

    QUEUE = "queue"
    RETRY = "retry"
    IN_DOUBT = "in_doubt"
    CLAIMED = "claimed"
    DEAD = "dead"


STATES = {
    Place.QUEUE: State.QUEUED,
    Place.RETRY: State.DELAYED,
    Place.IN_DOUBT: State.IN_DOUBT,
    Place.CLAIMED: State.IN_FLIGHT,
    Place.DEAD: State.UNCONFIRMED,  # copies: nothing is counted
}
"""State of jobs by their place."""
VALUES_AT_ONCE = 50
"""Packed values of the queue that one call reads, each of up to 1,000 jobs."""


@dataclass(frozen=True, slots=True)
class Held:
    """A packed value with jobs that are meant."""

    place: Place
    id: str  # of the retry batch, in-doubt batch or batch
    key: str
    value: bytes
    jobs: Sequence[Job]  # those that are meant


class EndedJob(NamedTuple):
    """A job that ends, and its message's record."""

    job: Job
    record: bytes


def held_values(store: Store, lane_id: str) -> Iterator[Held]:
    """Packed values with jobs that wait or are in flight; all of their jobs are to be unpacked. Not
    atomic: the lane may change meanwhile."""
    keys = lane_keys(lane_id)
    for begin in range(0, store.run(command("LLEN", keys.queue, parse=int)), VALUES_AT_ONCE):
        end = begin + VALUES_AT_ONCE - 1
        for value in store.run(command("LRANGE", keys.queue, begin, end, parse=list)):
            yield Held(Place.QUEUE, "", keys.queue, value, ())
    for place, index, key_of in (
        (Place.RETRY, keys.retries, keys.retry),
        (Place.CLAIMED, keys.claimed_batches, keys.claimed_batch),
        (Place.IN_DOUBT, keys.in_doubt, keys.in_doubt_batch),
    ):
        for batch in store.run(command("ZRANGE", index, 0, -1, parse=_texts)):
            key = key_of(batch)
            read = ("GET", key) if place is Place.RETRY else ("HGET", key, "jobs")
            yield Held(place, batch, key, store.run(command(*read, parse=_blob)), ())


def find_job(store: Store, lane_id: str, index: int, most: int | None = None) -> Held | None:
    """The packed value with the job of a message, and that job; None if it has ended or is moving.

    Args:
        most: packed values to search at most, where the queue is not in the order of indexes.
    """
    ordered = _find_in_order(store, lane_id, index)
    if ordered is not None:
        return ordered
    found = (_with_job(held, index) for held in islice(held_values(store, lane_id), most))
    return next(filter(None, found), None)


def _find_in_order(store: Store, lane_id: str, index: int) -> Held | None:
    """Searches a queue whose values are in order of index, as a new campaign's are."""
    queue = lane_keys(lane_id).queue
    low, high = 0, store.run(command("LLEN", queue, parse=int))
    while low < high:
        middle = (low + high) // 2
        value = store.run(command("LINDEX", queue, middle, parse=_blob))
        header = next((header for header, _ in sections(value)), None)
        if header is None or header.base == b"x":
            return None
        if int(header.base) <= index < int(header.base) + header.n:
            return _with_job(Held(Place.QUEUE, "", queue, value, ()), index)
        low, high = (low, middle) if index < int(header.base) else (middle + 1, high)
    return None


def _with_job(held: Held, index: int) -> Held | None:
    job = next((job for job in unpack(held.value) if job.index == index), None)
    return None if job is None else Held(held.place, held.id, held.key, held.value, (job,))


def _blob(reply: Any) -> bytes:
    return reply or b""


def _texts(reply: Any) -> list[str]:
    return [text(one) for one in reply]


def end_jobs(keys: LaneKeys, held: Held, ended: Sequence[EndedJob]) -> Call[bool]:
    """Remove jobs from a packed value and write their messages' records; from the dead letters, which
    are copies, they are only removed. Returns False when the value has changed: find the jobs again.
    """
    reason, packed = b"", held.value
    if held.place is Place.DEAD:
        reason, _, packed = held.value.partition(b"\n")
    new = without(packed, {one.job.index for one in ended})
    records: list[Argument] = []
    touched: list[str] = []
    for job, record in ended if held.place is not Place.DEAD else ():
        kept = not record[FORGOTTEN_AT] and not is_number(job.recipient)
        records += (job.index % OUTCOMES_PER_KEY, record, job.index, job.recipient if kept else b"")
        touched += (keys.outcome(job.index), keys.long_ids(job.index))
    index = {Place.RETRY: keys.retries, Place.IN_DOUBT: keys.in_doubt}.get(held.place, held.key)
    value = new and reason + (b"\n" if reason else b"") + new
    args = (held.place, held.id, STATES[held.place], held.value, value, count(new), *records)
    fixed = (keys.meta, keys.counts, keys.codes, keys.stats, held.key, index, keys.outbox)
    return script_call("end_jobs", (*fixed, *touched), args, bool)
