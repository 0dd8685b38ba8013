"""A list of people: one number or user id a line, or a column of a CSV file.

Numbers are read as those of recipients are. What cannot be read is told with its line, and the others
go on.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from producer.csv_header import DELIMITERS, NUMBER_COLUMNS
from producer.errors import BadRow, InputError
from producer.numbers import normalise
from producer.records import LONGEST_LINE, Record, decode, read_records
from producer.rejects import Reject
from producer.rows import USER_ID

AT_ONCE = 10_000
"""People in one chunk."""
_LINE_ID = re.compile("U[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class People:
    """A chunk of the list."""

    who: list[str]  # digits of international numbers, and user ids
    rejects: list[Reject]


def read_person(text: str, region: str | None) -> str:
    """Digits of an international number, or a channel's user id as it is; raises BadRow."""
    text = text.strip()
    if USER_ID.fullmatch(text) or _LINE_ID.fullmatch(text):
        return text
    return normalise(text, region)


def read_people(path: Path, region: str | None, column: str | None = None) -> Iterator[People]:
    """The people of a file, at most `AT_ONCE` at a time.

    Args:
        region: country of national numbers.
        column: which column holds them; else one with a usual name, else the first.

    Raises:
        InputError: the file cannot be read, is not UTF-8, or has no such column.
    """
    try:
        with path.open("rb") as stream:
            yield from _chunks(_rows(stream, column), region)
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _chunks(rows: Iterator[tuple[str | BadRow, int]], region: str | None) -> Iterator[People]:
    who, rejects = list[str](), list[Reject]()
    for cell, line in rows:
        try:
            if isinstance(cell, BadRow):
                raise cell
            who.append(read_person(cell, region))
        except BadRow as bad:
            rejects.append(Reject(line, bad.number, bad.reason))
        if len(who) + len(rejects) == AT_ONCE:
            yield People(who, rejects)
            who, rejects = [], []
    if who or rejects:
        yield People(who, rejects)


def _rows(stream: BinaryIO, column: str | None) -> Iterator[tuple[str | BadRow, int]]:
    """The cell of each row that holds the person, and the line it is on."""
    start = len(codecs.BOM_UTF8) if stream.read(3) == codecs.BOM_UTF8 else 0
    stream.seek(start)
    first_line = decode(stream.readline(LONGEST_LINE), 1)
    delimiter = max(DELIMITERS, key=first_line.count)
    records = read_records(stream, delimiter, start, 0)
    first = next(records, None)
    if first is None:
        raise InputError("the file is empty")
    place = _place(first[0], column)
    if place is None:
        place = 0
        yield _cell(first, 0)
    for record in records:
        yield _cell(record, place)


def _cell(record: Record, place: int) -> tuple[str | BadRow, int]:
    cells, line = record[0], record[1]
    if isinstance(cells, BadRow):
        return cells, line
    if place >= len(cells) or not cells[place].strip():
        return BadRow("there is no number in it"), line
    return cells[place], line


def _place(cells: Sequence[str] | BadRow, column: str | None) -> int | None:
    """The column that holds the people, if the first row is a header; None if it is not."""
    names = [] if isinstance(cells, BadRow) else [cell.strip() for cell in cells]
    if column is not None:
        if column not in names:
            raise InputError(f'there is no column "{column}" in the first row')
        return names.index(column)
    by_name = {name.casefold(): place for place, name in reversed(list(enumerate(names)))}
    return next((by_name[name] for name in NUMBER_COLUMNS if name in by_name), None)
