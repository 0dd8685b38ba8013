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
_LEAST_BYTES = 512  # bytes needed to detect the kind of the file
_WORKBOOK = "save the sheet with the recipients as CSV (UTF-8) and give that file"
_UNPACK = "unpack it, and give the file that is in it"
_SAVE_UTF8 = "save it as UTF-8 text"
_KINDS = (
    (b"\x1f\x8b", f"this is a gzip file: {_UNPACK}"),
    (b"BZh", f"this is a bzip2 file: {_UNPACK}"),
    (b"\xfd7zXZ\0", f"this is an xz file: {_UNPACK}"),
    (b"\x28\xb5\x2f\xfd", f"this is a zstd file: {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", f"this is a 7-Zip archive: {_UNPACK}"),
    (b"Rar!", f"this is a RAR archive: {_UNPACK}"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", f"this is an Excel workbook (.xls): {_WORKBOOK}"),
    (b"%PDF", "this is a PDF document: export the recipients as CSV (UTF-8)"),
    (b"PAR1", "this is a Parquet file: export it as CSV (UTF-8)"),
    (b"SQLite format 3", "this is a SQLite database: export the recipients as CSV (UTF-8)"),
    (b"{\\rtf", "this is an RTF document: export the recipients as CSV (UTF-8)"),
    (codecs.BOM_UTF16_LE, f"the file is UTF-16: {_SAVE_UTF8}"),
    (codecs.BOM_UTF16_BE, f"the file is UTF-16: {_SAVE_UTF8}"),
)
"""Signatures of files that are not CSV, and the remedy."""
_IN_ZIP = (
    (b"opendocument.spreadsheet", f"this is an OpenDocument spreadsheet: {_WORKBOOK}"),
    (b"xl/", f"this is an Excel workbook: {_WORKBOOK}"),
    (b"word/", "this is a Word document: export the recipients as CSV (UTF-8)"),
    (b"Index/", f"this is a Numbers spreadsheet: {_WORKBOOK}"),
    (b"[Content_Types].xml", f"this is an Excel workbook: {_WORKBOOK}"),
    (b"docProps/", f"this is an Excel workbook: {_WORKBOOK}"),
)
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|table|\?xml|meta|head|body)", re.IGNORECASE)


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
    _refuse_others(begin)
    start = len(codecs.BOM_UTF8) if begin.startswith(codecs.BOM_UTF8) else 0
    if sep := _SEP.match(begin, start):
        return sep.end(), 1, sep[1].decode("latin-1")
    return start, 0, _sniff_delimiter(stream, start)


def _refuse_others(begin: bytes) -> None:
    """Raise InputError when the file has the signature of another kind."""
    for mark, sentence in _KINDS:
        if begin.startswith(mark):
            raise InputError(sentence)
    if begin.startswith(b"PK\x03\x04"):
        found = (sentence for mark, sentence in _IN_ZIP if mark in begin)
        raise InputError(next(found, f"this is a zip archive: {_UNPACK}"))
    if _MARKUP.match(begin):
        raise InputError(
            "this is a web page or XML, whatever its name says: open it in a spreadsheet and "
            "save it as CSV (UTF-8)"
        )
    if b"\0" in begin[:4]:
        raise InputError(f"the file is no UTF-8 text, but UTF-16 or binary: {_SAVE_UTF8}")


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
