"""reserve_places, change_tier: the tier of a portfolio."""

import time

from store.client import Store, command, text
from store.keys import TIERS, places
from store.limits.tier import (
    KEPT_QUARTERS,
    QUARTER_SECONDS,
    UNLIMITED,
    change_tier,
    read_tiers,
    read_used,
    reserve_places,
)
from tests.conformance.declared_keys import DeclaredKeysStore


def people(n: int, first: int = 0) -> list[bytes]:
    return [b"%d" % (447_700_900_000 + first + i) for i in range(n)]


def used(store: Store) -> int:
    return store.run(read_used("shop", time.time())).people


class TestPlaces:
    def test_people_without_a_place_are_told_when_there_is_one(self, store: Store) -> None:
        assert store.run(reserve_places("shop", 250, people(100), 0.97)).positions == []
        over = store.run(reserve_places("shop", 250, people(250), 0.97))
        assert over.positions == [*range(242, 250)]
        day = KEPT_QUARTERS * QUARTER_SECONDS
        assert day - QUARTER_SECONDS <= over.until - time.time() <= day
        assert used(store) == 242

    def test_who_has_a_place_keeps_it_though_none_is_free(self, store: Store) -> None:
        store.run(reserve_places("shop", 250, people(250)))
        assert store.run(reserve_places("shop", 250, people(251), 0.5)).positions == [250]
        assert used(store) == 250

    def test_urgent_messages_are_counted_and_never_wait(self, store: Store) -> None:
        store.run(reserve_places("shop", 250, people(250)))
        assert store.run(reserve_places("shop", 250, people(10, 1000), None)).positions == []
        assert used(store) == 260

    def test_another_portfolio_has_its_own_places(self, store: Store) -> None:
        store.run(reserve_places("shop", 250, people(250)))
        assert store.run(reserve_places("bank", 250, people(250))).positions == []

    def test_a_tier_that_is_raised_keeps_count(self, store: Store) -> None:
        store.run(reserve_places("shop", 10_000, people(1000)))
        store.run(reserve_places("shop", 100_000, people(1000, 1000)))
        assert used(store) == 2000

    def test_a_full_tier_of_a_hundred_thousand_takes_less_than_400_kb(self, store: Store) -> None:
        for first in range(0, 100_000, 1000):
            store.run(reserve_places("shop", 100_000, people(1000, first)))
        assert 99_700 < used(store) <= 100_000
        if isinstance(store, DeclaredKeysStore):  # a server: fakeredis does not measure
            key = places("shop")
            size = store.client.memory_usage(key, samples=0)
            assert size is not None
            assert size < 400_000
            assert 0 < store.run(command("PTTL", key, parse=int)) <= 90_000_000

    def test_a_clock_that_was_ahead_lets_no_one_wait_longer_than_a_day(self, store: Store) -> None:
        store.run(reserve_places("shop", 250, people(250)))
        used = store.run(command("HGET", places("shop"), "people", parse=text))
        quarter, n = used.split(":")
        store.client.hset(places("shop"), "people", f"{int(quarter) + 5000}:{n}")
        over = store.run(reserve_places("shop", 250, people(1, 1000)))
        assert over.positions == [0]
        assert over.until - time.time() <= KEPT_QUARTERS * QUARTER_SECONDS


class TestChange:
    def test_an_event_that_is_told_again_does_not_undo_other_settings(self, store: Store) -> None:
        store.run(change_tier("shop", 250, 2000, 5000))
        assert store.run(read_tiers()).of("shop", 10_000) == 10_000
        assert not store.run(change_tier("shop", 250, 10_000, 5000))
        assert store.run(read_tiers()).of("shop", 10_000) == 10_000

    def test_an_event_holds_until_a_later_one(self, store: Store) -> None:
        assert store.run(change_tier("shop", 10_000, 2000, 5000))
        assert not store.run(change_tier("shop", 250, 2000, 4000))
        tiers = store.run(read_tiers())
        assert (tiers.of("shop", 2000), tiers.revision) == (10_000, 1)
        assert store.run(change_tier("shop", UNLIMITED, 2000, 6000))
        tiers = store.run(read_tiers())
        assert (tiers.of("shop", 2000), tiers.revision) == (UNLIMITED, 2)
        assert store.client.type(TIERS) == b"hash"
