"""Changes of messages and campaigns, as programs read them: from the outcome stream and the records."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from store.client import Call, command, text
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.outcomes.stream import (
    Change,
    Entry,
    LaneFacts,
    Position,
    read_facts,
    read_stream,
    unpack_changes,
)
from store.people.events import PersonEvent, read_person_event
from store.plans import Plan, ask
from store.records.job_section import international
from store.records.outcome import RECORD_BYTES, Origin, Outcome, read_record
from store.states import State

MOST_ENTRIES: Final = 100
"""Entries read for one page; each may hold the changes of a thousand messages."""
GAP: Final = (
    "Changes after this cursor are no longer kept: read the states of your messages (export, or message "
    "by message), and go on without a cursor."
)


@dataclass(frozen=True, slots=True)
class OutcomeEvent:
    """A change of a message, or of a campaign. Times are UTC.

    Number, attempts and the provider's id are those of the moment at which it is read.
    """

    type: str  # message.<state>; campaign.finished, campaign.halted …
    id: str  # of the message; of a change of a campaign its lane
    seq: str  # of the changes of one message the later one has the greater text
    at: str | None
    sub_account: str
    lane: str
    campaign: str | None  # its name; null for a single message
    state: State | None = None
    code: int | None = None
    origin: str = ""
    reason: str = ""  # of a campaign that does not go on
    attempts: int | None = None
    umid: str | None = None  # the provider's id
    number: str | None = None  # with `+`, or a user id; null: not for this reader, or forgotten
    about: dict[str, str] | None = None  # of an opt-out, a reply, a template


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Changes behind a position, each with the position behind it."""

    items: list[tuple[Position, OutcomeEvent]]
    gap: bool = False  # some behind the position are no longer kept


def outcomes_after(
    sub_account: str, after: Position, most: int, *, with_numbers: bool
) -> Plan[Outcomes]:
    """Read changes behind a position, and complete them from the records."""
    read = yield from ask(read_stream(sub_account, after, min(most, MOST_ENTRIES)))
    if read.gap:
        return Outcomes([], gap=True)
    chosen = _first(read.entries, after, most)
    facts: dict[str, LaneFacts] = {}
    for lane in dict.fromkeys(one.entry.lane for one in chosen):
        facts[lane] = yield from ask(read_facts(lane))
    records = yield from _records(
        {(one.entry.lane, one.change.place) for one in chosen if one.change}
    )
    items: list[tuple[Position, OutcomeEvent]] = []
    for one in chosen:
        record = records.get((one.entry.lane, one.change.place)) if one.change else None
        item = _out(one, facts[one.entry.lane], record, sub_account)
        if with_numbers and record is not None:
            number = record.number or (yield from ask(_long_id(one.entry.lane, record.index)))
            item = replace(item, number=international(number) if number else None)
        if one.entry.of_person:
            event = yield from ask(read_person_event(*one.entry.of_person))
            item = _of_person(item, one.entry, event, with_numbers=with_numbers)
        items.append((one.position, item))
    return Outcomes(items)


class _Chosen(NamedTuple):
    """One item of a page."""

    entry: Entry
    n: int  # of so many changes of the entry; 0: the entry is an event
    change: Change | None
    position: Position  # behind it


def _first(entries: Iterable[Entry], after: Position, most: int) -> list[_Chosen]:
    """The first changes behind a position."""
    chosen: list[_Chosen] = []
    for entry in entries:
        if len(chosen) >= most:
            break
        if entry.event is not None:
            chosen.append(_Chosen(entry, 0, None, Position(entry.id)))
        changes = list(unpack_changes(entry.packed))
        skipped = max(after.read, 0) if entry.id == after.entry else 0
        for n, change in enumerate(changes[skipped : skipped + most - len(chosen)], skipped + 1):
            behind = Position(entry.id, n if n < len(changes) else -1)
            chosen.append(_Chosen(entry, n, change, behind))
    return chosen


def _records(wanted: set[tuple[str, int]]) -> Plan[dict[tuple[str, int], Outcome]]:
    """The records of these messages, a read for each string that they share."""
    places: dict[tuple[str, int], list[int]] = {}
    for lane, index in wanted:
        places.setdefault((lane, index // OUTCOMES_PER_KEY), []).append(index)
    found: dict[tuple[str, int], Outcome] = {}
    for (lane, _), indexes in places.items():
        first, last = min(indexes), max(indexes)
        start, end = (index % OUTCOMES_PER_KEY * RECORD_BYTES for index in (first, last + 1))
        end = end or OUTCOMES_PER_KEY * RECORD_BYTES
        key = lane_keys(lane).outcome(first)
        blob = yield from ask(
            command("GETRANGE", key, start, end - 1, parse=lambda reply: bytes(reply or b""))
        )
        for index in indexes:
            at = (index - first) * RECORD_BYTES
            record = read_record(blob[at : at + RECORD_BYTES], index)
            if record is not None:
                found[lane, index] = record
    return found


def _long_id(lane: str, index: int) -> Call[str]:
    return command("HGET", lane_keys(lane).long_ids(index), index, parse=text)


def _out(one: _Chosen, lane: LaneFacts, record: Outcome | None, sub_account: str) -> OutcomeEvent:
    (ms, seq), change, event = one.position.order, one.change, one.entry.event or {}
    origin, code = (change.origin, change.code) if change else (Origin.NONE, 0)
    is_coded = origin is not Origin.NONE and (code or origin is not Origin.RECEIPT)
    return OutcomeEvent(
        type=f"message.{change.state}" if change else event["type"],
        id=f"{lane.lane}.{change.place}" if change else event.get("id", lane.lane),
        seq=f"{ms:013d}{seq:04d}{one.n:06d}",
        at=_iso(change.at if change else ms // 1000),
        sub_account=sub_account,
        lane=lane.lane,
        campaign=(lane.name if lane.kind == "campaign" else None) or event.get("campaign"),
        state=change.state if change else None,
        code=code if is_coded else None,
        origin="" if origin is Origin.NONE else origin.name.lower(),
        reason=event.get("reason", ""),
        attempts=record.attempts if record else None,
        umid=record.umid if record else None,
        about=event.get("about"),
    )


def _of_person(
    item: OutcomeEvent, entry: Entry, event: PersonEvent | None, *, with_numbers: bool
) -> OutcomeEvent:
    """The event with what is kept about the person; only who sees numbers gets the text of a reply."""
    members = dict(event.members) if event else {}
    kept_ms = event.id.partition("-")[0] if event else Position(entry.id).order[0]
    at = int(members.pop("at", kept_ms)) // 1000
    words = members.pop("text", "")
    if words and with_numbers:
        members["text"] = words
    return replace(
        item,
        id=members.pop("id", entry.id),
        at=_iso(at),
        number=international(event.who) if event and with_numbers else None,
        about=members,
    )


def _iso(seconds: int) -> str | None:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None
