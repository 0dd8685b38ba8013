"""The first line of a CSV file: delimiter and columns."""

import codecs
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from producer.errors import BadRow, InputError
from producer.files.csv_reader import BLANK, LONGEST_LINE, Source, decode, read_records
from producer.files.phone_numbers import tidy

DELIMITERS = ",;\t|"

_QUOTED = re.compile(r'"[^"]*"')
_IS_RECIPIENT = re.compile(r"[+(\s]*(?:\d[\s().\-/]*){7,}|[A-Z]{2}\.\d{7,}")
_IS_E164 = re.compile(r"[(\s]*\+\s*(?:\d[\s().\-/]*){7,}")
_SEP = re.compile(rb'\s*"?sep=([^\w\r\n])"?[,;\t ]*\r?\n', re.IGNORECASE)  # spreadsheets' directive
_LEAST_BYTES = 512  # bytes that hold a line `sep=`


@dataclass(frozen=True, slots=True)
class FirstRow:
    """The first row of a file, header or not."""

    cells: tuple[str, ...]  # stripped of blanks and marks
    delimiter: str
    start: int  # bytes before it
    start_line: int  # lines before it
    offset: int  # bytes before the second row
    line: int  # lines before the second row


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a file."""

    cells: tuple[str, ...]  # a name for each column, empty for unnamed ones
    delimiter: str
    offset: int  # bytes before the first row
    line: int  # lines before the first row

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of named columns; others cannot be used."""
        return tuple(filter(None, self.cells))


def read_first_row(stream: Source) -> FirstRow:
    """Read the first row of a file that is open at its start.

    Raises:
        InputError: it is empty, or not CSV: names its kind and the remedy.
    """
    start, line, delimiter = _begin(stream)
    record = next(read_records(stream, delimiter, start, line), None)
    if record is None:
        raise InputError("the file is empty")
    cells, _, offset, lines = record
    if isinstance(cells, BadRow):
        raise InputError(f"the header row cannot be read: {cells.reason}")
    names = tuple(cell.strip(BLANK) for cell in cells)
    return FirstRow(names, delimiter, start, line, offset, lines)


def read_header(stream: Source) -> Header:
    """Read the header of a file that is open at its start; raises InputError."""
    return as_header(read_first_row(stream))


def as_header(row: FirstRow) -> Header:
    """The first row as a header; raises InputError if it is not one."""
    if holds_recipient(row.cells[0]) or any(_IS_E164.fullmatch(tidy(cell)) for cell in row.cells):
        raise InputError("the file needs a header row: its first row holds a recipient already")
    _check_names(row.cells)
    return Header(row.cells, row.delimiter, row.offset, row.line)


def holds_recipient(cell: str) -> bool:
    """True when a cell of the first row is a recipient, so that the row is not a header."""
    return bool(_IS_RECIPIENT.fullmatch(tidy(cell)))


def _begin(stream: Source) -> tuple[int, int, str]:
    """Bytes and lines before the first row, and the delimiter."""
    begin = b""
    while len(begin) < _LEAST_BYTES and (more := stream.read(_LEAST_BYTES - len(begin))):
        begin += more
    start = len(codecs.BOM_UTF8) if begin.startswith(codecs.BOM_UTF8) else 0
    if sep := _SEP.match(begin, start):
        return sep.end(), 1, sep[1].decode("latin-1")
    return start, 0, _sniff_delimiter(stream, start)


def _sniff_delimiter(stream: Source, start: int) -> str:
    """The most frequent delimiter outside quotes of the first line with text."""
    stream.seek(start)
    line = 0
    while raw := stream.readline(LONGEST_LINE):
        line += 1
        text = decode(raw, line)
        if text.strip(BLANK + DELIMITERS):
            counts = Counter(_QUOTED.sub("", text))
            return max(DELIMITERS, key=lambda delimiter: counts[delimiter])
    return DELIMITERS[0]


def _check_names(cells: Sequence[str]) -> None:
    twice = [name for name, count in Counter(filter(None, cells)).items() if count > 1]
    if twice:
        raise InputError(f'two columns are called "{twice[0]}": give each a name of its own')
