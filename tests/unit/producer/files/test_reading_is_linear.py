"""Reading looks ahead, but not again and again: any file is read a few times at most."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.errors import BadNumber, BadRow
from producer.files import csv_reader
from producer.files.csv_reader import Record, read_records
from producer.files.header import Header
from producer.files.phone_numbers import normalise, seems_number
from producer.layout import Layout

AHEAD = 16
CELL = 12
LONG = "z" * 20
LINES = st.lists(
    st.sampled_from(
        [
            *('a","b\n', '"a\n', 'x,"y\n', "z\n", "\n", '"\n', '""\n', '"a","b"\n', 'c"\n'),
            *("\rd\n", f"{LONG}\n", f'"{LONG}\n', '"""\n', ' "a\r\n'),
        ]
    ),
    max_size=25,
).map("".join)


@contextmanager
def small_limits() -> Iterator[None]:
    """Limits that short texts reach."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_reader, "_LOOKS_AHEAD", AHEAD)
        patch.setattr(csv_reader, "_LONGEST_PLAIN_LINE", CELL)
        before = csv.field_size_limit(CELL)
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _comparable(record: Record) -> tuple[object, ...]:
    cells, *places = record
    return (cells.reason if isinstance(cells, BadRow) else cells, *places)


@given(LINES)
def test_what_was_remembered_of_broken_quotes_changes_no_record(text: str) -> None:
    """A reader that starts at a record remembers nothing, and reads it the same."""
    with small_limits():
        whole = _read(text, 0, 0)
        places = [(0, 0), *((offset, lines) for _, _, offset, lines in whole)]
        for n, (offset, lines) in enumerate(places):
            assert [_comparable(one) for one in _read(text, offset, lines)[:1]] == [
                _comparable(one) for one in whole[n : n + 1]
            ]


def _read(text: str, offset: int, line: int) -> list[Record]:
    return list(read_records(io.BytesIO(text.encode()), ",", offset, line))


class Counting(io.BytesIO):
    """Counts the bytes that are read, also those read again."""

    given = 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self.given += len(found)
        return found

    def readline(self, size: int | None = -1, /) -> bytes:
        found = super().readline(size)
        self.given += len(found)
        return found


@pytest.mark.parametrize(
    "text",
    [
        '"a\n' * 100_000,
        'a","b\n' * 150_000,
        'a","b\n' * 20_000 + "\n" * 140_000 + 'c"\n',
        ('x,"y\n' + "z\n" * 200) * 2_000,
        '"' + "a\n" * 200_000,
        'a","b\n' * 3_000 + "z" * 2_000_000 + "\n" + 'a","b\n' * 3_000,
        "\n" * 1_000_000,
        ('"a"\n' + "\n" * 1_000) * 1_000,
    ],
    ids=[
        "open",
        "reopened",
        "long-cell",
        "once-open",
        "never-closed",
        "long-line",
        "empty",
        "mixed",
    ],
)
def test_no_file_is_read_more_than_a_few_times(text: str) -> None:
    stream = Counting(text.encode())
    for _ in read_records(stream, ",", 0, 0):
        pass
    assert stream.given < 6 * len(text)


def test_a_record_of_several_lines_may_be_long() -> None:
    cell = "a line of a letter\n" * 6000
    text = f'447700900001,"{cell}","{cell}","{cell}","{cell}"\n'
    assert len(text) > 450_000
    ((cells, *_),) = read_records(io.BytesIO(text.encode()), ",", 0, 0)
    assert cells == ["447700900001", cell, cell, cell, cell]


def test_empty_lines_are_passed_over_and_counted() -> None:
    text = "\n\r\n\na\n\n\r\nb\n\r\n"
    found = list(read_records(io.BytesIO(text.encode()), ",", 0, 0))
    assert found == [(["a"], 4, 6, 4), (["b"], 7, 11, 7)]


@pytest.mark.parametrize(
    "cell", ["1x" + " " * 200_000 + "a", " " * 200_000 + "a", "1," * 100_000, "+" * 200_000]
)
def test_a_cell_of_any_length_is_refused_at_once(cell: str) -> None:
    """Patterns for numbers backtrack: they would take minutes for these."""
    with pytest.raises(BadNumber, match="not a phone number"):
        normalise(cell, "GB")
    assert not seems_number(cell)


def test_a_header_of_very_many_columns_is_looked_at_once() -> None:
    """Every row against every column would be 100 million steps."""
    cells = ("phone", *(f"nono {n}" for n in range(100_000)))
    rows: list[Record] = [(["+447700900001", "x"], n, n, n) for n in range(1000)]
    layout = Layout.find(Header(cells, ",", 0, 0), rows)
    assert (layout.number_column, layout.country_column) == ("phone", None)
