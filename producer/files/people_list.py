"""A list of people: one number or user id a line, or a column of a CSV file.

Columns and numbers are read as in a launch. An invalid line is reported with its number, and the others
are used.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from producer.errors import BadRow, InputError
from producer.files.convert import TextFile
from producer.files.csv_reader import BLANK, Position, read_records
from producer.files.header import FirstRow, Header, as_header, holds_recipient, read_first_row
from producer.files.invalid_rows import InvalidRow
from producer.files.phone_numbers import normalise
from producer.files.rows import USER_ID, PersonReader
from producer.layout import PHONE, Layout, ReadOptions, first_rows
from store.people.suppressions import EVERYTHING, Purposes
from store.purposes import Purpose

PURPOSES = "purposes"
AT_ONCE = 10_000
"""People in one chunk."""
_LINE_ID = re.compile("U[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class People:
    """A chunk of the list."""

    who: list[str]  # digits of international numbers, and user ids
    purposes: list[Purposes | None]  # suppressed purposes of each, if in the file
    invalid_rows: list[InvalidRow]


@dataclass(frozen=True, slots=True)
class PeopleFile:
    """A list of people whose column is known; made by `open`."""

    text: TextFile
    has_header: bool
    layout: Layout
    _start: Position  # of the first person
    _purposes: int | None = None  # index of the column `purposes`, as an export writes it

    @classmethod
    def open(cls, path: Path, options: ReadOptions = ReadOptions()) -> "PeopleFile":
        """Find the column of the people; without a header row, the one with numbers.

        Raises:
            InputError: the file cannot be read, or the column is ambiguous.
        """
        text, region = TextFile.open(path, options.encoding, options.sheet), options.region
        with text.opened() as stream:
            first = read_first_row(stream)
            named = PHONE in options.names or options.country_column
            place = None if named else _place_without_header(first, region)
            if place is not None:
                names = tuple(f"column {n + 1}" for n in range(len(first.cells)))
                header = Header(names, first.delimiter, first.start, first.start_line)
                layout = Layout(header, names[place], None, region)
                return cls(text, False, layout, Position(first.start, first.start_line, 0))
            header = as_header(first)
            rows = first_rows(stream, header)
            layout = Layout.find(header, rows, options)
            purposes = layout.place(PURPOSES) if PURPOSES in header.cells else None
            return cls(text, True, layout, Position(header.offset, header.line, 0), purposes)

    def read(self) -> Iterator[People]:
        """The people, at most `AT_ONCE` at a time.

        Raises:
            InputError: the file cannot be read or is not UTF-8.
        """
        people = _people(self)
        while chunk := list(islice(people, AT_ONCE)):
            found = [one for one in chunk if not isinstance(one, InvalidRow)]
            invalid_rows = [one for one in chunk if isinstance(one, InvalidRow)]
            yield People(
                [who for who, _ in found], [purposes for _, purposes in found], invalid_rows
            )


def read_person(text: str, region: str | None) -> str:
    """Digits of an international number, or a channel's user id unchanged; raises BadRow.

    A number may be of an unused range, since its owner may have written to us.
    """
    text = text.strip(BLANK)
    if USER_ID.fullmatch(text) or _LINE_ID.fullmatch(text):
        return text
    return normalise(text, region, in_use=False)


def addressed(person: str, message: Mapping[str, Any]) -> dict[str, Any]:
    """A message to a person as `read_person` returns them."""
    user = {"msisdn": f"+{person}"} if person.isdecimal() else {"channelUserId": person}
    return {"user": user, **message}


def _people(file: PeopleFile) -> Iterator[tuple[str, Purposes | None] | InvalidRow]:
    """Each person with suppressed purposes, or an invalid line."""
    layout, start = file.layout, file._start
    place, reader = layout.place(layout.number_column), PersonReader(layout, in_use=False)
    with file.text.opened() as stream:
        delimiter = layout.header.delimiter
        for cells, line, *_ in read_records(stream, delimiter, start.offset, start.line):
            try:
                yield _person(cells, place, reader), _purposes_in(cells, file._purposes)
            except BadRow as bad:
                yield InvalidRow(line, bad.number, bad.reason)
                yield from (InvalidRow(also, None, f"goes with line {line}") for also in bad.also)


def _person(cells: list[str] | BadRow, place: int, reader: PersonReader) -> str:
    if isinstance(cells, BadRow):
        raise cells
    if place >= len(cells):
        raise BadRow("there is no number in it")
    text = cells[place].strip(BLANK)
    return text if _LINE_ID.fullmatch(text) else reader.read(cells)


def _purposes_in(cells: list[str] | BadRow, place: int | None) -> Purposes | None:
    if place is None or isinstance(cells, BadRow) or place >= len(cells):
        return None
    return read_purposes(cells[place])


def read_purposes(text: str) -> Purposes | None:
    """Suppressed purposes as an export writes them: `all`, or some separated by commas; None for an
    empty cell. Raises BadRow."""
    words = [word.strip().lower() for word in text.split(",") if word.strip()]
    if "all" in words:
        return EVERYTHING
    try:
        return frozenset(map(Purpose, words)) or None
    except ValueError:
        known = ", ".join(Purpose)
        raise BadRow(f'"{text}" is no purpose: write all, or some of {known}') from None


def _place_without_header(first: FirstRow, region: str | None) -> int | None:
    """Index of the cell that holds a person; None if the row is a header.

    Raises InputError when several do: one may be a shop's number for its customers.
    """
    places = [place for place, cell in enumerate(first.cells) if _is_person(cell, region)]
    if not places and _is_broken_number(first.cells):
        return 0
    if len(places) > 1:
        raise InputError(
            "the file has no header row, and several of its columns hold numbers: add a header row "
            "and name the column with --map phone=COLUMN"
        )
    return places[0] if places else None


def _is_person(cell: str, region: str | None) -> bool:
    if holds_recipient(cell):
        return True
    try:
        return bool(read_person(cell, region))
    except BadRow:
        return False


def _is_broken_number(cells: Sequence[str]) -> bool:
    """True when a row is not a header but an unreadable number, which is reported as an invalid line."""
    return len(cells) == 1 and not any(map(str.isalpha, cells[0]))
