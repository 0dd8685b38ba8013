"""Recipient files: CSV, read in constant memory, resumable at any record."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from producer.errors import InputError
from producer.files.convert import TextFile
from producer.files.csv_reader import Position, Record, read_records
from producer.files.header import read_header
from producer.files.invalid_rows import InvalidRow
from producer.files.rows import CHUNK_ROWS, Chunk, RowPacker, cut_chunks, see_that_some_are_usable
from producer.layout import NO_ROWS, Layout, ReadOptions, first_rows

__all__ = ["Chunk", "InvalidRow", "Position", "RecipientFile"]

_SAMPLE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class KeptFile:
    """The recipients of a draft, to be read like a file on disk."""

    path: Path  # a name for messages
    digest: str
    opened: Callable[[], AbstractContextManager[BinaryIO]]
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class RecipientFile:
    """A table with a header and a row per recipient; made by `open`."""

    text: TextFile | KeptFile
    layout: Layout
    size: int  # bytes of the text

    @classmethod
    def open(cls, path: Path, options: ReadOptions = ReadOptions()) -> "RecipientFile":
        """Read the header and the first rows; raises InputError when the file cannot be launched."""
        return cls.of(TextFile.open(path, options.encoding, options.sheet), options)

    @classmethod
    def of(cls, text: "TextFile | KeptFile", options: ReadOptions) -> "RecipientFile":
        """The same of a text that can be read again and again."""
        with text.opened() as stream:
            header = read_header(stream)
            rows = first_rows(stream, header)
            if not rows:
                raise InputError(NO_ROWS)
            layout = Layout.find(header, rows, options)
            return cls(text, layout, stream.seek(0, 2))

    def records(self, start: Position | None = None) -> Iterator[Record]:
        """The selected records, from `start` on."""
        header, start = self.layout.header, start or self.start()
        with self.text.opened() as stream:
            records = read_records(stream, header.delimiter, start.offset, start.line)
            yield from self.layout.chosen(records)

    def see_that_usable(self, packer: RowPacker) -> None:
        """Raise InputError if all of the first rows are invalid."""
        try:
            see_that_some_are_usable(self.records(), self.layout, packer)
        except InputError as error:
            raise InputError(f"{self.text.path}: {error}") from error

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names, for placeholders."""
        return self.layout.header.columns

    def estimated_rows(self) -> int:
        """Approximate number of rows, by the length of the first ones; at least 1."""
        with self.text.opened() as stream:
            stream.seek(self.layout.header.offset)
            sample = stream.read(_SAMPLE_BYTES)
        rows = sample.count(b"\n") + (not sample.endswith(b"\n"))
        n = max(1, round((self.size - self.layout.header.offset) * rows / max(1, len(sample))))
        return n if self.layout.limit is None else min(n, self.layout.limit)

    def start(self) -> Position:
        """The position of the first row."""
        return Position(self.layout.header.offset, self.layout.header.line, 0)

    def chunks(
        self, packer: RowPacker, start: Position | None = None, size: int = CHUNK_ROWS
    ) -> Iterator[Chunk]:
        """The rows from `start` (an earlier chunk's `end`) on, at most `size` a chunk.

        The job lines of one chunk are at most 256 KiB together.
        """
        start = start or self.start()
        return cut_chunks(self.records(start), packer, start, size, limit=self.layout.limit)
