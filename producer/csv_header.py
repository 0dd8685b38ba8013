"""The first line of a recipient file: its delimiter, its columns, and which holds the number."""

import codecs
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from producer.errors import BadRow, InputError
from producer.records import LONGEST_LINE, Source, decode, read_records

DELIMITERS = ",;\t"
NUMBER_COLUMNS = (
    "msisdn",
    "phone",
    "phone_number",
    "phonenumber",
    "number",
    "mobile",
    "to",
    "recipient",
    "tel",
    "telephone",
    "channeluserid",
    "channel_user_id",
)

_QUOTED = re.compile(r'"[^"]*"')
_IS_RECIPIENT = re.compile(r"[+(\s]*(?:\d[\s().\-/]*){7,}|[A-Z]{2}\.\d{7,}")
_IS_E164 = re.compile(r"\+\s*(?:\d[\s().\-/]*){7,}")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line says about the others."""

    columns: tuple[str, ...]
    delimiter: str
    offset: int  # bytes before the first row
    line: int  # lines before the first row


def read_header(stream: Source) -> Header:
    """Read the header of a file that is open at its start; raises InputError."""
    mark = stream.read(len(codecs.BOM_UTF8))
    if mark.startswith(_UTF16):
        raise InputError("the file is UTF-16: save it as UTF-8 text")
    start = len(mark) if mark == codecs.BOM_UTF8 else 0
    delimiter = _sniff_delimiter(stream, start)
    record = next(read_records(stream, delimiter, start, 0), None)
    if record is None:
        raise InputError("the file is empty: it needs a header row and a row for each recipient")
    cells, _, offset, line = record
    if isinstance(cells, BadRow):
        raise InputError(f"the header row cannot be read: {cells.reason}")
    columns = tuple(cell.strip() for cell in cells)
    _check_names(columns)
    return Header(columns, delimiter, offset, line)


def find_number_column(columns: Sequence[str], wanted: str | None) -> str:
    """The column that holds the recipient: `wanted`, or the first with a known name."""
    listed = ", ".join(columns)
    if wanted is not None:
        if wanted not in columns:
            raise InputError(f'there is no column "{wanted}": the columns are {listed}')
        return wanted
    by_name = {column.casefold(): column for column in reversed(columns)}
    for name in NUMBER_COLUMNS:
        if name in by_name:
            return by_name[name]
    raise InputError(
        f"no column is known to hold the phone number: name it with --number-column, one of {listed}"
    )


def holds_recipient(cell: str) -> bool:
    """Whether a cell of the first row is a recipient, so that the row is no header."""
    return bool(_IS_RECIPIENT.fullmatch(cell))


def _sniff_delimiter(stream: Source, start: int) -> str:
    """The delimiter that the first line with text holds most often outside quotes."""
    stream.seek(start)
    line = 0
    while raw := stream.readline(LONGEST_LINE):
        line += 1
        if raw.strip(b"\r\n"):
            counts = Counter(_QUOTED.sub("", decode(raw, line)))
            return max(DELIMITERS, key=lambda delimiter: counts[delimiter])
    return DELIMITERS[0]


def _check_names(columns: Sequence[str]) -> None:
    if holds_recipient(columns[0]) or any(map(_IS_E164.fullmatch, columns)):
        raise InputError("the file needs a header row: its first row holds a recipient already")
    if "" in columns:
        raise InputError(f"column {columns.index('') + 1} has no name: name it in the header row")
    twice = [column for column, count in Counter(columns).items() if count > 1]
    if twice:
        raise InputError(f'two columns are called "{twice[0]}": give each a name of its own')
