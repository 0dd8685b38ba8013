"""Recipient files: CSV, read in constant memory, resumable at any record."""

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from producer.errors import InputError
from producer.files.csv_reader import Position, not_utf8, opened, read_records
from producer.files.header import read_header
from producer.files.invalid_rows import InvalidRow
from producer.files.rows import CHUNK_ROWS, Chunk, RowPacker, cut_chunks, see_that_some_are_usable
from producer.layout import NO_ROWS, Layout, first_rows

__all__ = ["Chunk", "InvalidRow", "Position", "RecipientFile"]

_BLOCK_BYTES = 256 * 1024
_SAMPLE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class RecipientFile:
    """A CSV file with a header and a row per recipient; made by `open`."""

    path: Path
    layout: Layout
    size: int  # bytes

    @classmethod
    def open(
        cls,
        path: Path,
        number_column: str | None = None,
        default_region: str | None = None,
        country_column: str | None = None,
    ) -> "RecipientFile":
        """Read the header and the first rows; raises InputError when the file cannot be launched."""
        with opened(path) as stream:
            header = read_header(stream)
            rows = first_rows(stream, header)
            if not rows:
                raise InputError(NO_ROWS)
            layout = Layout.find(header, rows, number_column, country_column, default_region)
            return cls(path, layout, stream.seek(0, 2))

    def see_that_usable(self, packer: RowPacker) -> None:
        """Raise InputError if all of the first rows are invalid."""
        with opened(self.path) as stream:
            header = self.layout.header
            records = read_records(stream, header.delimiter, header.offset, header.line)
            see_that_some_are_usable(records, self.layout, packer)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names, for placeholders."""
        return self.layout.header.columns

    def fingerprint(self) -> str:
        """The SHA-256 of the file's bytes in hex.

        It reads the whole file, so it also checks the encoding before the launch: raises InputError with
        the first line that is not UTF-8.
        """
        digest, check = hashlib.sha256(), _Utf8Check()
        with opened(self.path) as stream:
            for block in iter(partial(stream.read, _BLOCK_BYTES), b""):
                digest.update(block)
                check.feed(block)
            check.feed(b"", final=True)
        return digest.hexdigest()

    def estimated_rows(self) -> int:
        """Approximate number of rows, by the length of the first ones; at least 1."""
        with opened(self.path) as stream:
            stream.seek(self.layout.header.offset)
            sample = stream.read(_SAMPLE_BYTES)
        rows = sample.count(b"\n") + (not sample.endswith(b"\n"))
        return max(1, round((self.size - self.layout.header.offset) * rows / max(1, len(sample))))

    def start(self) -> Position:
        """The position of the first row."""
        return Position(self.layout.header.offset, self.layout.header.line, 0)

    def chunks(
        self, packer: RowPacker, start: Position | None = None, size: int = CHUNK_ROWS
    ) -> Iterator[Chunk]:
        """The rows from `start` (an earlier chunk's `end`) on, at most `size` a chunk.

        The job lines of one chunk are at most 256 KiB together. Raises InputError when the text is
        not UTF-8.
        """
        start = start or self.start()
        with opened(self.path) as stream:
            delimiter = self.layout.header.delimiter
            records = read_records(stream, delimiter, start.offset, start.line)
            yield from cut_chunks(records, packer, start, size)


class _Utf8Check:
    """Checks blocks of bytes; raises InputError at the first line that is not UTF-8."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._lines = 0

    def feed(self, block: bytes, final: bool = False) -> None:
        try:
            self._decoder.decode(block, final)
        except UnicodeDecodeError as error:
            raise not_utf8(self._lines + error.object.count(b"\n", 0, error.start) + 1) from error
        self._lines += block.count(b"\n")
