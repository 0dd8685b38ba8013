"""Outcome records: 39 bytes that hold what became of a message."""

from collections import Counter
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.keys import OUTCOMES_PER_KEY
from store.purposes import Pricing, Purpose
from store.records.outcome import (
    NO_UMID,
    OTHER_CODE,
    RECORD_BYTES,
    Doubt,
    Origin,
    Outcome,
    code_name,
    codes_in,
    doubts_in,
    head,
    is_number,
    number_field,
    read_record,
    read_records,
    runs,
    umid_field,
)
from store.states import BY_STATE, CODED, RECORD_STATES, State

STATES = st.sampled_from([row.state for row in RECORD_STATES])
SECONDS = st.integers(0, 2**32 - 1)
NUMBERS = st.integers(10**7, 10**15 - 1).map(str)
OUTCOMES = st.builds(
    Outcome,
    index=st.just(5),
    state=STATES,
    attempts=st.integers(0, 255),
    origin=st.sampled_from(Origin),
    code=st.integers(0, 0xFFFF),
    posted_at=SECONDS,
    changed_at=SECONDS,
    number=NUMBERS | st.just(""),
    umid=st.uuids().filter(lambda uuid: uuid.int != 0).map(str) | st.none(),
    purpose=st.sampled_from(Purpose) | st.none(),
    pricing=st.sampled_from(Pricing),
    other_attempt=st.booleans(),
)
INDEXES = st.sets(st.integers(0, 4 * OUTCOMES_PER_KEY), max_size=60).map(sorted)


def record(outcome: Outcome) -> bytes:
    start = head(
        outcome.state, outcome.attempts, outcome.origin, outcome.code, outcome.posted_at,
        outcome.changed_at, purpose=outcome.purpose, pricing=outcome.pricing,
        other_attempt=outcome.other_attempt,
    )  # fmt: skip
    return start + number_field(outcome.number.encode()) + umid_field(outcome.umid)


@given(OUTCOMES)
def test_an_outcome_comes_out_as_it_went_in(outcome: Outcome) -> None:
    assert len(record(outcome)) == RECORD_BYTES
    assert read_record(record(outcome), 5) == outcome


@given(st.lists(OUTCOMES, max_size=5))
def test_records_lie_one_behind_the_other(outcomes: list[Outcome]) -> None:
    blob = b"".join(record(outcome) + bytes(RECORD_BYTES) for outcome in outcomes)
    found = list(read_records(blob, 5))
    assert [outcome.index for outcome in found] == [5 + 2 * i for i in range(len(outcomes))]
    assert [outcome.state for outcome in found] == [outcome.state for outcome in outcomes]


def test_attempts_and_codes_stay_within_their_bytes() -> None:
    for code, kept in ((65_534, 65_534), (65_536 + 1005, OTHER_CODE), (-7, OTHER_CODE)):
        written = head(State.FAILED, 999, Origin.API, code, 0, 0) + bytes(7) + NO_UMID
        found = read_record(written, index=0)
        assert found is not None
        assert (found.attempts, found.code) == (255, kept)
        assert code_name(Origin.API, code) == f"api:{kept}"


@pytest.mark.parametrize("blob", [b"", b"a", bytes(RECORD_BYTES), bytes(RECORD_BYTES - 1)])
def test_an_empty_record_is_no_outcome(blob: bytes) -> None:
    assert read_record(blob, 0) is None


@pytest.mark.parametrize(
    "recipient",
    ["GB.1349120865530274", "0447700900001", "1" * 16, "9" * 40, "", "GB:07700 900001"],
)
def test_people_who_are_no_numbers_leave_the_field_empty(recipient: str) -> None:
    assert not is_number(recipient.encode())
    assert number_field(recipient.encode()) == bytes(7)


@pytest.mark.parametrize("recipient", ["447700900001", "1", "9" * 15])
def test_numbers_of_every_length_fit(recipient: str) -> None:
    assert is_number(recipient.encode())
    assert int.from_bytes(number_field(recipient.encode()), "big") == int(recipient)


@pytest.mark.parametrize("umid", [None, "", "abc", "not-a-uuid", "00" * 15, "00" * 17])
def test_an_id_that_is_no_uuid_is_left_out(umid: str | None) -> None:
    assert umid_field(umid) == NO_UMID


def test_a_umid_is_read_however_it_is_written() -> None:
    umid = UUID(int=7)
    assert umid_field(str(umid)) == umid_field(str(umid).upper()) == umid_field(umid.hex)


@given(INDEXES)
def test_runs_cover_every_record_exactly_once(indexes: list[int]) -> None:
    written: dict[int, bytes] = {}
    for run in runs((index, b"%039d" % index) for index in indexes):
        assert 0 <= run.offset <= run.offset + len(run.records) <= OUTCOMES_PER_KEY * RECORD_BYTES
        first = run.bucket * OUTCOMES_PER_KEY + run.offset // RECORD_BYTES
        for i in range(len(run.records) // RECORD_BYTES):
            assert first + i not in written
            written[first + i] = run.records[i * RECORD_BYTES : (i + 1) * RECORD_BYTES]
    assert written == {index: b"%039d" % index for index in indexes}


@given(st.lists(OUTCOMES, max_size=8))
def test_figures_of_records_are_those_of_the_outcomes_in_them(outcomes: list[Outcome]) -> None:
    blobs = [record(one) for one in outcomes]
    assert codes_in(blobs) == Counter(
        f"{one.state}:{one.origin.name.lower()}:{one.code}"
        for one in outcomes
        if one.state in CODED
    )
    assert doubts_in(blobs) == Counter(
        one.state for one in outcomes if one.other_attempt and BY_STATE[one.state].counted
    )
    early = [blob[:1].upper() + blob[1:] for blob in blobs]
    assert (codes_in(early), doubts_in(early)) == (Counter(), Counter())


def test_what_a_person_may_have_got_beyond_what_the_state_says() -> None:
    def doubt(state: State, other: bool) -> Doubt:
        found = read_record(
            head(state, 2, Origin.NONE, 0, 0, 0, other_attempt=other) + bytes(7) + NO_UMID, 0
        )
        assert found is not None
        return found.doubt

    none, one, two = Doubt.NONE, Doubt.MAY_HAVE_ARRIVED, Doubt.MAY_HAVE_TWO
    for state in (State.ACCEPTED, State.DELIVERED, State.UNDELIVERED):
        assert (doubt(state, False), doubt(state, True)) == (none, two)
    for state in (State.REJECTED, State.FAILED, State.SKIPPED, State.CANCELLED, State.TRIED):
        assert (doubt(state, False), doubt(state, True)) == (none, one)
    assert (doubt(State.UNCONFIRMED, False), doubt(State.UNCONFIRMED, True)) == (one, two)


def test_a_pricing_category_that_a_newer_version_wrote_is_another_one() -> None:
    raw = bytearray(head(State.FORWARDED, 1, Origin.NONE, 0, 0, 0, purpose=Purpose.UTILITY))
    raw[13] += 16 * 12
    found = read_record(bytes(raw) + bytes(7) + NO_UMID, 0)
    assert found is not None
    assert (found.purpose, found.pricing) == (Purpose.UTILITY, Pricing.OTHER)


def test_neighbours_are_one_run_and_strings_are_not_crossed() -> None:
    found = runs((index, bytes(RECORD_BYTES)) for index in range(998, 1003))
    assert [(run.bucket, len(run.records) // RECORD_BYTES) for run in found] == [(0, 2), (1, 3)]
    assert [run.offset for run in found] == [998 * RECORD_BYTES, 0]
    assert runs([]) == []
