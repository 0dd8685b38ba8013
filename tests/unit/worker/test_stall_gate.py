"""Tracking of the provider's answers in one process."""

import pytest

from store.limits.rate_limit import PATIENCE
from worker.stall_gate import REMEMBERED, Answers, request_name


def test_two_seconds_are_a_stall_while_answers_are_quick_or_unknown() -> None:
    answers = Answers()
    assert answers.patience("shop") == PATIENCE == 2
    answers.took("shop", 0.1)
    assert answers.patience("shop") == 2


def test_where_answers_take_long_five_times_their_median_is() -> None:
    answers = Answers()
    for seconds in (1.0, 1.0, 30.0):
        answers.took("shop", seconds)
    assert answers.patience("shop") == 5
    assert answers.patience("bank") == 2


def test_only_the_last_answers_count() -> None:
    answers = Answers()
    for seconds in [10.0] * REMEMBERED + [0.1] * (REMEMBERED // 2 + 1):
        answers.took("shop", seconds)
    assert answers.patience("shop") == 2


def test_what_has_ended_is_told_until_the_store_has_it() -> None:
    answers = Answers()
    answers.ended("shop", request_name("a", 10), trusted=True)
    answers.ended("shop", request_name("b", 5), trusted=False)
    told = answers.untold("shop")
    assert told == "+a:10 -b:5"
    answers.ended("shop", request_name("c", 1), trusted=True)
    assert answers.untold("shop") == "+a:10 -b:5 +c:1"
    answers.told("shop", told)
    assert answers.untold("shop") == "+c:1"
    answers.told("shop", told)
    assert answers.untold("shop") == "+c:1"


@pytest.mark.parametrize("sub_account", ["shop", "bank"])
def test_nothing_ended_is_nothing_to_tell(sub_account: str) -> None:
    answers = Answers()
    answers.told(sub_account, "+a:10")
    assert answers.untold(sub_account) == ""
