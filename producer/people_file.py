"""A list of people: one number or user id a line, or a column of a CSV file.

The column is chosen as a launch chooses it, and numbers are read as those of recipients are. A line that
cannot be read is told with its number, and the others go on.
"""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from producer.csv_header import DELIMITERS, find_number_column, holds_recipient
from producer.errors import BadRow, InputError
from producer.numbers import normalise
from producer.records import LONGEST_LINE, Position, decode, opened, read_records
from producer.rejects import Reject
from producer.rows import USER_ID
from store.purposes import Purpose
from store.suppressions import EVERYTHING, Purposes

PURPOSES = "purposes"
AT_ONCE = 10_000
"""People in one chunk."""
_LINE_ID = re.compile("U[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class People:
    """A chunk of the list."""

    who: list[str]  # digits of international numbers, and user ids
    purposes: list[Purposes | None]  # what each of them gets no more, where the file says so
    rejects: list[Reject]


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """A list of people whose column is known; made by `open`."""

    path: Path
    column: str | None  # None: the file has no header row
    _delimiter: str
    _place: int  # of the column
    _start: Position  # of the first person
    _purposes: int | None = None  # the place of the column `purposes`, as an export writes it

    @classmethod
    def open(cls, path: Path, column: str | None = None, region: str | None = None) -> "PeopleFile":
        """Find the column that holds the people; without a header row, the one that holds numbers.

        Raises:
            InputError: the file cannot be read, or it is not clear which column is meant.
        """
        with opened(path) as stream:
            mark = len(codecs.BOM_UTF8) if stream.read(3) == codecs.BOM_UTF8 else 0
            stream.seek(mark)
            first_line = decode(stream.readline(LONGEST_LINE), 1)
            delimiter = max(DELIMITERS, key=first_line.count)
            first = next(read_records(stream, delimiter, mark, 0), None)
            if first is None:
                raise InputError("the file is empty")
            cells, _, offset, line = first
            if isinstance(cells, BadRow):
                raise InputError(f"the first row cannot be read: {cells.reason}")
            names = [cell.strip() for cell in cells]
            place = None if column else _place_without_header(names, region)
            if place is not None:
                return cls(path, None, delimiter, place, Position(mark, 0, 0))
            column = find_number_column(names, column)
            purposes = names.index(PURPOSES) if PURPOSES in names else None
            start = Position(offset, line, 0)
            return cls(path, column, delimiter, names.index(column), start, purposes)

    def read(self, region: str | None) -> Iterator[People]:
        """The people, at most `AT_ONCE` at a time; `region` is the country of national numbers.

        Raises:
            InputError: the file cannot be read or is not UTF-8.
        """
        chunk = People([], [], [])
        with opened(self.path) as stream:
            start = self._start
            for cells, line, *_ in read_records(stream, self._delimiter, start.offset, start.line):
                try:
                    person = read_person(self._cell(cells), region)
                    purposes = self._purposes_in(cells)
                except BadRow as bad:
                    chunk.rejects.append(Reject(line, bad.number, bad.reason))
                else:
                    chunk.who.append(person)
                    chunk.purposes.append(purposes)
                if len(chunk.who) + len(chunk.rejects) == AT_ONCE:
                    yield chunk
                    chunk = People([], [], [])
        if chunk.who or chunk.rejects:
            yield chunk

    def _purposes_in(self, cells: list[str] | BadRow) -> Purposes | None:
        place = self._purposes
        if place is None or isinstance(cells, BadRow) or place >= len(cells):
            return None
        return read_purposes(cells[place])

    def _cell(self, cells: list[str] | BadRow) -> str:
        if isinstance(cells, BadRow):
            raise cells
        if self._place >= len(cells) or not cells[self._place].strip():
            raise BadRow("there is no number in it")
        return cells[self._place]


def read_person(text: str, region: str | None) -> str:
    """Digits of an international number, or a channel's user id as it is; raises BadRow."""
    text = text.strip()
    if USER_ID.fullmatch(text) or _LINE_ID.fullmatch(text):
        return text
    return normalise(text, region)


def read_purposes(text: str) -> Purposes | None:
    """What somebody gets no more, as an export writes it: `all`, or some with commas; None for an empty
    cell. Raises BadRow."""
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    if "all" in words:
        return EVERYTHING
    try:
        return frozenset(map(Purpose, words)) or None
    except ValueError:
        known = ", ".join(Purpose)
        raise BadRow(f'"{text}" is no purpose: write all, or some of {known}') from None


def _place_without_header(cells: Sequence[str], region: str | None) -> int | None:
    """The place of the cell that holds a person; None if the row is a header.

    Raises InputError when several do: one may hold the customers' numbers in a shop.
    """
    places = [place for place, cell in enumerate(cells) if _is_person(cell, region)]
    if not places and len(cells) == 1 and not any(map(str.isalpha, cells[0])):
        return 0  # a number that is none: its line is told
    if len(places) > 1:
        raise InputError(
            "the file has no header row, and several of its columns hold numbers: add a header row "
            "and name the column with --number-column"
        )
    return places[0] if places else None


def _is_person(cell: str, region: str | None) -> bool:
    if holds_recipient(cell):
        return True
    try:
        return bool(read_person(cell, region))
    except BadRow:
        return False
