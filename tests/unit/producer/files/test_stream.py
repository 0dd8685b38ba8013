"""A file that is still arriving reads like an open one, in bounded memory."""

import io
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.errors import InputError
from producer.files.csv_reader import LOOKS_BACK, read_records
from producer.files.stream import ArrivingFile

MIB = 1024 * 1024


def arriving(pieces: Iterator[bytes]) -> ArrivingFile:
    return ArrivingFile(lambda: next(pieces, b""))


def more(block: bytes, times: int) -> Callable[[], bytes]:
    left = iter([block] * times)
    return lambda: next(left, b"")


@given(
    st.lists(
        st.text(st.sampled_from('ab,"\n\r\0é'), max_size=12).map(str.encode).filter(bool),
        max_size=12,
    )
)
def test_its_records_are_those_of_the_whole_file(pieces: list[bytes]) -> None:
    whole = list(read_records(io.BytesIO(b"".join(pieces)), ",", 0, 0))
    found = list(read_records(arriving(iter(pieces)), ",", 0, 0))
    assert list(map(repr, found)) == list(map(repr, whole))


def test_a_read_waits_for_nothing_that_it_does_not_need() -> None:
    pieces = iter([b"a" * 20 + b"\n" + b"b" * 20 + b"\n", b"never asked for"])
    records = read_records(arriving(pieces), ",", 0, 0)
    assert [next(records)[0], next(records)[0]] == [["a" * 20], ["b" * 20]]
    assert next(pieces) == b"never asked for"


def test_a_mark_at_the_start_is_read_whole() -> None:
    assert arriving(iter([b"\xef", b"\xbb", b"\xbfmsisdn,name\n+4"])).read(3) == b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    "line", [b"x" * 100 + b"\n", b"x" * 1000, b'"', b'"' + b"a" * 2000 + b"\n"]
)
def test_memory_is_bounded_whatever_is_sent(line: bytes) -> None:
    block = line * (MIB // 4 // len(line))
    file = ArrivingFile(more(block, 80))
    most = 0
    for _ in read_records(file, ",", 0, 0):
        most = max(most, len(file._kept))
    assert most < 2 * LOOKS_BACK


def test_going_back_too_far_is_refused() -> None:
    file = ArrivingFile(more(b"x" * MIB, 20))
    while file.read(MIB):
        pass
    with pytest.raises(InputError, match="CSV"):
        file.seek(0)
