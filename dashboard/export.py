"""Exports a lane's messages as rows of CSV or JSON lines, streaming."""

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import islice
from typing import Literal, TextIO

from chatapps.rendering.compiled import CompiledContent
from config.safe_text import csv_line
from dashboard.explain import explain_code, iso
from store.client import Store
from store.keys import OUTCOMES_PER_KEY
from store.lanes.lane import Lane
from store.people.recipients import read_values
from store.records.job_section import international
from store.records.outcome import Doubt, Origin, code_name, code_written
from store.reports.messages import Listed
from store.states import State

BLOCK_MESSAGES = 500
MISSING = "missing"
"""State of a message that is in no record and no queue; see `verify`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One message; the field names are the columns."""

    index: int
    number: str
    state: str
    attempts: int
    code: int | None
    origin: str
    meaning: str
    umid: str
    posted_at: str
    changed_at: str
    purpose: str
    pricing: str
    doubt: str


COLUMNS = tuple(field.name for field in fields(Row))


def row(message: Listed) -> Row:
    """The row of a message."""
    record = message.record
    origin = record.origin if record else Origin.NONE
    return Row(
        index=message.index,
        number=international(message.recipient),
        state=str(message.state) if message.state else MISSING,
        attempts=message.attempts,
        code=record.named_code if record else None,
        origin="" if origin is Origin.NONE else origin.name.lower(),
        meaning=explain_code(origin, record.code) if record else "",
        umid=(record.umid or "") if record else "",
        posted_at=iso(record.posted_at) if record else "",
        changed_at=iso(record.changed_at) if record else "",
        purpose=str(record.purpose or "") if record else "",
        pricing=record.pricing.name.lower() if record and record.pricing else "",
        doubt=str(doubt_of(message)),
    )


def doubt_of(message: Listed) -> Doubt:
    """Uncertainty beyond the state of an ended message: the person may have received more."""
    record = message.record
    ended = record is not None and message.state is record.state
    return record.doubt if record and ended else Doubt.NONE


@dataclass(frozen=True, slots=True)
class Filter:
    """Filter of exported messages."""

    states: frozenset[str] = frozenset()  # empty: all
    codes: frozenset[str] = frozenset()  # `receipt:1024`; empty: all
    since: float = 0  # s since 1970 of the last change
    doubt: str | None = None

    def takes(self, message: Listed) -> bool:
        """True when the message matches."""
        record = message.record
        if self.states and (message.state or MISSING) not in self.states:
            return False
        if self.codes and (not record or code_name(record.origin, record.code) not in self.codes):
            return False
        if self.since and (not record or record.changed_at < self.since):
            return False
        return self.doubt is None or doubt_of(message) == self.doubt


def filter_of(
    states: Iterable[str] = (), codes: Iterable[str] = (), since: str = "", doubt: str | None = None
) -> Filter:
    """Parse a filter as people write it; raises ValueError with the accepted values.

    Args:
        since: a date or a time of ISO 8601, in UTC unless it has an offset.
    """
    chosen = frozenset(states)
    if wrong := chosen - {*State, MISSING}:
        raise ValueError(f'"{min(wrong)}" is no state: there are {", ".join(State)}')
    try:
        at = datetime.fromisoformat(since) if since else None
    except ValueError:
        raise ValueError(f'"{since}" is no time: write 2026-12-01 or 2026-12-01T10:00Z') from None
    if at is not None and at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return Filter(chosen, frozenset(map(code_written, codes)), at.timestamp() if at else 0, doubt)


class Sheet:
    """The columns of an export: those of `Row`, the campaign's, and those kept by its launch."""

    def __init__(self, store: Store, lane: Lane, columns: Sequence[str] = ()) -> None:
        """Raises ValueError for an unknown column."""
        used = CompiledContent.load(lane.content).columns if lane.keep or columns else ()
        self._store, self._lane = store, lane
        self._kept = {_header(name): n for n, name in enumerate((*used, *lane.keep))}
        known = (*COLUMNS, "campaign", *self._kept)
        if wrong := [one for one in columns if one not in known]:
            raise ValueError(f'there is no column "{wrong[0]}": there are {", ".join(known)}')
        usual = (*COLUMNS, "campaign", *map(_header, lane.keep))
        self.names = tuple(columns) or (usual if lane.kind == "campaign" else COLUMNS)
        self._reads = not self._kept.keys().isdisjoint(self.names)
        self._thousand, self._values = -1, dict[int, bytes]()

    def values(self, message: Listed) -> list[str | int | None]:
        """The cells of a message."""
        one, cells = row(message), self._cells(message.index) if self._reads else []
        return [self._value(name, one, cells) for name in self.names]

    def _value(self, name: str, one: Row, cells: list[str]) -> str | int | None:
        if name in self._kept:
            place = self._kept[name]
            return cells[place] if place < len(cells) else ""
        if name == "campaign":
            return self._lane.name
        value: str | int | None = getattr(one, name)
        return value

    def _cells(self, index: int) -> list[str]:
        thousand = index // OUTCOMES_PER_KEY
        if thousand != self._thousand:
            self._values = self._store.run(read_values(self._lane.id, thousand))
            self._thousand = thousand
        text = self._values.get(index, b"")
        return [json.loads(b'"%b"' % cell) for cell in text.split(b"\t")] if text else []


def _header(name: str) -> str:
    """The name of a column of the recipient file, made unique."""
    return f"{name} (file)" if name in (*COLUMNS, "campaign") else name


def export_blocks(
    layout: Literal["csv", "jsonl"],
    sheet: Sheet,
    messages: Iterable[Listed],
    size: int = BLOCK_MESSAGES,
) -> Iterator[str]:
    """The output of the writers in blocks of `size` messages."""
    rest = iter(messages)
    first = True
    while (part := list(islice(rest, size))) or first:
        text = io.StringIO()
        if layout == "csv":
            write_csv(text, sheet, part, header=first)
        else:
            write_json_lines(text, sheet, part)
        first = False
        yield text.getvalue()


def write_csv(
    stream: TextIO, sheet: Sheet, messages: Iterable[Listed], *, header: bool = True
) -> int:
    """Write a header and a row per message; returns the number of messages."""
    n = 0
    if header:
        stream.write(csv_line(sheet.names))
    for message in messages:
        stream.write(csv_line(sheet.values(message)))
        n += 1
    return n


def write_json_lines(stream: TextIO, sheet: Sheet, messages: Iterable[Listed]) -> int:
    """Write a JSON object per message; returns the number of messages."""
    n = 0
    for message in messages:
        values = dict(zip(sheet.names, sheet.values(message), strict=True))
        stream.write(json.dumps(values, ensure_ascii=False) + "\n")
        n += 1
    return n
