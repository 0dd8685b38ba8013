"""Rows of a recipient file in portions that one call can store."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from producer.errors import BadRow
from producer.files.csv_reader import Position, Record
from producer.files.invalid_rows import InvalidRow
from producer.files.rows import LONGEST_JOB_LINE, RowPacker

CHUNK_ROWS = 1000
CHUNK_BYTES = LONGEST_JOB_LINE  # of all job lines of a chunk together


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that follow each other in the file."""

    lines: list[bytes]  # a job line for each good row
    invalid_rows: list[InvalidRow]
    end: Position  # where the next chunk starts

    @property
    def rows(self) -> int:
        """Rows in the chunk, good and bad."""
        return len(self.lines) + len(self.invalid_rows)


def cut_chunks(
    records: Iterable[Record], packer: RowPacker, start: Position, size: int, cut_at: int = -1
) -> Iterator[Chunk]:
    """Pack `records`, which begin at `start`, into chunks of at most `size` rows (and the lines that go
    with the last).

    A chunk ends at byte `cut_at` in any case, if a record ends there.
    """
    lines: list[bytes] = []
    invalid_rows: list[InvalidRow] = []
    weight, end = 0, start
    offset, lines_before, row = start.offset, start.line, start.row
    for cells, line, next_offset, next_lines_before in records:
        job = _pack(packer, cells)
        length = len(job) if isinstance(job, bytes) else 0
        full = row - end.row >= size or weight + length > CHUNK_BYTES
        if full or (offset == cut_at and row > end.row):
            end = Position(offset, lines_before, row)
            yield Chunk(lines, invalid_rows, end)
            lines, invalid_rows, weight = [], [], 0
        if isinstance(job, bytes):
            lines.append(job)
            row += 1
        else:
            invalid_rows.append(InvalidRow(line, job.number, job.reason))
            invalid_rows += [InvalidRow(also, None, f"goes with line {line}") for also in job.also]
            row += 1 + len(job.also)
        weight += length
        offset, lines_before = next_offset, next_lines_before
    if lines or invalid_rows:
        yield Chunk(lines, invalid_rows, Position(offset, lines_before, row))


def _pack(packer: RowPacker, cells: list[str] | BadRow) -> bytes | BadRow:
    try:
        return cells if isinstance(cells, BadRow) else packer.pack(cells)
    except BadRow as bad:
        return bad
