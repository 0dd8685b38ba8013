"""Pauses of a sub-account in this process."""

import random
from types import SimpleNamespace
from typing import cast

import pytest
from tenacity import RetryCallState

from tests.unit.worker.given import Time
from worker.pacing.backoff import FIRST_PAUSE, LONGEST_PAUSE, Backoff, full_jitter


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def backoff(time: Time) -> Backoff:
    return Backoff(time, random.Random(1))


def test_a_sub_account_is_free_until_it_is_held_and_after_that(
    backoff: Backoff, time: Time
) -> None:
    assert backoff.is_free("shop", urgent=False)
    backoff.hold("shop", 2, urgent=False)
    assert not backoff.is_free("shop", urgent=False)
    assert backoff.next_end() == 2
    time.now = 2
    assert backoff.is_free("shop", urgent=False)
    assert backoff.next_end() is None


def test_holding_the_bulk_lanes_leaves_the_urgent_ones_and_other_sub_accounts_free(
    backoff: Backoff,
) -> None:
    backoff.hold("shop", 2, urgent=False)
    assert backoff.is_free("shop", urgent=True)
    assert backoff.is_free("bank", urgent=False)


def test_a_shorter_hold_does_not_end_a_longer_one(backoff: Backoff, time: Time) -> None:
    backoff.hold("shop", 5, urgent=True)
    backoff.hold("shop", 1, urgent=True)
    time.now = 2
    assert not backoff.is_free("shop", urgent=True)


def fail_in_a_row(backoff: Backoff, time: Time, times: int) -> list[float]:
    found = []
    for _ in range(times):
        found.append(backoff.not_reached("shop"))
        time.now += LONGEST_PAUSE
    return found


def test_each_failure_to_reach_the_provider_pauses_longer_up_to_a_cap(
    backoff: Backoff, time: Time
) -> None:
    found = fail_in_a_row(backoff, time, 12)
    for place, pause in enumerate(found):
        full = min(LONGEST_PAUSE, FIRST_PAUSE * 2**place)
        assert full / 2 <= pause <= full


def test_an_answer_makes_the_next_pause_short_again(backoff: Backoff, time: Time) -> None:
    fail_in_a_row(backoff, time, 5)
    backoff.reached("shop")
    backoff.reached("never heard of")
    assert backoff.not_reached("shop") <= FIRST_PAUSE


def test_requests_that_fail_together_count_as_one_failure(backoff: Backoff) -> None:
    assert all(backoff.not_reached("shop") <= FIRST_PAUSE for _ in range(32))


def test_who_cannot_be_reached_is_held_for_urgent_and_bulk_lanes_alike(backoff: Backoff) -> None:
    backoff.not_reached("shop")
    assert not backoff.is_free("shop", urgent=True)
    assert not backoff.is_free("shop", urgent=False)


def test_retries_wait_at_random_within_a_span_that_doubles() -> None:
    wait = full_jitter(0.25, 2, random.Random(1))
    for attempt, span in ((1, 0.25), (2, 0.5), (3, 1), (4, 2), (5, 2), (500, 2)):
        state = cast(RetryCallState, SimpleNamespace(attempt_number=attempt))
        assert all(0 <= wait(state) <= span for _ in range(20))


def test_a_lane_whose_probe_failed_gives_way_until_each_has_had_its_turn() -> None:
    backoff = Backoff(lambda: 0.0, random.Random(1))
    assert not backoff.gives_way("shop", "a", ["a", "b"])
    backoff.probe_failed("shop", "a")
    assert backoff.gives_way("shop", "a", ["a", "b"])
    assert not backoff.gives_way("shop", "b", ["a", "b"])
    assert not backoff.gives_way("bank", "a", ["a", "b"])
    backoff.probe_failed("shop", "b")
    assert not backoff.gives_way("shop", "a", ["a", "b"])
    backoff.probe_failed("shop", "a")
    backoff.goes_on("shop")
    assert not backoff.gives_way("shop", "a", ["a", "b"])


def test_a_lane_that_is_alone_gives_way_to_nobody() -> None:
    backoff = Backoff(lambda: 0.0, random.Random(1))
    backoff.probe_failed("shop", "a")
    assert not backoff.gives_way("shop", "a", ["a"])
