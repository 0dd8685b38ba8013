"""Packing: whatever is packed comes out as it went in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.records.job_section import Job, count, deaths_of, pack, pack_in_halves, sections, unpack

LINES = st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b""))
JOBS = st.builds(Job, st.integers(0, 10**9), st.integers(0, 300), LINES, st.integers(0, 12))
NEIGHBOURS = st.builds(
    lambda first, attempts, lines: [Job(first + i, attempts, line) for i, line in enumerate(lines)],
    st.integers(0, 10**9),
    st.integers(0, 3),
    st.lists(LINES, min_size=1, max_size=8),
)


@given(st.lists(JOBS, max_size=30))
def test_any_jobs_come_out_as_they_went_in(jobs: list[Job]) -> None:
    assert unpack(pack(jobs)) == jobs
    assert count(pack(jobs)) == len(jobs)


@given(st.lists(NEIGHBOURS, max_size=6))
def test_neighbours_come_out_as_they_went_in(groups: list[list[Job]]) -> None:
    jobs = [job for group in groups for job in group]
    assert unpack(pack(jobs)) == jobs


@given(st.lists(JOBS, max_size=10), st.lists(JOBS, max_size=10))
def test_packed_jobs_can_be_put_one_behind_the_other(one: list[Job], other: list[Job]) -> None:
    assert unpack(pack(one) + pack(other)) == one + other


def test_neighbours_share_a_section_without_their_indexes() -> None:
    jobs = [Job(7, 0, b"a"), Job(8, 0, b"b")]
    assert pack(jobs) == b"2 0 7 3\na\nb\n"


def test_scattered_jobs_carry_their_indexes() -> None:
    jobs = [Job(7, 1, b"a"), Job(9, 1, b"b")]
    assert pack(jobs) == b"2 1 x 7\n7\ta\n9\tb\n"


def test_jobs_in_another_order_keep_it() -> None:
    jobs = [Job(7, 0, b"a"), Job(9, 0, b"b"), Job(8, 0, b"c"), Job(10, 0, b"d")]
    assert unpack(pack(jobs)) == jobs


def test_every_number_of_attempts_has_a_section() -> None:
    jobs = [Job(0, 0, b"a"), Job(1, 1, b"b"), Job(2, 1, b"c"), Job(3, 0, b"d")]
    assert [header.attempts for header, _ in sections(pack(jobs))] == [0, 1, 0]


def test_every_number_of_doubts_has_a_section_that_tells_it() -> None:
    jobs = [Job(0, 3, b"a"), Job(1, 3, b"b", 2), Job(2, 3, b"c", 2)]
    assert pack(jobs) == b"1 3 0 1\na\n2 3.2 1 3\nb\nc\n"
    assert [job.resends for job in unpack(pack(jobs))] == [0, 1, 1]


def test_nothing_packed_is_nothing() -> None:
    assert pack([]) == b""
    assert unpack(b"") == []


@pytest.mark.parametrize(
    "blob",
    [b"2 0 7 1\na\n", b"1 0 7 3\na\nb\n", b"1 0 7\na\n", b"x", b"1 0 x 1\na\n", b"a b c d\n\n"],
)
def test_what_is_not_packed_jobs_is_not_read(blob: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # any: it is our own format
        unpack(blob)


def test_the_recipient_stands_first() -> None:
    assert Job(0, 0, b"447700900001\tA\tB").recipient == b"447700900001"
    assert Job(0, 0, b"GB.1").recipient == b"GB.1"


def test_jobs_with_which_a_worker_died_go_in_halves_and_a_single_one_counts_deaths() -> None:
    jobs = [Job(index, 1, b"a") for index in range(5)]
    found = list(sections(pack_in_halves(jobs, 0)))
    assert [(header.n, header.deaths) for header, _ in found] == [(2, 1), (3, 1)]
    assert unpack(pack_in_halves(jobs, 1)) == jobs
    assert [deaths_of(pack_in_halves(jobs[:1], before)) for before in (0, 1, 2)] == [2, 2, 3]
    assert deaths_of(pack(jobs)) == 0
