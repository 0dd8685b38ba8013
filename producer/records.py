"""The records of a CSV file with the byte at which each ends, so that reading can go on from any.

What a record is never depends on what came before it. Most files are plain, one record a line, and
are split in blocks; whatever is not plain goes through the csv module.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from producer.errors import BadRow, InputError

LONGEST_LINE = 1024 * 1024  # bytes; longer ones are rejects, so that memory stays bounded
LOOKS_BACK = 4 * LONGEST_LINE  # bytes that reading may go back over; for what cannot be read twice

_BLOCK_BYTES = 256 * 1024
_LONGEST_PLAIN_LINE = csv.field_size_limit()  # the csv module refuses longer cells


class Source(Protocol):
    """Where bytes come from: an open file, or one that is still arriving."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place; never further back than `LOOKS_BACK`."""

    def read(self, size: int = -1, /) -> bytes:
        """Some bytes, at most `size`; none at the end."""

    def readline(self, limit: int = -1, /) -> bytes:
        """The bytes up to the end of the line, at most `limit`."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place between two records, from which reading can start."""

    offset: int  # bytes before it
    line: int  # lines before it; the next record starts on the line after
    row: int  # rows before it, good and bad; empty lines and the header are none


# A record's cells or why it has none, and the line it starts on;
# then where the next record starts: the number of bytes and of lines before it.
Record = tuple[list[str] | BadRow, int, int, int]


def read_records(
    stream: Source, delimiter: str, offset: int, line: int, block_bytes: int = _BLOCK_BYTES
) -> Iterator[Record]:
    """The records from byte `offset` on, which has `line` lines before it; skips empty lines.

    Raises InputError when the text is not UTF-8.
    """
    while block := _read_block(stream, offset, block_bytes):
        if plain := _split_plain(block):
            for text, length in zip(*plain, strict=False):
                offset += length
                line += 1
                if text:
                    yield text.split(delimiter), line, offset, line
        else:
            reader = _CsvReader(stream, delimiter, offset, line)
            yield from reader.read_until(offset + len(block))
            offset, line = reader.offset, reader.line


def not_utf8(line: int) -> InputError:
    return InputError(f"line {line} is not UTF-8: save the file as UTF-8 text")


def decode(raw: bytes, line: int) -> str:
    """The text of a line; raises InputError when it is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise not_utf8(line) from error


def _read_block(stream: Source, offset: int, size: int) -> bytes:
    """Whole lines, about `size` bytes or what is there already; but one line at least (unless its end
    is far away)."""
    stream.seek(offset)
    block = stream.read(size)
    end = block.rfind(b"\n") + 1
    return block[:end] if end else block + stream.readline(LONGEST_LINE)


def _split_plain(block: bytes) -> tuple[list[str], list[int]] | None:
    """The lines of a block without ends, and their lengths in bytes with ends.

    None when the csv module could read the block in another way, or refuse it.
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


class _LineTooLong(Exception):
    """A line is longer than `LONGEST_LINE`."""


class _CsvReader:
    """Reads records with the csv module, and knows after each how far it has come."""

    def __init__(self, stream: Source, delimiter: str, offset: int, line: int) -> None:
        self._stream = stream
        self._delimiter = delimiter
        self._start(offset, line)

    def read_until(self, end: int) -> Iterator[Record]:
        """The records that start before byte `end`; leaves out empty ones."""
        while self.offset < end:
            first = self.line + 1
            if cells := self._read():
                yield cells, first, self.offset, self.line

    def _start(self, offset: int, line: int) -> None:
        self.offset = offset  # bytes read
        self.line = line  # lines read
        self._record_at = offset  # bytes before the record
        self._first_end = 0  # bytes up to the end of the record's first line
        self._holds_nul = False  # the record does
        self._stream.seek(offset)
        self._records = csv.reader(
            self._lines(), delimiter=self._delimiter, strict=True, skipinitialspace=True
        )

    def _read(self) -> list[str] | BadRow:
        """The next record; one that does not end well is its first line and no more.

        Else a quote that is never closed would swallow all the rows after it.
        """
        self._record_at, self._first_end = self.offset, 0
        self._holds_nul, first = False, self.line + 1
        try:
            cells = next(self._records)
        except StopIteration:
            raise InputError("the file became shorter while it was read") from None
        except (csv.Error, _LineTooLong) as error:
            reason = _why_broken(error, one_line=self.line == first)
            self._start(self._first_end, first)
            return BadRow(reason)
        return BadRow("the row holds a NUL byte") if self._holds_nul else cells

    def _lines(self) -> Iterator[str]:
        """The lines as the csv module asks for them: no more than the record needs."""
        while raw := self._stream.readline(LONGEST_LINE):
            self.line += 1
            self.offset += len(raw)
            if (cut := _is_cut(raw)) and not self._first_end:
                self.offset += _skip_line(self._stream)
            self._first_end = self._first_end or self.offset
            if cut or self.offset - self._record_at > LONGEST_LINE:
                raise _LineTooLong
            self._holds_nul = self._holds_nul or b"\0" in raw
            yield decode(raw, self.line)


def _is_cut(raw: bytes) -> bool:
    return len(raw) == LONGEST_LINE and not raw.endswith(b"\n")


def _skip_line(stream: Source) -> int:
    """Read to the end of the line; returns the number of bytes read."""
    skipped = 0
    while raw := stream.readline(LONGEST_LINE):
        skipped += len(raw)
        if not _is_cut(raw):
            break
    return skipped


def _why_broken(error: Exception, *, one_line: bool) -> str:
    if one_line and isinstance(error, _LineTooLong):
        return "the line is longer than 1 MiB"
    if one_line and "field limit" in str(error):
        return "a cell is too long to be read"
    if "new-line" in str(error):
        return "a carriage return inside the row: lines end with LF or CRLF"
    return "its quotes do not match: one is not closed, or text follows a closed one"
