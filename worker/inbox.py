"""The inbox: receipts that the receiver has stored become evidence, a few hundred at a time.

An entry is acknowledged only after what it says has been written, and writing it twice changes nothing;
so a worker may die anywhere in between. What is no receipt, or names no message of ours, is counted and
kept apart for whoever wants to read it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import structlog

from chatapps.messages import MessageError
from chatapps.webhooks import Rank, Receipt, read_webhook
from store.evidence import AT_ONCE, Applied, Evidence, apply_evidence
from store.inbox import Entry, acknowledge, keep_aside, read_inbox, reclaim
from store.outcomes import Origin
from store.states import State
from worker.flight import Tools

log = structlog.get_logger(__name__)

ENTRIES = 500
ROUNDS = 40
"""Of `ENTRIES` each in one go: then the sweep does the rest of its work."""
IDLE_MS = 60_000
"""Entries that a consumer has held so long without applying them belong to whoever asks."""

STATES = {
    Rank.QUEUED: State.ACCEPTED,
    Rank.SENT: State.SENT,
    Rank.WITH_OPERATOR: State.DELIVERED_TO_OPERATOR,
    Rank.DELIVERED: State.DELIVERED_TO_OPERATOR,
    Rank.FAILED: State.UNDELIVERED,
    Rank.ON_HANDSET: State.DELIVERED,
    Rank.READ: State.READ,
}
"""What a receipt makes of a message. A rank that is missing here proves nothing."""

_MESSAGE_ID = re.compile(r"([a-z0-9-]{1,24})\.(\d{1,12})\.(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Sorted:
    """The entries of one round, by what they are."""

    evidence: dict[str, list[Evidence]]  # lane → evidence
    aside: list[bytes]  # replies, business events, receipts that match nothing of ours


async def apply_inbox(tools: Tools) -> int:
    """Apply what has come in; returns the number of entries."""
    done = 0
    entries = await tools.store.run(reclaim(tools.owner, IDLE_MS, ENTRIES))
    for _ in range(ROUNDS):
        entries = entries or await tools.store.run(read_inbox(tools.owner, ENTRIES))
        if not entries:
            break
        await _apply(tools, entries)
        done, entries = done + len(entries), []
    return done


async def _apply(tools: Tools, entries: Sequence[Entry]) -> None:
    sorted_ = sort_entries(entries)
    sums: Counter[str] = Counter()
    for lane, evidence in sorted_.evidence.items():
        for group in _groups(evidence):
            applied = await tools.store.run(apply_evidence(lane, group))
            sums.update(_figures(applied))
    if sorted_.aside:
        await tools.store.run(keep_aside(sorted_.aside))
    await tools.store.run(acknowledge([entry.id for entry in entries]))
    log.info("receipts applied", entries=len(entries), aside=len(sorted_.aside), **sums)


def sort_entries(entries: Iterable[Entry]) -> Sorted:
    """Read the entries; pure."""
    sorted_ = Sorted({}, [])
    for entry in entries:
        try:
            event = read_webhook(entry.body)
        except MessageError:
            event = None
        named = _evidence(event, entry) if isinstance(event, Receipt) else None
        if named is None:
            sorted_.aside.append(entry.body)
        else:
            sorted_.evidence.setdefault(named[0], []).append(named[1])
    return sorted_


def _evidence(receipt: Receipt, entry: Entry) -> tuple[str, Evidence] | None:
    """The lane and the evidence; None if it is about no message of ours, or proves nothing."""
    name = _MESSAGE_ID.fullmatch(receipt.client_message_id or "")
    state = STATES.get(receipt.rank)
    if name is None or state is None:
        return None
    came_ms = receipt.timestamp or int(entry.id.partition("-")[0])
    return name[1], Evidence(
        index=int(name[2]),
        attempt=int(name[3]),
        state=state,
        at=came_ms // 1000,
        code=receipt.code or 0,
        origin=Origin.RECEIPT if receipt.code else Origin.NONE,
        umid=receipt.umid,
    )


def _groups(evidence: list[Evidence]) -> Iterable[list[Evidence]]:
    pieces = iter(evidence)
    while group := list(islice(pieces, AT_ONCE)):
        yield group


def _figures(applied: Applied) -> dict[str, int]:
    return {
        "counted": applied.counted,
        "early": applied.early,
        "stale": applied.stale,
        "unknown": applied.unknown,
    }
