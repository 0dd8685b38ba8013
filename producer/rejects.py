"""The rows of a recipient file that cannot be sent to, and the file that lists them."""

import csv
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TextIO

from producer.errors import InputError

_HEADER = ["line", "number", "reason"]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that is not sent to."""

    line: int  # of the recipient file, from 1; the first line of the row
    number: str | None  # with most digits hidden; None when the cell holds something else
    reason: str


class RejectWriter:
    """Writes rejects to a CSV file, which is made at the first of them."""

    def __init__(self, path: Path, after_line: int = 0) -> None:
        """Go on after line `after_line` of the recipient file; 0 starts afresh.

        What an earlier run wrote about later lines is dropped: it will be written again.
        Raises InputError when `path` is a file that is not a list of rejects.
        """
        self.path = path
        kept = [reject for reject in _read(path) if reject.line <= after_line]
        self.count = len(kept)  # rejects in the file
        self._stream: TextIO | None = None
        if kept:
            _replace(path, kept)
        else:
            path.unlink(missing_ok=True)

    def write(self, rejects: Iterable[Reject]) -> None:
        """Add to the file; what is written outlives this process."""
        rows = [_row(reject) for reject in rejects]
        if not rows:
            return
        stream = self._open()
        csv.writer(stream).writerows(rows)
        stream.flush()
        self.count += len(rows)

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def __enter__(self) -> "RejectWriter":
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
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = self.path.open("a", newline="", encoding="utf-8")
            if not self.count:
                csv.writer(self._stream).writerow(_HEADER)
        return self._stream


def _read(path: Path) -> list[Reject]:
    """The rejects in the file; passes over a last line that a killed process left unfinished."""
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, csv.Error) as error:
        raise _not_ours(path) from error
    if rows and rows[0] != _HEADER:
        raise _not_ours(path)
    return [
        Reject(int(row[0]), row[1] or None, row[2])
        for row in rows[1:]
        if len(row) == len(_HEADER) and row[0].isdecimal()
    ]


def _not_ours(path: Path) -> InputError:
    return InputError(f"{path} is not a list of rejects and is not overwritten: move it away")


def _replace(path: Path, rejects: Iterable[Reject]) -> None:
    new = path.with_name(path.name + ".new")
    with new.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([_HEADER, *map(_row, rejects)])
    os.replace(new, path)


def _row(reject: Reject) -> list[str]:
    return [str(reject.line), reject.number or "", reject.reason]
