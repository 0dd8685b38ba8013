"""The limit of requests in flight against a provider whose latency grows with its load; virtual time."""

from random import Random

import pytest

from worker.requests_in_air import (
    ENOUGH,
    FIRST,
    LEAST,
    PERIOD_SECONDS,
    InAir,
    RequestsInAir,
    after_answer,
)

SIZE = 100_000


def course(
    old: InAir, knee: float, answers: int, *, base: float = 0.2, jitter: float = 0.2, now: float = 0
) -> InAir:
    """The limit after answers of a provider that serves `knee` requests at once, and always has as many
    as the limit allows."""
    random = Random(1)
    for _ in range(answers):
        in_air = int(old.limit)
        seconds = base * max(1, in_air / knee) * random.uniform(1 - jitter, 1 + jitter)
        now += seconds / in_air
        old = after_answer(old, now, SIZE, seconds, in_air)
    return old


@pytest.mark.parametrize("knee", [10, 20, 40])
def test_the_limit_settles_near_the_knee(knee: int) -> None:
    settled = course(InAir(), knee, 600)
    assert knee <= settled.limit <= 2.2 * knee
    assert course(settled, knee, 50).limit == pytest.approx(settled.limit, rel=0.3)


def test_a_provider_that_slows_down_gets_less_and_then_more_again() -> None:
    before = course(InAir(), 40, 600)
    slowed = course(before, 10, 100)
    assert slowed.limit < before.limit / 2
    assert course(slowed, 40, 200).limit > 0.8 * before.limit


def test_a_much_slower_provider_still_gets_a_few() -> None:
    assert course(course(InAir(), 40, 600), 0.1, 500).limit >= LEAST


def test_a_limit_that_is_not_reached_does_not_rise() -> None:
    old = InAir()
    for _ in range(100):
        old = after_answer(old, 0, SIZE, 0.2, 3)
    assert old.limit == FIRST


def test_slow_answers_to_large_requests_are_not_compared_with_fast_ones_to_small() -> None:
    old = InAir()
    for _ in range(100):
        old = after_answer(old, 0, 300, 0.01, int(old.limit))
        old = after_answer(old, 0, SIZE, 1, int(old.limit))
    assert old.limit > 2 * FIRST


def test_the_usual_latency_is_measured_anew_after_a_while() -> None:
    old = course(InAir(), 40, 600)
    new = after_answer(old, PERIOD_SECONDS + 1000, SIZE, 2, 40)
    assert new.limit == FIRST
    assert course(new, 40, 600, base=2, now=PERIOD_SECONDS + 1000).limit >= 40


def test_a_limit_stays_below_the_configured_one_and_others_are_not_limited() -> None:
    air = RequestsInAir({"shop": 12})
    assert air.limit("shop", 12) == FIRST
    for _ in range(60):
        for _ in range(12):
            air.began("shop")
        for _ in range(12):
            air.answered("shop", 1.0, SIZE, 0.2)
            air.ended("shop")
    assert air.limit("shop", 12) == 12
    for _ in range(ENOUGH * 4):
        air.began("shop")
        air.answered("shop", 2.0, SIZE, 5.0)
    assert air.limit("shop", 12) < 12
    air.answered("bank", 1.0, SIZE, 60)
    assert air.limit("bank", 32) == 32
