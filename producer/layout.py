"""Chooses the columns of the phone number and its country.

A column is used when it is given, or when its name is known (`column_names.py`) and no other one is
possible: a column with the numbers of a customer's customers looks the same, but is about other people.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice

from chatapps.rendering.placeholders import find_name, some_of
from producer.column_names import country_rank, number_rank, quoted
from producer.errors import BadRow, InputError
from producer.files.csv_reader import BLANK, Record, Source, read_records
from producer.files.header import Header
from producer.files.phone_numbers import is_international, is_region, mask, seems_number

SAMPLE_ROWS = 1000
SAMPLE_BYTES = 512 * 1024
"""Rows examined before a file is used: so many, or as many as lie in so many bytes."""
PHONE = "phone"
"""The name of the phone number's column in a map."""
NO_ROWS = "the file holds a header and no rows: add a row per recipient"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """A caller's options for reading a file."""

    names: Mapping[str, str] = field(default_factory=dict)  # of placeholders, and `phone`: column
    country_column: str | None = None
    language_column: str | None = None  # of the template's language
    timezone_column: str | None = None  # of the zone of each person
    region: str | None = None  # of numbers without a country code
    encoding: str | None = None
    sheet: str | None = None  # of a workbook
    where: Sequence[str] = ()  # `Consent=yes`: only rows with this value
    limit: int | None = None  # most rows to read
    defaults: Mapping[str, str] = field(default_factory=dict)  # for empty cells, by column

    def dump(self) -> str:
        """The options as JSON, without tabs."""
        return json.dumps({name: value for name, value in asdict(self).items() if value})

    @classmethod
    def load(cls, dump: str) -> "ReadOptions":
        """Read what `dump` wrote."""
        return cls(**json.loads(dump))


def read_map(pairs: Iterable[str]) -> dict[str, str]:
    """Parse `NAME=COLUMN` pairs; raises InputError."""
    names: dict[str, str] = {}
    for text in pairs:
        name, _, column = (part.strip() for part in text.partition("="))
        if not (name and column):
            raise InputError(f'--map "{text}" names no column: write it as phone=Mobile')
        if names.setdefault(name, column) != column:
            raise InputError(f'--map names two columns for "{name}": keep one')
    return names


@dataclass(frozen=True, slots=True)
class Layout:
    """Columns and region of a file; made by `find`."""

    header: Header
    number_column: str
    country_column: str | None
    region: str | None  # country of numbers without one of their own or in their row
    where: Mapping[int, frozenset[str]] = field(default_factory=dict)  # index: values, folded
    options: ReadOptions = ReadOptions()  # with the chosen columns

    @property
    def limit(self) -> int | None:
        """Most rows to read."""
        return self.options.limit

    @classmethod
    def find(
        cls,
        header: Header,
        rows: Sequence[Record],
        options: ReadOptions = ReadOptions(),
    ) -> "Layout":
        """Choose the columns by the options, by their names and by the first rows.

        Raises:
            InputError: there is no such column or region, or the column is ambiguous.
        """
        if (region := options.region) and not is_region(region := region.upper()):
            raise InputError(f'"{region}" is no region: give two letters such as GB')
        sample = _sample(header, rows)
        number = _number_column(sample, options.names.get(PHONE))
        country = _country_column(sample, options.country_column, number)
        language, zone = (
            column and _named(sample, column, f"--{name}-column")
            for name, column in (
                ("language", options.language_column),
                ("timezone", options.timezone_column),
            )
        )
        where = _where(sample, header, options.where)
        chosen = replace(
            options,
            names={PHONE: number},
            country_column=country,
            language_column=language,
            timezone_column=zone,
            region=region or None,
        )
        return cls(header, number, country, region or None, where, chosen)

    def place(self, column: str) -> int:
        """Index of a column's cells in a row."""
        return self.header.cells.index(column)

    def chosen(self, records: Iterable[Record]) -> Iterator[Record]:
        """The records that match, and unreadable ones."""
        return filter(self._is_chosen, records) if self.where else iter(records)

    def _is_chosen(self, record: Record) -> bool:
        cells = record[0]
        return isinstance(cells, BadRow) or all(
            place < len(cells) and _folded(cells[place]) in values
            for place, values in self.where.items()
        )

    @property
    def sentence(self) -> str:
        """The chosen columns in words."""
        country = f', their country from "{self.country_column}"' if self.country_column else ""
        return f'The numbers are read from the column "{self.number_column}"{country}.'


