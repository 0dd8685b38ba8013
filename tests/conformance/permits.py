"""acquire_permits, return_permits and pause_sub_account: the limits of a sub-account."""

import time

import pytest

from store.client import Store
from store.keys import limiter, permit
from store.limits.rate_limit import (
    Limits,
    Permits,
    acquire_permits,
    pause_sub_account,
    return_permits,
)
from tests.conformance.schedule import Grant, now_us, worst_excess

LIMITER = limiter("shop")
# A message in ten seconds: how long a test takes makes no difference.
SLOW = Limits(messages_per_second=0.1, burst=100, urgent_reserve=0, requests_per_second=0)
RESERVED = Limits(messages_per_second=0.1, burst=100, urgent_reserve=40, requests_per_second=0)
FREE = Limits(messages_per_second=0, burst=1, urgent_reserve=0, requests_per_second=0)
REQUESTS = Limits(messages_per_second=0, burst=1, urgent_reserve=0, requests_per_second=0.1)


class Asker:
    """Asks for permits, each time in an operation of its own unless told otherwise."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self.store, self.limits, self.ops = store, limits, 0

    def ask(
        self, n: int = 1, *, horizon: float = 0, urgent: bool = False, op: str | None = None
    ) -> Permits:
        self.ops += 1
        return self.store.run(
            acquire_permits("shop", self.limits, n, op=op or f"op{self.ops}", urgent=urgent,
                            horizon=horizon)
        )  # fmt: skip

    def give_back(self, n: int, op: str) -> bool:
        return self.store.run(return_permits("shop", self.limits, n, op=op))


def full(store: Store) -> None:
    """The sub-account has been idle for long: all of its burst is there."""
    store.client.hset(LIMITER, mapping={"messages": 0, "requests": 0})


def arrival(store: Store, field: str = "messages") -> int:
    """The theoretical arrival time of a limit, µs."""
    return int(store.client.hget(LIMITER, field) or 0)


class TestAcquirePermits:
    @pytest.mark.parametrize(("n", "wait"), [(1, 10), (50, 500), (100, 1000)])
    def test_a_limiter_starts_empty(self, store: Store, n: int, wait: float) -> None:
        assert Asker(store, SLOW).ask(n, horizon=2000) == Permits(True, wait)

    def test_not_even_the_reserve_is_there_at_the_start(self, store: Store) -> None:
        asker = Asker(store, RESERVED)
        assert asker.ask(horizon=2000) == Permits(True, 410)
        urgent = asker.ask(horizon=2000, urgent=True)
        assert urgent.granted
        assert 10 < urgent.wait <= 20

    def test_what_is_empty_begins_to_fill_when_it_is_asked_for(self, store: Store) -> None:
        quick = Limits(messages_per_second=20, burst=1, urgent_reserve=0, requests_per_second=0)
        asker = Asker(store, quick)
        first = asker.ask()
        assert not first.granted
        assert 0.05 <= first.wait < 0.06
        give_up = time.monotonic() + 5
        while not asker.ask().granted:
            assert time.monotonic() < give_up, "it never fills"

    def test_all_of_the_burst_may_go_at_once_after_a_pause(self, store: Store) -> None:
        full(store)
        asker = Asker(store, SLOW)
        assert asker.ask(60) == asker.ask(40) == Permits(True, 0)
        refused = asker.ask(1)
        assert not refused.granted
        assert not refused.blocked
        assert 0 < refused.wait <= 10.002

    def test_a_reserve_is_kept_for_the_urgent(self, store: Store) -> None:
        full(store)
        asker = Asker(store, RESERVED)
        assert asker.ask(60) == Permits(True, 0)
        assert not asker.ask(1).granted
        assert asker.ask(40, urgent=True) == Permits(True, 0)
        assert not asker.ask(1, urgent=True).granted

    def test_a_turn_within_the_horizon_is_reserved(self, store: Store) -> None:
        full(store)
        asker = Asker(store, SLOW)
        asker.ask(100)
        granted = asker.ask(5, horizon=60)
        assert granted.granted
        assert 40 < granted.wait <= 50
        refused = asker.ask(5, horizon=60)
        assert not refused.granted
        assert 30 < refused.wait <= 40.002

    def test_a_refusal_takes_nothing(self, store: Store) -> None:
        full(store)
        asker = Asker(store, SLOW)
        asker.ask(100)
        before = arrival(store)
        for _ in range(5):
            assert not asker.ask(50).granted
        assert arrival(store) == before

    def test_a_repeat_answers_the_same_and_takes_nothing(self, store: Store) -> None:
        asker = Asker(store, SLOW)
        first = asker.ask(5, horizon=60, op="a")
        before = arrival(store)
        assert asker.ask(5, horizon=60, op="a") == first == Permits(True, 50)
        assert arrival(store) == before

    def test_more_than_the_burst_goes_only_when_nothing_else_does(self, store: Store) -> None:
        full(store)
        asker = Asker(store, Limits(0.1, 5, 0, 0))
        assert asker.ask(10) == Permits(True, 0)
        later = asker.ask(10, horizon=200)
        assert later.granted
        assert 90 < later.wait <= 100

    def test_without_a_limit_nobody_waits(self, store: Store) -> None:
        asker = Asker(store, FREE)
        assert {asker.ask(1000) for _ in range(50)} == {Permits(True, 0)}

    def test_requests_have_a_limit_of_their_own(self, store: Store) -> None:
        asker = Asker(store, REQUESTS)
        assert asker.ask(500, horizon=60) == Permits(True, 10)
        second = asker.ask(1, horizon=60)
        assert 10 < second.wait <= 20

    def test_messages_held_up_by_requests_use_their_limit_when_they_go(self, store: Store) -> None:
        asker = Asker(store, Limits(1000, 1000, 0, 1))
        now = now_us(store)
        store.client.hset(LIMITER, mapping={"messages": 0, "requests": now + 200_000_000})
        granted = asker.ask(1000, horizon=500)
        assert 190 < granted.wait <= 200
        assert arrival(store) == arrival(store, "requests") == now + 201_000_000

    def test_callers_in_turn_never_exceed_the_limit(self, store: Store) -> None:
        full(store)
        asker, grants = Asker(store, Limits(2000, 100, 20, 0)), list[Grant]()
        give_up = time.monotonic() + 0.4
        while time.monotonic() < give_up:
            n, before = 1 + asker.ops * 7 % 40, now_us(store)
            answer = asker.ask(n, horizon=0.05, urgent=asker.ops % 3 == 0)
            if answer.granted:
                grants.append(Grant.of(n, before, now_us(store), answer.wait))
        assert worst_excess(grants, rate=2000) <= 100

    def test_limiters_and_answers_do_not_stay_for_ever(self, store: Store) -> None:
        Asker(store, SLOW).ask(horizon=60, op="a")
        assert 3_500_000 < store.client.pttl(LIMITER) <= 3_600_000
        assert 0 < store.client.pttl(permit("shop", "a")) <= 10_000

    def test_sub_accounts_have_limits_of_their_own(self, store: Store) -> None:
        full(store)
        Asker(store, SLOW).ask(100)
        call = acquire_permits("other", SLOW, 1, op="a", urgent=False, horizon=60)
        assert store.run(call) == Permits(True, 10)


class TestReturnPermits:
    def test_what_is_returned_can_be_used(self, store: Store) -> None:
        full(store)
        asker = Asker(store, SLOW)
        asker.ask(100, op="a")
        assert not asker.ask(1).granted
        assert asker.give_back(30, "a")
        assert asker.ask(30).granted
        assert not asker.ask(1).granted

    def test_permits_are_returned_once(self, store: Store) -> None:
        asker = Asker(store, SLOW)
        asker.ask(50, horizon=600, op="a")
        assert asker.give_back(20, "a")
        before = arrival(store)
        assert not asker.give_back(20, "a")
        assert arrival(store) == before

    def test_permits_that_were_never_taken_are_not_returned(self, store: Store) -> None:
        asker = Asker(store, SLOW)
        asker.ask(50, horizon=600, op="a")
        before = arrival(store)
        assert not asker.give_back(20, "b")
        assert arrival(store) == before

    def test_there_is_nothing_to_return_without_a_limit(self, store: Store) -> None:
        asker = Asker(store, FREE)
        asker.ask(50, op="a")
        assert not asker.give_back(20, "a")

    def test_who_was_given_a_later_turn_is_not_joined_by_somebody_else(self, store: Store) -> None:
        """Else both would go at the same moment, and it would hold more than the burst."""
        full(store)
        asker = Asker(store, SLOW)
        assert asker.ask(100, op="a").wait == 0
        second = asker.ask(100, horizon=2000)
        assert 999 < second.wait <= 1000
        assert asker.give_back(100, "a")
        third = asker.ask(100, horizon=4000)
        assert 1999 < third.wait <= 2000

    def test_what_later_turns_left_unused_comes_back(self, store: Store) -> None:
        full(store)
        asker = Asker(store, SLOW)
        asker.ask(40, op="a")
        asker.ask(20)
        assert asker.give_back(40, "a")
        assert asker.ask(80).granted
        assert not asker.ask(1).granted

    def test_a_limiter_that_is_gone_takes_nothing_back(self, store: Store) -> None:
        asker = Asker(store, SLOW)
        asker.ask(50, horizon=600, op="a")
        store.client.delete(LIMITER)
        assert not asker.give_back(20, "a")
        assert store.client.keys("*") == []


class TestBlockSender:
    def test_a_block_holds_for_everyone(self, store: Store) -> None:
        full(store)
        assert store.run(pause_sub_account("shop", 30)) == 30
        for urgent in (True, False):
            refused = Asker(store, RESERVED).ask(horizon=9999, urgent=urgent)
            assert (refused.granted, refused.blocked) == (False, True)
            assert 29 < refused.wait <= 30

    def test_a_longer_block_wins_and_a_shorter_one_changes_nothing(self, store: Store) -> None:
        store.run(pause_sub_account("shop", 30))
        assert 29 < store.run(pause_sub_account("shop", 5)) <= 30
        assert store.run(pause_sub_account("shop", 60)) == 60

    def test_a_block_passes(self, store: Store) -> None:
        full(store)
        asker = Asker(store, SLOW)
        store.run(pause_sub_account("shop", 0.03))
        give_up = time.monotonic() + 5
        while not asker.ask().granted:
            assert time.monotonic() < give_up, "the block does not pass"

    def test_a_permit_that_was_granted_before_the_block_is_answered_again(
        self, store: Store
    ) -> None:
        asker = Asker(store, SLOW)
        first = asker.ask(horizon=60, op="a")
        store.run(pause_sub_account("shop", 30))
        assert asker.ask(horizon=60, op="a") == first

    def test_a_block_outlives_the_limiter(self, store: Store) -> None:
        store.run(pause_sub_account("shop", 7200))
        assert store.client.pttl(LIMITER) > 7_200_000
