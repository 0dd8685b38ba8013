"""The table of states."""

from store.states import (
    BY_MARK,
    BY_STATE,
    OPEN_MARKS,
    OPEN_STATES,
    PROVIDER_HAS_IT,
    RECORD_STATES,
    State,
    lua_tables,
)


def test_every_state_is_open_or_has_a_record() -> None:
    assert {*OPEN_STATES, *BY_STATE} == set(State)
    assert not {*OPEN_STATES} & {*BY_STATE}


def test_marks_are_single_letters_and_no_two_are_the_same() -> None:
    assert len(BY_MARK) == len(RECORD_STATES)
    assert all(len(mark) == 1 and mark.isascii() and mark.isalpha() for mark in BY_MARK)


def test_only_a_failed_attempt_leaves_the_message_where_its_job_is() -> None:
    assert [row.state for row in RECORD_STATES if not row.counted] == [State.TRIED]
    early = "".join(row.mark.upper() for row in RECORD_STATES)
    assert (BY_STATE[State.TRIED].mark + early).encode() == OPEN_MARKS


def test_proof_of_acceptance_outranks_every_other_end() -> None:
    lowest = min(BY_STATE[state].rank for state in PROVIDER_HAS_IT)
    others = [row.rank for row in RECORD_STATES if row.state not in PROVIDER_HAS_IT]
    assert max(others) < lowest
    assert State.ACCEPTED in PROVIDER_HAS_IT


def test_scripts_get_the_same_table() -> None:
    tables = lua_tables()
    for row in RECORD_STATES:
        assert f"[{ord(row.mark)}]={row.rank}" in tables["RANK"]
        assert f"[{ord(row.mark)}]='{row.state.value}'" in tables["NAME"]
