"""Our ledger against the provider's, message by message."""

import pytest

from sendmany.local.sandbox_check import Audit, compare
from store.records.outcome import Origin, Outcome
from store.states import State


def outcome(index: int, state: State = State.ACCEPTED) -> Outcome:
    return Outcome(index, state, 1, Origin.NONE, 0, 1, 2, "442079460001", None)


@pytest.mark.parametrize(
    ("ours", "theirs", "audit"),
    [
        ([0, 1, 2], [(0, 1), (1, 1), (2, 1)], Audit(0, 0, 0)),
        ([0, 1, 2], [(0, 1), (2, 1)], Audit(lost=1, unrecorded=0, duplicates=0)),
        ([0], [(0, 1), (1, 1)], Audit(lost=0, unrecorded=1, duplicates=0)),
        ([0], [(0, 3)], Audit(lost=0, unrecorded=0, duplicates=2)),
        ([], [(7, 1)], Audit(lost=0, unrecorded=1, duplicates=0)),  # no such message of ours
    ],
)
def test_every_difference_is_counted(
    ours: list[int], theirs: list[tuple[int, int]], audit: Audit
) -> None:
    assert compare(3, map(outcome, ours), theirs) == audit


def test_only_states_that_prove_acceptance_count_as_accepted() -> None:
    records = [outcome(0, State.TRIED), outcome(1, State.REJECTED), outcome(2, State.READ)]
    assert compare(3, records, [(2, 1)]) == Audit(0, 0, 0)
