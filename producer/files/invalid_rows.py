"""Invalid rows of a recipient file, and the file that lists them.

The file holds the line, the reason, and the unchanged row: its rows can be corrected and launched.
"""

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TextIO

from config.private_files import PlantedError, open_private
from config.safe_text import csv_line
from producer.errors import InputError

LINE, REASON = "sendmany_line", "sendmany_reason"
"""The added columns; a corrected file has them already."""
_OURS = f"{LINE},{REASON}".encode()


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """A row that cannot be sent to."""

    line: int  # of the recipient file, from 1; the row's first line
    number: str | None  # most digits masked; None when the cell holds something else
    reason: str
    cells: Sequence[str] = field(default=(), compare=False, repr=False)
    """Its cells; the whole of a line that cannot be split into cells."""


class _Table:
    """The columns of the list, and its rows."""

    def __init__(self, columns: Sequence[str]) -> None:
        """`columns`: of the recipient file, empty for unnamed ones."""
        self._kept = [place for place, name in enumerate(columns) if name not in (LINE, REASON)]
        self._width = len(columns)
        self.header = [LINE, REASON, *(columns[place] for place in self._kept)]

    def row(self, row: InvalidRow) -> list[str]:
        cells = dict(enumerate(row.cells))
        kept = [cells.get(place, "") for place in self._kept] if cells else []
        return [str(row.line), row.reason, *kept, *row.cells[self._width :]]


def list_blocks(columns: Sequence[str], chunks: Iterable[Iterable[InvalidRow]]) -> Iterator[str]:
    """The list as CSV that is safe in a spreadsheet: the header, then the rows of each chunk.

    Args:
        columns: of the recipient file, empty for unnamed ones.
    """
    table = _Table(columns)
    yield csv_line(table.header)
    for rows in chunks:
        if text := "".join(csv_line(table.row(row)) for row in rows):
            yield text


def see_that_writable(path: Path) -> None:
    """Check that invalid rows can be listed there; does not change the file.

    Raises:
        InputError: the directory is missing, the disk is full, or another file is there.
    """
    with _told(path):
        if _is_ours(path):
            path.open("ab").close()
        with _beside(path) as (_, stream):
            stream.write(REASON)


class InvalidRowWriter:
    """Writes invalid rows to a CSV file, created with the first one."""

    def __init__(self, path: Path, columns: Sequence[str] = (), after_line: int = 0) -> None:
        """Continue after line `after_line` of the recipient file; 0 starts afresh.

        Args:
            columns: of the recipient file, empty for unnamed ones.

        Rows of later lines from an earlier run are dropped: they will be written again. Raises
        InputError when `path` is another file, or cannot be written.
        """
        self.path = path
        self._table = _Table(columns)
        self._stream: TextIO | None = None
        with _told(path):
            self.count = _keep(path, after_line)  # rows in the file

    def write(self, invalid_rows: Iterable[InvalidRow]) -> None:
        """Append and fsync. Raises InputError."""
        rows = [self._table.row(row) for row in invalid_rows]
        if not rows:
            return
        with _told(self.path):
            stream = self._open()
            csv.writer(stream).writerows(rows)
            stream.flush()
        self.count += len(rows)

    def close(self) -> None:
        if self._stream is not None:
            stream, self._stream = self._stream, None
            with _told(self.path):
                stream.close()

    def __enter__(self) -> "InvalidRowWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _open(self) -> TextIO:
        if self._stream is None:
            number = open_private(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            self._stream = os.fdopen(number, "a", newline="", encoding="utf-8")
            if not self.count:
                csv.writer(self._stream).writerow(self._table.header)
        return self._stream


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn system errors into one sentence."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}; launch again with --invalid-rows FILE"
        ) from error


def _is_ours(path: Path) -> bool:
    """True when a list of invalid rows exists; raises InputError for another file."""
    if not os.path.lexists(path):
        return False
    try:
        stream = os.fdopen(open_private(path, os.O_RDONLY), "rb")
    except PlantedError as error:
        raise InputError(
            f"{path} cannot hold invalid rows: {error.strerror}; name another file with --invalid-rows"
        ) from error
    with stream:
        first = stream.read(len(_OURS))
    if first not in (b"", _OURS):
        raise _not_ours(path)
    return True


def _keep(path: Path, after_line: int) -> int:
    """Keep the rows up to a line of the recipient file; returns their number."""
    if not _is_ours(path):
        return 0
    n = 0
    if after_line:
        with _beside(path) as (new, stream):
            n = _copy(_read(path), after_line, stream)
            stream.flush()
            if n:
                os.replace(new, path)
    if not n:
        path.unlink()
    return n


@contextmanager
def _beside(path: Path) -> Iterator[tuple[Path, TextIO]]:
    """A new file in the same directory, deleted at the end unless it was renamed."""
    number, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    new = Path(name)
    try:
        with os.fdopen(number, "w", newline="", encoding="utf-8") as stream:
            yield new, stream
    finally:
        new.unlink(missing_ok=True)


def _copy(rows: Iterable[list[str]], after_line: int, stream: TextIO) -> int:
    """Copy the header and the rows up to a line; returns the number of rows."""
    writer, n = csv.writer(stream), -1
    for row in rows:
        if n < 0 or int(row[0]) <= after_line:
            writer.writerow(row)
            n += 1
    return max(n, 0)


def _read(path: Path) -> Iterator[list[str]]:
    """The header and the rows, without a last line that a killed process left unfinished."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = csv.reader(line for line in stream if line.endswith("\n"))
            yield next(rows, [])
            yield from (row for row in rows if len(row) > 1 and row[0].isdecimal())
    except (ValueError, csv.Error) as error:
        raise _not_ours(path) from error


def _not_ours(path: Path) -> InputError:
    return InputError(f"{path} is not a list of invalid rows and is not overwritten: move it away")
