"""The records of a CSV file, held against the csv module."""

import csv
import io
import re
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from producer.errors import BadRow, InputError
from producer.files.csv_reader import Record, read_records

PARTS = st.sampled_from(
    ["a", "é", " ", ",", ",", ";", "\t", '"', '"', "\n", "\r\n", "\r", "\0", "x" * 50]
)
TEXTS = st.lists(PARTS, max_size=30).map("".join)
QUOTED_CELLS = st.lists(
    st.text(st.sampled_from('ab",;\t\n\r é'), max_size=6), min_size=1, max_size=3
)


def records(text: str, delimiter: str = ",") -> list[Record]:
    return list(read_records(io.BytesIO(text.encode()), delimiter, 0, 0))


def cells_of(text: str, delimiter: str = ",") -> list[list[str] | None]:
    return [
        None if isinstance(cells, BadRow) else stripped(cells)
        for cells, *_ in records(text, delimiter)
    ]


def as_csv_reads(text: str, delimiter: str = ",") -> list[list[str] | None]:
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    rows = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    return [
        None if "\0" in "".join(row) or looks_like_rows(row, delimiter) else stripped(row)
        for row in rows
        if has_text(row)
    ]


def has_text(row: Sequence[str]) -> bool:
    return bool("".join(row).strip(' \t\r\n,;|"'))


def looks_like_rows(row: Sequence[str], delimiter: str) -> bool:
    of_several_lines = [value.strip() for value in row if "\n" in value.strip()]
    return any(re.search(rf"{delimiter}[^\s{delimiter}]", value) for value in of_several_lines)


def stripped(cells: Sequence[str]) -> list[str]:
    return [cell.strip() for cell in cells]


@given(TEXTS, st.sampled_from(",;\t"))
def test_a_well_formed_text_is_read_as_the_csv_module_reads_it(text: str, delimiter: str) -> None:
    try:
        expected = as_csv_reads(text, delimiter)
    except csv.Error:
        assume(False)
    assert cells_of(text, delimiter) == expected


@given(TEXTS.filter(lambda text: '"' not in text), st.sampled_from(",;\t"))
def test_splitting_a_line_without_quotes_agrees_with_the_csv_module(
    text: str, delimiter: str
) -> None:
    for line in text.split("\n"):
        try:
            expected = as_csv_reads(line, delimiter)
        except csv.Error:
            expected = [None]
        assert cells_of(line, delimiter) == expected


@given(st.lists(QUOTED_CELLS, max_size=6), st.sampled_from(",;\t"))
def test_whatever_was_written_with_quotes_comes_back(rows: list[list[str]], delimiter: str) -> None:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    read = [
        None if isinstance(cells, BadRow) else cells
        for cells, *_ in records(text.getvalue(), delimiter)
    ]
    assert read == [
        None if looks_like_rows(row, delimiter) else row for row in rows if has_text(row)
    ]


@given(TEXTS, st.integers(1, 20))
def test_the_size_of_blocks_makes_no_difference(text: str, size: int) -> None:
    """Small blocks read by splitting what a large block reads with the csv module."""
    stream = io.BytesIO(text.encode())
    by_small_blocks = [_comparable(record) for record in read_records(stream, ",", 0, 0, size)]
    assert by_small_blocks == [_comparable(record) for record in records(text)]


@given(TEXTS)
def test_reading_goes_on_from_the_end_of_every_record(text: str) -> None:
    whole = records(text)
    stream = io.BytesIO(text.encode())
    for place, (_, line, offset, lines_before) in enumerate(whole):
        rest = list(read_records(stream, ",", offset, lines_before))
        assert [_comparable(record) for record in rest] == [
            _comparable(record) for record in whole[place + 1 :]
        ]
        before = text.encode()[:offset]
        assert lines_before == before.count(b"\n") + (not before.endswith(b"\n"))
        assert line <= lines_before


def _comparable(record: Record) -> tuple[object, ...]:
    cells, *places = record
    return (cells.reason if isinstance(cells, BadRow) else stripped(cells), *places)


def test_a_file_that_shrinks_is_refused() -> None:
    stream = io.BytesIO(b'"a"\n"b"\n')
    reading = read_records(stream, ",", 0, 0)
    next(reading)
    stream.truncate(4)
    with pytest.raises(InputError, match="became shorter"):
        list(reading)


def test_a_very_long_cell_or_line_is_a_reject_wherever_it_stands() -> None:
    cell, line = "x" * 200_000, "x," * 1_000_000
    text = f'a\n{cell}\nb\n{line}\n"c\n{line}'
    assert [
        (cells.reason if isinstance(cells, BadRow) else cells, first)
        for cells, first, *_ in records(text)
    ] == [
        (["a"], 1),
        ("a cell is too long to be read", 2),
        (["b"], 3),
        ("the line is longer than 1 MiB", 4),
        ("its quotes do not match: one is not closed within 512 KiB", 5),
        ("the line is longer than 1 MiB", 6),
    ]
