"""Reads the records of a CSV file with the byte offset of each end, so that reading can resume anywhere.

A record never depends on earlier ones. Plain files, with one record per line, are split in blocks; all
others go through the csv module.

A line with a quote that is never closed is an invalid row, and reading goes on with the next line. That
takes a look-ahead, done once for all lines with the same end (`_CsvReader`), so that reading time is
linear in the size of any file. Two stray quotes swallow the lines between them: a value of several lines
that look like rows makes them invalid rows.
"""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from producer.errors import BadRow, InputError
from producer.files.phone_numbers import INVISIBLE

LONGEST_LINE = 1024 * 1024  # bytes; longer lines are invalid rows, so that memory stays bounded
LOOKS_BACK = 4 * LONGEST_LINE  # bytes to seek back, for arriving files

_LOOKS_AHEAD = 512 * 1024
"""Records of several lines end before the second multiple of this after their start: the same end for
all that start between two multiples."""
_BLOCK_BYTES = 256 * 1024
BLANK = "".join(re.findall(rf"[\s{INVISIBLE}]", "".join(map(chr, range(0x10000)))))
"""Characters of an empty cell, for `str.strip`."""
_NO_TEXT = BLANK + ',;|"'
_MAY_BE_BLANK = frozenset(_NO_TEXT)
_NUMBER_INSIDE = re.compile(
    r"\+ *(?:\d[ \t\xa0().\-/]*){7,}|(?:\d[ \t\xa0().\-/]*){10,}|\b[A-Z]{2}\.\d{7,}"
)
"""Matches the number of a swallowed row; shorter digits may be part of an address."""
_EMPTY_LINES = re.compile(rb"(?:\r?\n)++")
_LONGEST_PLAIN_LINE = csv.field_size_limit()  # the csv module refuses longer cells


class Source(Protocol):
    """A source of bytes: an open file, or one that is still arriving."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to an offset; never further back than `LOOKS_BACK`."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; empty at the end."""

    def readline(self, limit: int = -1, /) -> bytes:
        """The bytes up to the end of the line, at most `limit`."""


@dataclass(frozen=True, slots=True)
class Position:
    """A position between two records, from which reading can start."""

    offset: int  # bytes before it
    line: int  # lines before it; the next record starts on the line after
    row: int  # rows before it, valid and invalid; empty lines and the header do not count


# Cells or error, and start line of a record; then bytes and lines before the next record.
Record = tuple[list[str] | BadRow, int, int, int]


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open the file; errors name it, in one sentence."""
    try:
        with path.open("rb") as stream:
            yield stream
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def read_records(
    stream: Source, delimiter: str, offset: int, line: int, block_bytes: int = _BLOCK_BYTES
) -> Iterator[Record]:
    """Records from byte `offset` on, with `line` lines before it; skips empty rows.

    Raises InputError when the text is not UTF-8.
    """
    by_csv = _CsvReader(stream, delimiter)
    while block := _read_block(stream, offset, block_bytes):
        if empty := _EMPTY_LINES.match(block):
            offset, line = offset + empty.end(), line + empty[0].count(b"\n")
        elif plain := _split_plain(block):
            for text, length in zip(*plain, strict=False):
                offset += length
                line += 1
                if text and (text[0] not in _MAY_BE_BLANK or text.strip(_NO_TEXT)):
                    yield text.split(delimiter), line, offset, line
        else:
            yield from by_csv.read(offset, line, offset + len(block))
            offset, line = by_csv.offset, by_csv.line


class NotUtf8Error(InputError):
    """The text has another encoding, from this line on."""

    def __init__(self, line: int) -> None:
        super().__init__(
            f"line {line} is not UTF-8: save the file as UTF-8 text, or say what it is with --encoding"
        )
        self.line = line


def decode(raw: bytes, line: int) -> str:
    """The text of a line; raises InputError when it is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise NotUtf8Error(line) from error


def _read_block(stream: Source, offset: int, size: int) -> bytes:
    """Whole lines, about `size` bytes or as many as are available; at least one line (unless its end is
    far away)."""
    stream.seek(offset)
    block = stream.read(size)
    end = block.rfind(b"\n") + 1
    return block[:end] if end else block + stream.readline(LONGEST_LINE)


def _split_plain(block: bytes) -> tuple[list[str], list[int]] | None:
    """The lines of a block without ends, and their lengths in bytes with ends.

    None if the csv module could read the block differently, or refuse it.
    """
    if b'"' in block or b"\0" in block or block.count(b"\r") != block.count(b"\r\n"):
        return None
    lengths = list(map(len, block.splitlines(keepends=True)))
    if max(lengths) > _LONGEST_PLAIN_LINE:
        return None
    try:
        text = block.decode()
    except UnicodeDecodeError:
        return None
    # the empty text after the last line end has no length and is left out with it
    return text.replace("\r\n", "\n").split("\n"), lengths


def _has_text(cells: list[str]) -> bool:
    if cells and cells[0] and cells[0][0] not in _MAY_BE_BLANK:
        return True
    return bool("".join(cells).strip(_NO_TEXT))


class _LineTooLong(Exception):
    """A line is longer than `LONGEST_LINE`, or a record of several lines too long."""


class _EndsBadly(Exception):
    """An open quote on this line is known to end badly."""


