"""Exports a lane's messages as rows of CSV or JSON lines, streaming."""

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import islice
from typing import Literal, TextIO

from config.safe_text import csv_line
from dashboard.explain import explain_code, iso
from store.records.outcome import Doubt, Origin
from store.reports.messages import Listed

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
    """What the person may have received beyond the state; only for ended messages."""
    record = message.record
    ended = record is not None and message.state is record.state
    return record.doubt if record and ended else Doubt.NONE


def with_doubt(messages: Iterable[Listed], doubt: str | None) -> Iterable[Listed]:
    """The messages with this doubt; all of them for None."""
    if doubt is None:
        return messages
    return (message for message in messages if doubt_of(message) == doubt)


def international(recipient: str) -> str:
    """A recipient as people write it: a number with `+`, another id unchanged."""
    if recipient.isdecimal():
        return f"+{recipient}"
    try:
        return str(json.loads(f'"{recipient}"'))  # jobs hold other ids escaped as JSON
    except ValueError:
        return recipient


def export_blocks(
    layout: Literal["csv", "jsonl"], messages: Iterable[Listed], size: int = BLOCK_MESSAGES
) -> Iterator[str]:
    """The output of the writers in blocks of `size` messages."""
    rest = iter(messages)
    first = True
    while (part := list(islice(rest, size))) or first:
        text = io.StringIO()
        if layout == "csv":
            write_csv(text, part, header=first)
        else:
            write_json_lines(text, part)
        first = False
        yield text.getvalue()


def write_csv(stream: TextIO, messages: Iterable[Listed], *, header: bool = True) -> int:
    """Write a header and a row per message; returns the number of messages."""
    n = 0
    if header:
        stream.write(csv_line(COLUMNS))
    for message in messages:
        stream.write(csv_line(_values(row(message))))
        n += 1
    return n


def write_json_lines(stream: TextIO, messages: Iterable[Listed]) -> int:
    """Write a JSON object per message; returns the number of messages."""
    n = 0
    for message in messages:
        values = dict(zip(COLUMNS, _values(row(message)), strict=True))
        stream.write(json.dumps(values, ensure_ascii=False) + "\n")
        n += 1
    return n


def _values(one: Row) -> list[str | int | None]:
    return [getattr(one, name) for name in COLUMNS]
