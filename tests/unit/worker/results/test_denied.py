"""A 403 on messages that are refused alone."""

import pytest

from store.records.job_section import Job
from store.records.outcome import Origin
from worker.results.classify import Code, Verdicts
from worker.results.refusal_streaks import decide, is_hopeless

CODE: Code = (Origin.HTTP, 403)


def jobs(n: int) -> list[Job]:
    return [Job(i, 0, b"44770090000%d\tA" % i) for i in range(n)]


def verdicts(denied: int, accepted: int = 0) -> Verdicts:
    found = jobs(denied + accepted)
    return Verdicts(
        denied=[(job, CODE) for job in found[:denied]],
        accepted=[(job, None) for job in found[denied:]],
    )


@pytest.mark.parametrize(
    ("denied", "accepted", "since", "theirs"),
    [(1, 1, False, True), (9, 1, False, True), (1, 0, True, True), (2, 0, True, True),
     (3, 0, True, False), (1, 0, False, False)],
)  # fmt: skip
def test_it_is_the_messages_where_others_are_taken(
    denied: int, accepted: int, since: bool, theirs: bool
) -> None:
    found = verdicts(denied, accepted)
    assert decide(found, taken_since=since) is theirs
    assert (len(found.failed), len(found.back)) == ((denied, 0) if theirs else (0, denied))
    assert found.denied == []


def test_where_the_account_is_at_fault_for_others_it_is_for_these() -> None:
    found = verdicts(1, 1)
    found.account.append("the key is wrong")
    assert not decide(found, taken_since=True)
    assert (found.failed, found.back) == ([], jobs(1))


def test_halves_are_given_up_when_one_after_the_other_is_refused() -> None:
    assert [is_hopeless(verdicts(n)) for n in (0, 2, 3)] == [False, False, True]
    assert not is_hopeless(verdicts(3, 1))
