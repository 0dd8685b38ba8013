"""Applies the inbox, a thousand entries at a time.

    receipts          status updates, a call per lane; some codes lead to a reaction
                      (worker/receipts/opt_outs.py, worker/receipts/reactions.py)
    replies           open the service window; opt-outs suppress (worker/receipts/opt_outs.py)
    business events   open and close breakers (worker/receipts/provider_events.py)

An entry is acknowledged, and counted, only after it was applied, and applying it twice changes nothing;
so a worker may die anywhere in between. Replies, events, and receipts about no message of ours are also
kept aside for inspection.
"""

import asyncio
import re
from collections import Counter
from collections.abc import (
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Iterator,
    Sequence,
)
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import structlog

from chatapps.messages import MessageError
from chatapps.webhooks import (
    AccountChange,
    BusinessChange,
    Event,
    NumberChange,
    Rank,
    Receipt,
    Reply,
    TemplateChange,
    decode_receipt,
    items_of,
    rank_of,
    read_moment,
    read_webhook,
)
from config.settings import Settings
from store.errors import StoreError
from store.purposes import Pricing, pricing_of
from store.receipts.feedback import count_feedback
from store.receipts.inbox import (
    Entry,
    acknowledge,
    inbox_numbers,
    keep_unmatched,
    read_inbox,
    reclaim,
)
from store.receipts.status_updates import AT_ONCE, Applied, apply_pairs, receipt_record
from store.records.outcome import Feedback
from store.states import State
from worker.batch import Tools
from worker.receipts.batch_receipts import batch_of, hold, read_batch
from worker.receipts.opt_outs import (
    ConsentChanges,
    fulfil,
    note_refusal,
    note_reply,
    personal_codes,
)
from worker.receipts.provider_events import act_on
from worker.receipts.reactions import pause_bulk
from worker.sent_batches import find_nameless, find_sent

log = structlog.get_logger(__name__)

ENTRIES = 1000
"""Most entries of the inbox in a round; fewer if several bodies share one."""
MOST = 20_000
"""Bodies per run, roughly; the sweep does the rest of its work before the next run."""
IDLE_MS = 60_000
"""Entries that a consumer has held so long without applying them may be taken over."""

STATES = {
    Rank.QUEUED: State.ACCEPTED,
    Rank.SENT: State.FORWARDED,
    Rank.WITH_OPERATOR: State.DELIVERED_TO_OPERATOR,
    Rank.DELIVERED: State.DELIVERED_TO_OPERATOR,
    Rank.FAILED: State.UNDELIVERED,
    Rank.ON_HANDSET: State.DELIVERED,
    Rank.READ: State.READ,
}
"""The state that a receipt's rank leads to. A rank that is missing here proves nothing."""

MESSAGE_ID = re.compile(r"([a-z0-9-]{1,24})\.(\d{1,12})\.(\d{1,4})")
"""A `clientMessageId` of ours: lane, index, attempt."""


Proof = tuple[int, bytes, Receipt | None, Entry]
"""Index of the message, its status update as a record, the receipt if its code leads to something for
the person, and the entry."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """The entries of one round by kind."""

    updates: dict[tuple[str, str | None], list[Proof]] = field(default_factory=dict)
    """By the lane, and the sub-account in the receipt."""
    unnamed: list[tuple[Receipt, Entry]] = field(
        default_factory=list
    )  # naming a batch of ours at best
    changes: ConsentChanges = field(default_factory=ConsentChanges)
    events: list[tuple[BusinessChange, Entry]] = field(default_factory=list)
    aside: list[bytes] = field(default_factory=list)  # all but receipts of messages of ours
    figures: Counter[str] = field(default_factory=Counter)  # as store/receipts/inbox.py names them


async def _alone() -> None:
    """No-op progress callback."""


def is_all(bodies: int) -> bool:
    """True when so many bodies in one run are all there were."""
    return bodies < MOST


async def apply_inbox(tools: Tools, go_on: Callable[[], Awaitable[object]] = _alone) -> int:
    """Apply the inboxes; returns the number of bodies.

    Args:
        go_on: called between the rounds, of which a sweep may have many.
    """
    async with tools.applying:  # else reclaim() returns entries that are still being applied
        numbers = await tools.store.run(inbox_numbers())
        return sum([await _apply_all(tools, number, go_on) for number in numbers])


async def _apply_all(tools: Tools, number: int, go_on: Callable[[], Awaitable[object]]) -> int:
    """Apply one inbox: first entries that this process took and left when the store was away, then those
    of dead consumers, then new ones."""
    done = 0
    entries = await tools.store.run(reclaim(tools.owner, IDLE_MS, ENTRIES, number))
    while done < MOST:
        entries = entries or await tools.store.run(read_inbox(tools.owner, ENTRIES, number))
        if not entries:
            break
        await _finish(_apply(tools, entries, number))
        await go_on()
        done, entries = done + len(entries), []
    return done


async def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Complete the work even when cancelled: otherwise other consumers skip the entries that this one
    has taken."""
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError


