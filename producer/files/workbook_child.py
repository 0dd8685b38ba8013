"""Writes one sheet of a workbook as CSV, in a process of its own, so that a hostile file crashes only
it.

Run as `python -I workbook_child.py [SHEET]`: the workbook on stdin, UTF-8 CSV on stdout, the result on
stderr as a line of JSON (`sheet`, or `error`). One row of the sheet is one line: line ends inside cells
become U+2028.
"""

import csv
import json
import math
import resource
import sys
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

MEMORY_BYTES = 1024**3
CPU_SECONDS = 60
MOST_ROWS = 500_000
_MOST_CELLS = 20_000_000
_LINE_ENDS = str.maketrans({"\n": "\u2028", "\r": None, "\0": None})
_SAVE_AS_CSV = "save the sheet with the recipients as CSV (UTF-8) and give that file"


class _Refused(Exception):
    """The workbook cannot be read; with the reason."""


def main() -> None:
    """Convert stdin to stdout; the result goes to stderr."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError  # noqa: PLC0415

    told: dict[str, str]
    try:
        book = CalamineWorkbook.from_filelike(sys.stdin.buffer)
        told = {"sheet": _write(_choose(book, sys.argv[1] if sys.argv[1:] else None))}
    except _Refused as refused:
        told = {"error": str(refused)}
    except PasswordError:
        told = {"error": f"the workbook has a password: {_SAVE_AS_CSV}"}
    except (CalamineError, MemoryError, OSError, ValueError):
        told = {}
    print(json.dumps(told), file=sys.stderr)


def _choose(book: Any, wanted: str | None) -> Any:
    """The sheet of this name, else the only visible one with a header and a row."""
    if wanted is not None:
        plain = [
            name for name in book.sheet_names if name.strip().lower() == wanted.strip().lower()
        ]
        if wanted in book.sheet_names or len(plain) == 1:
            return book.get_sheet_by_name(wanted if wanted in book.sheet_names else plain[0])
        there = _quoted(book.sheet_names)
        raise _Refused(f'there is no sheet "{wanted}": name one of {there} with --sheet')
    found: Any = None
    names: list[str] = []
    for sheet in book.sheets_metadata:
        if str(sheet.visible).endswith(".Visible") and str(sheet.typ).endswith(".WorkSheet"):
            candidate = book.get_sheet_by_name(sheet.name)
            if candidate.height > 1:
                found = found or candidate
                names.append(sheet.name)
            del candidate
    if found is None:
        raise _Refused("no sheet of the workbook holds a header and a row")
    if len(names) > 1:
        raise _Refused(f"{len(names)} sheets hold rows: name one of {_quoted(names)} with --sheet")
    return found


def _quoted(names: list[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _write(sheet: Any) -> str:
    if sheet.height > MOST_ROWS or sheet.height * sheet.width > _MOST_CELLS:
        raise _Refused(
            f"the sheet has more than {MOST_ROWS:,} rows, or too many cells: {_SAVE_AS_CSV}"
        )
    with open(1, "w", encoding="utf-8", errors="replace", newline="", closefd=False) as output:
        output.write("\n" * (sheet.start or (0, 0))[0])  # so that lines are numbered like rows
        rows: Iterator[list[Any]] = sheet.iter_rows()
        if (header := next(rows, None)) is not None:  # quoted, so that the delimiter is unambiguous
            csv.writer(output, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(
                map(_text, header)
            )
        csv.writer(output, lineterminator="\n").writerows(
            [_text(cell) for cell in row] for row in rows
        )
    return str(sheet.name)


def _text(cell: Any) -> str:
    """A cell as displayed; dates as 2026-12-24, with a time unless it is midnight."""
    if isinstance(cell, str):
        return cell.translate(_LINE_ENDS)
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, int | float):
        if not math.isfinite(cell):
            return ""
        return str(int(cell)) if cell == int(cell) and abs(cell) < 1e16 else repr(cell)
    if isinstance(cell, datetime):
        moment = (cell + timedelta(milliseconds=500)).replace(microsecond=0)
        midnight = moment.time() == time()
        return moment.date().isoformat() if midnight else f"{moment.date()} {_clock(moment.time())}"
    if isinstance(cell, time):
        return _clock(cell)
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def _clock(moment: time) -> str:
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"


if __name__ == "__main__":
    main()