class _CsvReader:
    """Reads records with the csv module, and knows the offset after each.

    When a line leaves a quote open, the lines after it decide about its end. So when a record of several
    lines ends badly, all records that start after it, before the place of that end, and go on beyond
    their first line, end there as badly: none is tried again.
    """

    def __init__(self, stream: Source, delimiter: str) -> None:
        self._stream = stream
        self._delimiter = delimiter
        self._bad_until = 0  # bytes before which every open quote ends badly …
        self._bad = ""  # … for this reason

    def read(self, offset: int, line: int, end: int) -> Iterator[Record]:
        """Records from byte `offset` on that start before byte `end`; skips empty rows."""
        self._start(offset, line)
        while self.offset < end:
            first = self.line + 1
            cells = self._read()
            if isinstance(cells, BadRow) or _has_text(cells):
                yield cells, first, self.offset, self.line

    def _start(self, offset: int, line: int) -> None:
        self.offset = offset  # bytes read
        self.line = line  # lines read
        self._record_at = offset  # offset of the record
        self._first_raw = b""  # the record's first line
        self._first_end = 0  # offset of the end of the record's first line
        self._last_at = 0  # offset of the last line read
        self._holds_nul = False  # the record contains a NUL
        self._stream.seek(offset)
        self._records = csv.reader(
            self._lines(), delimiter=self._delimiter, strict=True, skipinitialspace=True
        )

    def _read(self) -> list[str] | BadRow:
        """The next record; one that ends badly is cut to its first line.

        Otherwise a quote that is never closed would swallow all rows after it.
        """
        self._record_at, self._first_end = self.offset, 0
        self._holds_nul, first = False, self.line + 1
        try:
            cells = next(self._records)
        except StopIteration:
            raise InputError("the file became shorter while it was read") from None
        except _EndsBadly:
            reason = self._bad
        except (csv.Error, _LineTooLong) as error:
            reason = self._why_broken(error, first)
        else:
            if self._holds_nul:
                return BadRow("the row holds a NUL byte", cells=cells)
            if self.line == first or not _has_text(cells):
                return cells
            return self._swallowed(cells, first) or cells
        text = self._first_raw.decode("utf-8", "replace").rstrip("\r\n")
        self._start(self._first_end, first)
        return BadRow(reason, cells=(text,))

    def _swallowed(self, cells: list[str], first: int) -> BadRow | None:
        """The error of a record of several lines, one of whose values looks like rows of the file."""
        values = [value.strip() for value in cells if "\n" in value.strip()]
        numbers = sum(len(_NUMBER_INSIDE.findall(value)) for value in values)
        rows = sum(any(map(self._is_row, value.split("\n"))) for value in values)
        if not (numbers or rows):
            return None
        what = "a number" if numbers else f'a "{self._delimiter}"'
        return BadRow(
            f"lines {first} to {self.line} are one value in quotes, with {what} in it: one of the "
            "quotes is stray, or the value has to be mended",
            also=range(first + 1, 1 + min(self.line, first + max(numbers, rows))),
            cells=cells,
        )

    def _is_row(self, line: str) -> bool:
        """True for a line with a delimiter that is not followed by a blank as in prose."""
        after = line.split(self._delimiter)[1:]
        return any(rest and not rest[0].isspace() for rest in after)

    def _lines(self) -> Iterator[str]:
        """Lines for the csv module, no more than the record needs."""
        while raw := self._next_line():
            self.line += 1
            self._last_at = self.offset
            self.offset += len(raw)
            if (cut := _is_cut(raw)) and not self._first_end:
                self.offset += _skip_line(self._stream)
            if one_line := not self._first_end:
                self._first_raw = raw
            self._first_end = self._first_end or self.offset
            if cut or not (one_line or self.offset <= self._end_of_record):
                raise _LineTooLong
            self._holds_nul = self._holds_nul or b"\0" in raw
            yield decode(raw, self.line)

    def _next_line(self) -> bytes:
        if self._first_end and self._record_at < self._bad_until:
            raise _EndsBadly
        return self._stream.readline(LONGEST_LINE)

    @property
    def _end_of_record(self) -> int:
        """The offset at which a record of several lines has to end."""
        return (self._record_at // _LOOKS_AHEAD + 2) * _LOOKS_AHEAD

    def _why_broken(self, error: Exception, first: int) -> str:
        """The error of the record that starts on line `first`; remembers a shared end."""
        if self.line == first:
            return _why_line_broken(error)
        too_long = isinstance(error, _LineTooLong)
        self._bad_until = self._end_of_record - _LOOKS_AHEAD if too_long else self._last_at
        self._bad = _why_record_broken(error)
        return self._bad


def _is_cut(raw: bytes) -> bool:
    return len(raw) == LONGEST_LINE and not raw.endswith(b"\n")


def _skip_line(stream: Source) -> int:
    """Skip to the end of the line; returns the number of bytes."""
    skipped = 0
    while raw := stream.readline(LONGEST_LINE):
        skipped += len(raw)
        if not _is_cut(raw):
            break
    return skipped


def _why_line_broken(error: Exception) -> str:
    if isinstance(error, _LineTooLong):
        return "the line is longer than 1 MiB"
    if "field limit" in str(error):
        return "a cell is too long to be read"
    return _why_record_broken(error)


def _why_record_broken(error: Exception) -> str:
    if isinstance(error, _LineTooLong):
        return "its quotes do not match: one is not closed within 512 KiB"
    if "new-line" in str(error):
        return "a carriage return inside the row: lines end with LF or CRLF"
    return "its quotes do not match: one is not closed, or text follows a closed one"