async def _apply(tools: Tools, entries: Sequence[Entry], number: int) -> None:
    """Apply entries together; after an unexpected exception one by one, so that a bad entry does not
    block the others."""
    try:
        figures = await _apply_together(tools, entries)
    except StoreError:
        raise
    except Exception:
        log.exception("inbox_entries_not_applied", entries=len(entries))
        figures = Counter()
        for entry in entries:
            figures.update(await _apply_alone(tools, entry))
    await tools.store.run(acknowledge([entry.id for entry in entries], figures, number))
    log.info("webhooks_applied", entries=len(entries), **figures)


async def _apply_alone(tools: Tools, entry: Entry) -> Counter[str]:
    try:
        return await _apply_together(tools, [entry])
    except StoreError:
        raise
    except Exception:
        log.exception("inbox_entry_not_applied")
        await tools.store.run(keep_unmatched([entry.body]))
        return Counter(unreadable=1)


async def _apply_together(tools: Tools, entries: Sequence[Entry]) -> Counter[str]:
    """Apply entries; returns their counts by kind."""
    sorted_ = sort_entries(entries, tools.settings)
    await _resolve(tools, sorted_)
    await _write_updates(tools, sorted_)
    await fulfil(tools.store, sorted_.changes, tools.settings)
    for event, entry in sorted_.events:
        ours = await act_on(tools.store, tools.settings, event, entry)
        sorted_.figures["events" if ours else "unmatched:account"] += 1
    if sorted_.aside:
        await tools.store.run(keep_unmatched(sorted_.aside))
    return sorted_.figures + sorted_.changes.figures


def sort_entries(entries: Iterable[Entry], settings: Settings) -> Sorted:
    """Parse the entries; pure."""
    sorted_, refusals = Sorted(), personal_codes(settings)
    for entry in chain.from_iterable(map(_events_of, entries)):
        if _note_status(sorted_, entry, refusals):
            continue
        event = _read(entry)
        if not (isinstance(event, Receipt) and _note_receipt(sorted_, event, entry)):
            sorted_.aside.append(entry.body)
            _note_other(sorted_, event, entry, settings)
    return sorted_


def _events_of(entry: Entry) -> Iterable[Entry]:
    """The entry, or one for each event of a body that is a list of them."""
    if entry.body[:1] == b"{" or (items := items_of(entry.body)) is None:
        return (entry,)
    return [Entry(entry.id, item) for item in items]


def _read(entry: Entry) -> Event | None:
    try:
        return read_webhook(entry.body)
    except MessageError:
        return None


def _note_status(sorted_: Sorted, entry: Entry, refusals: Collection[int]) -> bool:
    """Record what a receipt of the usual form proves, without creating a `Receipt`; False for any other
    body."""
    body = decode_receipt(entry.body)
    if body is None:
        return False
    payload, status, person = body.payload, body.payload.status, body.person
    name = MESSAGE_ID.fullmatch(payload.client_message_id or "")
    state, event_ms = _state_of(status.state, status.detail), read_moment(status.timestamp)
    if not (name and state and event_ms and person and payload.umid):
        return False
    if status.error_code in refusals:
        return False
    lane, index, attempt = name.groups()
    pricing = _pricing_of(payload.whatsapp.pricing_category if payload.whatsapp else None)
    record = receipt_record(
        state,
        int(attempt),
        entry.moment(event_ms) // 1000,
        status.error_code or 0,
        pricing,
        person.msisdn,
        payload.umid,
    )
    proofs = sorted_.updates.setdefault((lane, payload.sub_account_id or None), [])
    proofs.append((int(index), record, None, entry))
    return True


@lru_cache(256)
def _state_of(state: str, detail: str | None) -> State | None:
    return STATES.get(rank_of(state.strip().lower(), (detail or "").strip().lower() or None))


@lru_cache(256)
def _pricing_of(word: str | None) -> Pricing:
    return pricing_of(word.strip().lower() if word else None)


def _note_receipt(sorted_: Sorted, receipt: Receipt, entry: Entry) -> bool:
    """Record what a receipt proves; False if it names no message of ours, or proves nothing."""
    name = MESSAGE_ID.fullmatch(receipt.client_message_id or "")
    if name is None or receipt.rank not in STATES:
        return False
    _note_proof(sorted_, name[1], int(name[2]), int(name[3]), receipt, entry)
    return True


