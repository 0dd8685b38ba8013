"""Batches as the provider calls them: a receipt may name nothing but its `batchId` and its `umid`.

For each batch that was answered it is kept for a while where the records of its messages lie. There the
`umid` tells which message it is. One small value a batch, nothing a message. Losing one loses no
message, but what such receipts would have told.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from store.client import Call, best_effort, command, text
from store.keys import OUTCOMES_PER_KEY, lane_keys, sent_batch
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
