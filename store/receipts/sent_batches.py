"""Batches by the provider's id: a receipt may name only its `batchId` and its `umid`.

For each answered batch the location of its messages' records is kept for a while; there the `umid`
identifies the message. One small value per batch, nothing per message. Losing one loses no message, only
such receipts.
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
"""For small batches: there may be nearly as many of them as messages."""
MOST_THOUSANDS = 8
"""Most thousands of a lane over which a remembered batch may be scattered."""
UMID_AT = RECORD_BYTES - len(NO_UMID)


@dataclass(frozen=True, slots=True)
class SentBatch:
    """Location of the messages of a provider's batch."""

    lane: str
    batch: str  # our id
    thousands: tuple[int, ...]  # numbers of the strings with its records


def remember_batch(batch_id: str, sent: SentBatch, messages: int) -> Call[None]:
    """Store the location of the messages of a provider's batch."""
    value = f"{sent.lane}.{sent.batch} {','.join(map(str, sent.thousands))}"
    seconds = KEEP_SECONDS if messages >= FEW else KEEP_FEW_SECONDS
    return best_effort("SET", sent_batch(batch_id), value, "EX", seconds, parse=lambda _: None)


def find_batch(batch_id: str) -> Call[SentBatch | None]:
    """Location of the messages of a provider's batch; None if it is not ours, or expired."""
    return command("GET", sent_batch(batch_id), parse=_sent_batch)


def thousands_of(indexes: Iterable[int]) -> tuple[int, ...]:
    """Numbers of the strings with the records of these messages; empty if they are too many."""
    found = tuple(sorted({index // OUTCOMES_PER_KEY for index in indexes}))
    return found if len(found) <= MOST_THOUSANDS else ()


def find_umids(
    lane: str, thousand: int, umids: Collection[str]
) -> Call[dict[str, tuple[int, int]]]:
    """Index and attempts of the messages of a thousand that have one of these umids."""
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
    """Offset of the record with this umid; -1 for none."""
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
    """The jobs of a batch in flight, as claimed."""
    return command("HGET", lane_keys(lane).claimed_batch(batch), "jobs", parse=_jobs)


def jobs_of_retry(lane: str, batch: str) -> Call[list[Job]]:
    """The delayed jobs of a batch, the failed attempt counted."""
    return command("GET", f"{lane_keys(lane).retry_prefix}{batch}", parse=_jobs)


def in_doubt_of(batch: str) -> tuple[str, str, str]:
    """Ids of the in-doubt batches that a batch may become: all of it, its doubtful jobs, its retried
    jobs."""
    return (batch, f"{batch}p", f"{batch}w")


def hold_batch(lane: str, batch: str) -> Call[int]:
    """Prevent the jobs of a batch that are in doubt or delayed from being resent automatically.
    Idempotent.

    Returns (when run):
        Number of batches, retry batches and in-doubt batches held; 0 = none are left, or the batch is
        not
        ours.
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