def _note_other(sorted_: Sorted, event: Event | None, entry: Entry, settings: Settings) -> None:
    match event:
        case None:
            sorted_.figures["unreadable"] += 1
        case Receipt() if event.rank not in STATES:
            sorted_.figures["unmatched:proves_nothing"] += 1
        case Receipt() if event.client_message_id:
            sorted_.figures["unmatched:other_id"] += 1
        case Receipt():
            sorted_.unnamed.append((event, entry))
        case Reply():
            note_reply(sorted_.changes, event, entry, settings)
        case TemplateChange() | NumberChange() | AccountChange():
            sorted_.events.append((event, entry))
        case _:
            sorted_.figures["unmatched:other_event"] += 1


async def _resolve(tools: Tools, sorted_: Sorted) -> None:
    """Find the messages of receipts that name at best a batch."""
    by_batch: dict[tuple[str, str], list[tuple[Receipt, Entry]]] = {}
    batches, messages = await find_sent(tools.store, [receipt for receipt, _ in sorted_.unnamed])
    alone = await find_nameless(tools.store, [one for one, _ in sorted_.unnamed if _is_alone(one)])
    for receipt, entry in sorted_.unnamed:
        message = messages.get((receipt.batch_id or "", receipt.umid))
        if message is None and _is_alone(receipt):
            message = alone.get((receipt.sub_account or "", receipt.umid))
        if message is not None:
            _note_found(sorted_, *message, receipt, entry)
            continue
        sent = batches.get(receipt.batch_id or "")
        named = (sent.lane, sent.batch) if sent else batch_of(receipt)
        if named is None:
            sorted_.figures["unmatched:no_id"] += 1
        else:
            by_batch.setdefault(named, []).append((receipt, entry))
    for named, receipts in by_batch.items():
        await _resolve_batch(tools, sorted_, named, receipts)


def _is_alone(receipt: Receipt) -> bool:
    """True when it names nothing but its `umid`."""
    return not (receipt.batch_id or receipt.client_batch_id)


async def _resolve_batch(
    tools: Tools,
    sorted_: Sorted,
    named: tuple[str, str],
    receipts: Sequence[tuple[Receipt, Entry]],
) -> None:
    lane, batch = named
    at_hand, unknown = await read_batch(tools.store, lane, batch), 0
    for receipt, entry in receipts:
        found = at_hand.message_of(receipt)
        if found is None:
            unknown += 1
        else:
            _note_found(sorted_, lane, *found, receipt, entry)
    if not unknown:
        return
    if await hold(tools.store, lane, batch):
        sorted_.figures["unmatched:batch_held"] += unknown
        log.warning("in_doubt_batch_held", lane=lane, batch=batch)
    else:
        sorted_.figures["unmatched:batch_only"] += unknown


def _note_found(
    sorted_: Sorted, lane: str, index: int, attempt: int, receipt: Receipt, entry: Entry
) -> None:
    _note_proof(sorted_, lane, index, attempt, receipt, entry)
    sorted_.figures["matched"] += 1


def _note_proof(
    sorted_: Sorted, lane: str, index: int, attempt: int, receipt: Receipt, entry: Entry
) -> None:
    record = receipt_record(
        STATES[receipt.rank],
        attempt,
        entry.moment(receipt.timestamp) // 1000,
        receipt.code or 0,
        pricing_of(receipt.pricing),
        receipt.person.msisdn,
        receipt.umid,
    )
    proofs = sorted_.updates.setdefault((lane, receipt.sub_account), [])
    proofs.append((index, record, receipt, entry))


async def _write_updates(tools: Tools, sorted_: Sorted) -> None:
    """Apply the updates. Only a receipt that fits its message, by sub-account and person, may suppress a
    person."""
    for (lane, sub_account), proofs in sorted_.updates.items():
        for group in _groups(proofs):
            pairs, learns = [proof[:2] for proof in group], tools.meters.learns
            call = apply_pairs(lane, pairs, sub_account, with_signals=learns)
            applied: Applied = await tools.store.run(call)
            tools.meters.receipts(applied)
            if applied.undelivered:
                await pause_bulk(tools.store, tools.settings, applied)
            tools.outcomes.note(lane)
            sorted_.figures["applied"] += len(group) - len(applied.refused)
            sorted_.figures["unmatched:no_such_message"] += applied.unknown
            sorted_.figures["unmatched:not_theirs"] += applied.foreign
            refused = set(applied.refused)
            opted_out = [
                (index, Feedback.OPTED_OUT)
                for place, (index, _, receipt, entry) in enumerate(group)
                if receipt is not None
                and place not in refused
                and note_refusal(
                    sorted_.changes, receipt, entry, tools.settings, applied.sub_account
                )
            ]
            if opted_out:
                await tools.store.run(count_feedback(lane, opted_out))


def _groups(proofs: list[Proof]) -> Iterator[list[Proof]]:
    pieces = iter(proofs)
    while group := list(islice(pieces, AT_ONCE)):
        yield group