def first_rows(stream: Source, header: Header) -> list[Record]:
    """The rows to examine, of a file whose header was read; there may be none."""
    records = read_records(stream, header.delimiter, header.offset, header.line)
    return take_first(records, header)


def take_first(records: Iterator[Record], header: Header, have: int = 0) -> list[Record]:
    """Read the rows to examine, and leave the others; `have` of them were read before."""
    first: list[Record] = []
    for record in islice(records, max(0, SAMPLE_ROWS - have)):
        first.append(record)
        if record[2] - header.offset > SAMPLE_BYTES:
            break
    return first


def _sample(header: Header, rows: Sequence[Record]) -> dict[str, list[str]]:
    """The cells of each named column."""
    columns: list[list[str]] = [[] for _ in header.cells]
    for cells, *_ in rows:
        if not isinstance(cells, BadRow):
            for column, cell in zip(columns, cells, strict=False):
                column.append(cell)
    return {name: column for name, column in zip(header.cells, columns, strict=True) if name}


def _number_column(sample: dict[str, list[str]], wanted: str | None) -> str:
    if wanted is not None:
        return _named(sample, wanted)
    ranks = {name: rank for name in sample if (rank := number_rank(name))}
    known = sorted(ranks, key=ranks.__getitem__, reverse=True)
    if not known:
        raise InputError(
            "no column is known to hold the phone number: name it with --map phone=COLUMN, one of "
            f"{_names(sample)}"
        )
    filled = [name for name in known if any(map(seems_number, sample[name]))]
    best = (filled or known)[0]
    others = [] if any(map(is_international, sample[best])) else _international(sample, ranks)
    if len(filled) > 1 or others:
        may_be = [name for name in sample if name in (best, *filled, *others)]
        raise InputError(
            f"the columns {quoted(may_be)} may all hold the phone number: name one of them with "
            "--map phone=COLUMN"
        )
    return best


def _international(sample: dict[str, list[str]], known: Collection[str]) -> list[str]:
    """Unnamed or unknown columns with international numbers."""

    def mostly(cells: Sequence[str]) -> bool:
        found = [is_international(cell) for cell in cells if cell.strip()]
        return sum(found) * 2 > len(found)

    return [name for name in sample if name not in known and mostly(sample[name])]


def _is_national(cell: str) -> bool:
    return seems_number(cell) and not is_international(cell)


def _country_column(
    sample: dict[str, list[str]], wanted: str | None, number_column: str
) -> str | None:
    if wanted is not None:
        return _named(sample, wanted, "--country-column")
    filled = (name for name, cells in sample.items() if any(map(str.strip, cells)))
    ranks = {name: rank for name in filled if (rank := country_rank(name))}
    highest = max(ranks.values(), default=0)
    best = [name for name, rank in ranks.items() if rank == highest]
    if len(best) > 1 and any(map(_is_national, sample[number_column])):
        raise InputError(
            f"the columns {quoted(best)} may all say which country a number is of: name one of them "
            "with --country-column"
        )
    return best[0] if best else None


def _where(
    sample: dict[str, list[str]], header: Header, conditions: Sequence[str]
) -> dict[int, frozenset[str]]:
    """Index and values of each column with a condition."""
    where: dict[int, frozenset[str]] = {}
    for condition in conditions:
        column, equals, value = condition.partition("=")
        if not equals:
            raise InputError(f'--where "{condition}" is no condition: write it as COLUMN=value')
        place = header.cells.index(_named(sample, column.strip(), "--where"))
        where[place] = where.get(place, frozenset()) | {_folded(value)}
    return where


def _folded(value: str) -> str:
    return value.strip(BLANK).casefold()


def _named(sample: dict[str, list[str]], wanted: str, option: str = "") -> str:
    name = find_name(tuple(sample), wanted)
    if name is None:
        what = f" for {option}" if option else ""
        raise InputError(f'there is no column "{wanted}"{what}: the columns are {_names(sample)}')
    return name


def _names(columns: Iterable[str]) -> str:
    """The columns in a sentence; without a header row their names are phone numbers and are masked."""
    return some_of([mask(name) if sum(map(str.isdigit, name)) > 6 else name for name in columns])
