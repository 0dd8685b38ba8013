"""Batches as the provider calls them: a receipt may name nothing but its `batchId` and its `umid`.

For each batch that was answered it is kept for a while where the records of its messages lie. There the
`umid` tells which message it is. One small value a batch, nothing a message. Losing one loses no
message, but what such receipts would have told.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from store.client import Call, best_effort, command, script_call, text
from store.keys import OUTCOMES_PER_KEY, lane_keys, sent_batch
from store.records.job_section import Job, unpack
from store.records.outcome import NO_UMID, RECORD_BYTES, umid_field

KEEP_SECONDS = 7 * 86400
"""Most receipts come within minutes; `read` for up to ten days (provider docs, delivery receipts)."""
FEW = 20
KEEP_FEW_SECONDS = 86400
"""For batches of fewer messages: there may be nearly as many of them as messages."""
MOST_THOUSANDS = 8
"""Thousands of a lane over which a batch may be scattered; it is not worth remembering beyond that."""
UMID_AT = RECORD_BYTES - len(NO_UMID)


@dataclass(frozen=True, slots=True)
class SentBatch:
    """Where the messages of a batch of the provider are."""

    lane: str
    batch: str  # our name for it
    thousands: tuple[int, ...]  # numbers of the strings that hold its records


def remember_batch(batch_id: str, sent: SentBatch, messages: int) -> Call[None]:
    """Keep where the messages of a batch of the provider are."""
    value = f"{sent.lane}.{sent.batch} {','.join(map(str, sent.thousands))}"
    seconds = KEEP_SECONDS if messages >= FEW else KEEP_FEW_SECONDS
    return best_effort("SET", sent_batch(batch_id), value, "EX", seconds, parse=lambda _: None)


def find_batch(batch_id: str) -> Call[SentBatch | None]:
    """Where the messages of a batch of the provider are; None if it is not ours, or long ago."""
    return command("GET", sent_batch(batch_id), parse=_sent_batch)


def thousands_of(indexes: Iterable[int]) -> tuple[int, ...]:
    """Numbers of the strings that hold the records of these messages; none if they are too many."""
    found = tuple(sorted({index // OUTCOMES_PER_KEY for index in indexes}))
    return found if len(found) <= MOST_THOUSANDS else ()


def find_umids(
    lane: str, thousand: int, umids: Collection[str]
) -> Call[dict[str, tuple[int, int]]]:
    """Index and attempts of the messages of a thousand that have one of these ids of the provider."""
    key = lane_keys(lane).outcome(thousand * OUTCOMES_PER_KEY)

    def parse(blob: Any) -> dict[str, tuple[int, int]]:
        places = {umid: _place(blob or b"", umid_field(umid)) for umid in umids}
        return {
            umid: (thousand * OUTCOMES_PER_KEY + place, blob[place * RECORD_BYTES + 1])
            for umid, place in places.items()
            if place >= 0
        }

    return command("GET", key, parse=parse)


def _place(blob: bytes, umid: bytes) -> int:
    """The record with this umid; -1 for none."""
    if umid == NO_UMID:
        return -1
    at = blob.find(umid)
    while at >= 0 and at % RECORD_BYTES != UMID_AT:
        at = blob.find(umid, at + 1)
    return at // RECORD_BYTES if at >= 0 else -1


def _sent_batch(reply: Any) -> SentBatch | None:
    if reply is None:
        return None
    named, _, thousands = text(reply).partition(" ")
    lane, _, batch = named.rpartition(".")
    return SentBatch(lane, batch, tuple(map(int, thousands.split(","))))


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
