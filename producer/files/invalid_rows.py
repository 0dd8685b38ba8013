"""Invalid rows of a recipient file, and the file that lists them."""

import csv
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TextIO

from config.private_files import PlantedError, open_private
from producer.errors import InputError

_HEADER = ["line", "number", "reason"]
_LONGEST_HEADER = 100  # bytes needed to recognise a list of invalid rows


@dataclass(frozen=True, slots=True)
class InvalidRow:
    """A row that cannot be sent to."""

    line: int  # of the recipient file, from 1; the row's first line
    number: str | None  # most digits masked; None when the cell holds something else
    reason: str


def see_that_writable(path: Path) -> None:
    """Check that invalid rows can be listed there; does not change the file.

    Raises:
        InputError: the directory is missing, the disk is full, or another file is there.
    """
    with _told(path):
        if _is_ours(path):
            path.open("ab").close()
        with _beside(path) as (_, stream):
            csv.writer(stream).writerow(_HEADER)


class InvalidRowWriter:
    """Writes invalid rows to a CSV file, created with the first one."""

    def __init__(self, path: Path, after_line: int = 0) -> None:
        """Continue after line `after_line` of the recipient file; 0 starts afresh.

        Rows of later lines from an earlier run are dropped: they will be written again. Raises
        InputError when `path` is another file, or cannot be written.
        """
        self.path = path
        self._stream: TextIO | None = None
        with _told(path):
            self.count = _keep(path, after_line)  # rows in the file

    def write(self, invalid_rows: Iterable[InvalidRow]) -> None:
        """Append and fsync. Raises InputError."""
        rows = [_row(reject) for reject in invalid_rows]
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
                csv.writer(self._stream).writerow(_HEADER)
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
            f"{path} cannot hold rejects: {error.strerror}; name another file with --invalid-rows"
        ) from error
    with stream:
        first = stream.readline(_LONGEST_HEADER).rstrip(b"\r\n")
    if first not in (b"", ",".join(_HEADER).encode()):
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


def _copy(invalid_rows: Iterable[InvalidRow], after_line: int, stream: TextIO) -> int:
    writer, n = csv.writer(stream), 0
    writer.writerow(_HEADER)
    for reject in invalid_rows:
        if reject.line <= after_line:
            writer.writerow(_row(reject))
            n += 1
    return n


def _read(path: Path) -> Iterator[InvalidRow]:
    """The rows in the file; skips a last line that a killed process left unfinished."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            for row in islice(csv.reader(stream), 1, None):
                if len(row) == len(_HEADER) and row[0].isdecimal():
                    yield InvalidRow(int(row[0]), row[1] or None, row[2])
    except (ValueError, csv.Error) as error:
        raise _not_ours(path) from error


def _not_ours(path: Path) -> InputError:
    return InputError(f"{path} is not a list of rejects and is not overwritten: move it away")


def _row(reject: InvalidRow) -> list[str]:
    return [str(reject.line), reject.number or "", reject.reason]
