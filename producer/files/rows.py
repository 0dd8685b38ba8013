"""Turns rows of a recipient file into job lines."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from chatapps.rendering.job_line import pack_line
from producer.countries import region_of
from producer.errors import BadRow, InputError
from producer.files.csv_reader import BLANK, Position, Record
from producer.files.invalid_rows import InvalidRow
from producer.files.phone_numbers import PLAIN, is_international, mask, normalise
from producer.layout import NO_ROWS, Layout

LONGEST_VALUE = 4096  # characters; WhatsApp has no longer text (provider docs, message model)
LONGEST_JOB_LINE = 256 * 1024  # bytes
LOOKED_AT = 5000
"""Rows, one of which must be valid; otherwise the file is misread."""

# A business-scoped user id; never shortened or changed in case (provider docs, addressing).
USER_ID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")

_NOTHING = r"""
    nan NaN NAN -nan NaT NULL null None nil undefined N/A n/a <NA> <NULL> (null) \N
    #N/A #N/A! #NA #NV #VALUE! #REF! #NAME? #DIV/0! #NUM! #NULL! #CALC! #SPILL! #ERROR!
    #WERT! #BEZUG! #VALEUR!
"""
NO_VALUES = frozenset(["", *_NOTHING.split()])
"""Cells without a value: empty, or an error of a spreadsheet."""
MOST_BLANKS = 4  # in a row in a template parameter; WhatsApp refuses more, line ends and tabs
_MANY_BLANKS = " " * (MOST_BLANKS + 1)
_BLANKS = re.compile(r"\s+")
_LINE_ENDS_AND_TABS = frozenset("\n\r\t\v\f\x1c\x1d\x1e\x85\u2028\u2029")


@dataclass(frozen=True, slots=True)
class ValueRules:
    """Rules for the values of some columns."""

    folded: frozenset[str] = frozenset()
    """Columns of template parameters: line ends, tabs and long runs of blanks become one blank."""
    numbers: Mapping[str, Callable[[str], str]] = field(default_factory=dict)
    """Columns with a form of their own: each function returns the value, or raises ValueError."""
    defaults: Mapping[str, str] = field(default_factory=dict)
    """Values for empty cells of a column."""


class PersonReader:
    """Reads the recipient from the cells of a row."""

    def __init__(self, layout: Layout, *, in_use: bool = True) -> None:
        """`in_use`: True requires a number of a range that its country uses
        (`phone_numbers.normalise`)."""
        self._name = layout.number_column
        self._number = layout.place(layout.number_column)
        country = layout.country_column
        self._country = None if country is None else layout.place(country)
        self._country_name = country
        self._region = layout.region
        self._in_use = in_use

    def read(self, cells: Sequence[str]) -> str:
        """The digits of an international number or a user id; raises BadRow."""
        text = cells[self._number].strip(BLANK)
        if text in NO_VALUES:
            raise _empty(self._name, text)
        if USER_ID.fullmatch(text):
            return text
        region = self._region if self._country is None else self._region_of(cells, text)
        return normalise(text, region, in_use=self._in_use)

    def _region_of(self, cells: Sequence[str], number: str) -> str | None:
        """The region of a number without country code."""
        assert self._country is not None
        country = cells[self._country].strip(BLANK) if self._country < len(cells) else ""
        if country in NO_VALUES or is_international(number):
            return self._region
        region = region_of(country)
        if region is None:
            raise BadRow(
                f"column '{self._country_name}' names no country that is known: {mask(country)}"
            )
        return region


class RowPacker:
    """Packs the cells of rows with the same header."""

    def __init__(
        self,
        layout: Layout,
        columns: Sequence[str],
        rules: ValueRules = ValueRules(),
        keep: Sequence[str] = (),
    ) -> None:
        """`columns` are those whose values a job needs, `keep` those whose cells follow them; raises
        ValueError for a missing one."""
        cells = layout.header.cells
        if missing := [one for one in (*columns, *keep) if not one or one not in cells]:
            raise ValueError(f"the recipients have no column {', '.join(missing)}")
        self._header = cells
        self._width = len(cells)
        self._number = layout.place(layout.number_column)
        self._person = PersonReader(layout).read
        self._wanted = [layout.place(column) for column in columns]
        self._kept = [layout.place(column) for column in keep]
        self._folded = frozenset(map(layout.place, rules.folded))
        self._defaults = {layout.place(column): text for column, text in rules.defaults.items()}
        self._numbers = {layout.place(column): read for column, read in rules.numbers.items()}
        self.folded = 0  # values changed so that WhatsApp accepts them

    def pack(self, cells: Sequence[str]) -> bytes:
        """The job's line; raises BadRow for an invalid row."""
        if len(cells) != self._width:
            cells = self._fitted(cells)
        recipient = cells[self._number].strip()
        if PLAIN[recipient[:4], len(recipient)](recipient):  # nearly always
            recipient = recipient[1:]
        else:
            recipient = self._person(cells)
        values = []
        for place in self._wanted:
            value = cells[place].strip()
            if value in NO_VALUES or not value.isprintable() or _MANY_BLANKS in value:  # rare
                value = self._mended(place, value)
            values.append(value)
        if self._numbers:
            self._read_numbers(values)
        if self._kept:
            values += [cells[place].strip() for place in self._kept]
        line = pack_line(recipient, values)
        if len(line) > LONGEST_VALUE:
            self._see_that_short(line, values)
        return line

    def _fitted(self, cells: Sequence[str]) -> Sequence[str]:
        """A row with as many cells as the header: empty ones at the end are cut, missing ones added."""
        surplus = cells[self._width :]
        if any(cell.strip(BLANK) for cell in surplus):
            raise BadRow(f"too many cells: {len(cells)}, where the header has {self._width}")
        return [*cells[: self._width], *[""] * (self._width - len(cells))]

    def _mended(self, place: int, value: str) -> str:
        """A corrected value; raises BadRow for an empty one without a default."""
        if value in NO_VALUES or not value.strip(BLANK):
            if (default := self._defaults.get(place)) is not None:
                return default
            raise _empty(self._header[place], value)
        if place not in self._folded:
            return value.replace("\u2028", "\n")  # a line end in the cell of a workbook
        folded = _BLANKS.sub(_fold, value)
        self.folded += folded != value
        return folded

    def _read_numbers(self, values: list[str]) -> None:
        """Turn numeric values into JSON numbers."""
        for n, place in enumerate(self._wanted):
            if (read := self._numbers.get(place)) is not None:
                try:
                    values[n] = read(values[n])
                except ValueError as error:
                    name = self._header[place]
                    raise BadRow(f"column '{name}' holds {mask(values[n])}: {error}") from error

    def _see_that_short(self, line: bytes, values: Sequence[str]) -> None:
        for place, value in zip([*self._wanted, *self._kept], values, strict=True):
            if len(value) > LONGEST_VALUE:
                raise BadRow(
                    f"column '{self._header[place]}' holds {len(value):,} characters, more than "
                    f"{LONGEST_VALUE:,}"
                )
        if len(line) > LONGEST_JOB_LINE:
            raise BadRow("the values of the row are longer than 256 KiB together")


