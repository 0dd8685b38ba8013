"""The learned rate: kept once, applied by acquire_permits; and the signals of receipts."""

from dataclasses import replace

import pytest

from store.client import Store
from store.keys import limiter
from store.limits.learned import (
    Cause,
    Learned,
    forget_rate,
    keep_learned,
    pin_rate,
    read_changes,
    read_learned,
    read_signals,
)
from store.limits.rate_limit import Limits, acquire_permits
from store.limits.signals import flush_signals, read_fields
from store.receipts.status_updates import StatusUpdate, apply_pairs
from store.records.outcome import Origin
from store.states import State
from tests.conformance import given
from tests.conformance.apply_status_updates import UMID, accepted

LEARNS = Limits(1000, 500, 0, 0, first_rate=80)


def keep(store: Store, learned: Learned) -> bool:
    return store.run(keep_learned("shop", store.run(read_learned("shop")), learned))


class TestKeepLearned:
    def test_a_decision_is_kept_and_a_second_one_on_the_same_ground_is_not(
        self, store: Store
    ) -> None:
        before = store.run(read_learned("shop"))
        first = Learned(120.5, Cause.SLOW_START, since=5, bases=((1, 3),))
        assert store.run(keep_learned("shop", before, first))
        assert not store.run(keep_learned("shop", before, replace(first, rate=50)))
        assert store.run(read_learned("shop")).learned == first

    def test_changes_of_the_rate_are_history_and_other_decisions_are_not(
        self, store: Store
    ) -> None:
        for learned in (Learned(80), Learned(80, lag=4), Learned(100, Cause.RECOVERY, since=9)):
            assert keep(store, learned)
        newest, first = store.run(read_changes("shop", 10))
        assert (newest.was, newest.rate, newest.cause) == (80, 100, Cause.RECOVERY)
        assert (first.was, first.rate) == (0, 80)

    def test_old_signals_are_deleted(self, store: Store) -> None:
        store.run(flush_signals("shop", "p", 1, {"p|1": 2, "p|9": 3}))
        store.run(keep_learned("shop", store.run(read_learned("shop")), Learned(80), ["p|1"]))
        assert store.run(read_signals("shop")) == {"p|9": 3}

    def test_a_pin_is_kept_until_it_is_forgotten(self, store: Store) -> None:
        assert store.run(pin_rate("shop", 42, 7))
        known = store.run(read_learned("shop")).learned
        assert known is not None
        assert (known.rate, known.pinned, known.cause) == (42, 42, Cause.PINNED)
        assert store.run(forget_rate("shop"))
        assert store.run(read_learned("shop")).learned is None
        assert not store.run(forget_rate("shop"))


class TestPermits:
    def ask(self, store: Store, n: int, limits: Limits = LEARNS, op: str = "a") -> float:
        store.client.hset(limiter("shop"), mapping={"messages": 0, "requests": 0})
        call = acquire_permits("shop", limits, n, op=op, urgent=False, horizon=0)
        found = store.run(call)
        assert found.granted
        return found.n or n

    @pytest.mark.parametrize("limits", [LEARNS, Limits(0, 500, 0, 0, first_rate=80)])
    def test_before_anything_is_learned_the_first_rate_applies(
        self, store: Store, limits: Limits
    ) -> None:
        assert self.ask(store, 500, limits) == 40

    def test_a_lower_learned_rate_applies_at_once(self, store: Store) -> None:
        keep(store, Learned(20))
        assert self.ask(store, 500) == 10
        call = acquire_permits("shop", LEARNS, 500, op="b", urgent=False, horizon=0)
        found = store.run(call)
        assert (found.granted, found.learned) == (False, 20)
        assert 0.4 < found.wait <= 0.6

    def test_the_configured_rate_is_never_exceeded(self, store: Store) -> None:
        keep(store, Learned(5000))
        assert self.ask(store, 500) == 500

    def test_an_observed_rate_changes_nothing(self, store: Store) -> None:
        keep(store, Learned(20))
        assert self.ask(store, 500, Limits(1000, 500, 0, 0)) == 500


class TestSignalsOfReceipts:
    def tell(self, store: Store, lane: str, *updates: StatusUpdate) -> list[tuple[object, ...]]:
        pairs = [(one.index, one.record()) for one in updates]
        applied = store.run(apply_pairs(lane, pairs, with_signals=True))
        assert applied.sub_account == "shop"
        return sorted(applied.signals)

    def test_first_receipts_and_codes_are_counted_by_the_second_of_posting(
        self, store: Store
    ) -> None:
        lane, at = accepted(store, 4), given.NOW + 9
        sent = [StatusUpdate(i, 1, State.FORWARDED, at, umid=UMID) for i in (0, 1)]
        slow = [
            StatusUpdate(i, 1, State.UNDELIVERED, at, 1009, Origin.RECEIPT, UMID) for i in (1, 2)
        ]
        posted = self.tell(store, lane, *sent)[0][0]
        assert self.tell(store, lane, *sent) == []  # once
        assert self.tell(store, lane, *slow) == [
            (posted, at, 1009, False, 1),
            (posted, at, 1009, True, 1),
        ]
        handset = StatusUpdate(0, 1, State.DELIVERED, at + 5, umid=UMID)
        assert self.tell(store, lane, handset) == []

    def test_nothing_is_counted_unless_it_is_asked_for(self, store: Store) -> None:
        lane = accepted(store, 1)
        update = StatusUpdate(0, 1, State.FORWARDED, given.NOW, umid=UMID)
        assert store.run(apply_pairs(lane, [(0, update.record())])).signals == []

    def test_a_repeated_flush_counts_once(self, store: Store) -> None:
        for _ in range(2):
            store.run(flush_signals("shop", "p", 1, {"p|9": 3, "c|9|1009": 2, "l|0|3": 1}))
        fields = store.run(read_signals("shop"))
        found = read_fields(fields, 10)
        assert (found.posted, found.codes, found.lags) == ({9: 3}, {9: {1009: 2}}, {0: {3: 1}})