def see_that_some_are_usable(
    records: Iterator[Record], layout: Layout, packer: RowPacker
) -> list[Record]:
    """Read up to the first valid row; returns the records read.

    Raises:
        InputError: all of the first rows are invalid: the campaign would end at once, and block its
            name.
    """
    rows: list[Record] = []
    first: tuple[int, BadRow] | None = None
    for record in islice(records, LOOKED_AT):
        rows.append(record)
        cells, line, *_ = record
        try:
            if isinstance(cells, BadRow):
                raise cells
            packer.pack(cells)
            return rows
        except BadRow as bad:
            first = first or (line, bad)
    if first is None:
        raise InputError("no row has the values that --where asks for" if layout.where else NO_ROWS)
    raise InputError(_why_none(len(rows), *first, layout))


def _why_none(rows: int, line: int, bad: BadRow, layout: Layout) -> str:
    none = f"none of the first {rows:,} rows can" if rows > 1 else "its only row cannot"
    cell, region = f' "{bad.number}"' if bad.number else "", layout.region
    return (
        f"{none} be used (line {line}{cell}: {bad.reason}). {layout.sentence} "
        f"{f'Without a country they are read as those of {region}. ' if region else ''}"
        "Mend the file, or give another --map phone=COLUMN, a --country-column or "
        f"{'another' if region else 'a'} --region, such as GB"
    )


def _fold(blanks: re.Match[str]) -> str:
    text = blanks[0]
    fits = len(text) <= MOST_BLANKS and _LINE_ENDS_AND_TABS.isdisjoint(text)
    return text if fits else " "


def _empty(column: str, value: str = "") -> BadRow:
    """The error of an empty cell; `value` is its visible content, if any."""
    seen = f": it holds {value}" if value.strip(BLANK) else ""
    return BadRow(f"column '{column}' is empty{seen}")


CHUNK_ROWS = 1000
CHUNK_BYTES = LONGEST_JOB_LINE  # of all job lines of a chunk


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows of the file."""

    lines: list[bytes]  # a job line for each valid row
    invalid_rows: list[InvalidRow]
    end: Position  # where the next chunk starts

    @property
    def rows(self) -> int:
        """Rows in the chunk, valid and invalid."""
        return len(self.lines) + len(self.invalid_rows)


def cut_chunks(
    records: Iterable[Record],
    packer: RowPacker,
    start: Position,
    size: int,
    cut_at: int = -1,
    limit: int | None = None,
) -> Iterator[Chunk]:
    """Pack `records`, which begin at `start`, into chunks of at most `size` rows (and the lines that
    belong to the last).

    A chunk ends at byte `cut_at` in any case, if a record ends there. Reading ends after `limit` rows of
    the file.
    """
    lines: list[bytes] = []
    invalid_rows: list[InvalidRow] = []
    weight, end, pack = 0, start, packer.pack
    offset, lines_before, row = start.offset, start.line, start.row
    bad: BadRow | None
    for cells, line, next_offset, next_lines_before in records:
        if limit is not None and row >= limit:
            break
        try:
            if isinstance(cells, BadRow):
                raise cells
            job, bad = pack(cells), None
        except BadRow as caught:
            job, bad = b"", caught
        full = row - end.row >= size or weight + len(job) > CHUNK_BYTES
        if full or (offset == cut_at and row > end.row):
            end = Position(offset, lines_before, row)
            yield Chunk(lines, invalid_rows, end)
            lines, invalid_rows, weight = [], [], 0
        if bad is None:
            lines.append(job)
            row += 1
        else:
            row_cells = bad.cells if isinstance(cells, BadRow) else cells
            invalid_rows.append(InvalidRow(line, bad.number, bad.reason, row_cells))
            invalid_rows += [InvalidRow(also, None, f"goes with line {line}") for also in bad.also]
            row += 1 + len(bad.also)
        weight += len(job)
        offset, lines_before = next_offset, next_lines_before
    if lines or invalid_rows:
        yield Chunk(lines, invalid_rows, Position(offset, lines_before, row))
