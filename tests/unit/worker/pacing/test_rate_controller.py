"""The learned rate: rules one by one, and whole courses against a modelled number in virtual time."""

from dataclasses import replace

import pytest

from bench.course import Scene, figures
from bench.limits import run
from chatapps.sandbox.phone_number import Capacity, NumberMode, PhoneNumber
from store.limits.learned import Cause, Learned
from store.limits.signals import Signals, Tally, old_fields, read_fields
from worker.pacing.rate_controller import decide

NOW = 1_000_000


def _signals(rate: int, *, throttled: int = 0, lag: int = 3, seconds: int = 60) -> Signals:
    """Equal seconds up to now, each with so many messages and all their receipts."""
    tally = Tally()
    for second in range(NOW - seconds, NOW):
        tally.accepted(second, rate)
        tally.receipts(second, second + lag, 0, rate - throttled, is_first=True)
        if throttled:
            tally.receipts(second, second + lag, 1009, throttled, is_first=True)
    return read_fields(tally, NOW)


def _learned(rate: float, cause: Cause = Cause.RECOVERY, estimate: float = 100.0) -> Learned:
    then = NOW - 120
    return Learned(rate, cause, then, then, cut_before=then, used_at=NOW, estimate=estimate)


@pytest.mark.parametrize("mode", ["reject", "queue"])
def test_from_20_a_capacity_of_80_is_found_in_three_minutes(mode: NumberMode) -> None:
    scene = Scene("slow", Capacity(80, mode), seconds=1200)
    found = figures(scene, run(scene, seed=1))
    assert found.settled_s <= 180
    assert found.throttled_share <= 0.007
    assert found.used_share >= 0.9


@pytest.mark.parametrize("mode", ["reject", "queue"])
def test_receipts_that_are_30_seconds_late_cost_little(mode: NumberMode) -> None:
    scene = Scene("late", Capacity(80, mode, lag=30), seconds=1800)
    assert figures(scene, run(scene, seed=2)).used_share >= 0.9


def test_a_rate_far_above_the_capacity_is_cut_as_soon_as_receipts_tell() -> None:
    scene = Scene("fast", Capacity(80, lag=30), first=1000, seconds=300)
    found = figures(scene, run(scene, seed=3))
    assert found.settled_s <= 40


def test_a_capacity_that_changes_is_followed() -> None:
    changes = ((1200, 40.0), (2400, 80.0))
    scene = Scene("steps", Capacity(80), first=80, seconds=3600, changes=changes)
    assert figures(scene, run(scene, seed=4)).used_share >= 0.85


def test_throttled_messages_cut_the_rate_to_what_went_through() -> None:
    new = decide(_learned(120), _signals(120, throttled=20), 1000)
    assert new.cause is Cause.THROTTLED
    assert new.rate == pytest.approx(95)
    assert new.estimate == pytest.approx(100)


def test_messages_posted_before_a_cut_do_not_count_against_the_new_rate() -> None:
    cut = replace(_learned(95, Cause.THROTTLED), since=NOW, cut_at=NOW, cut_before=NOW)
    assert decide(cut, _signals(120, throttled=20), 1000).rate == 95


def test_messages_posted_while_workers_follow_a_cut_do_not_count_against_it() -> None:
    cut = decide(_learned(120), _signals(120, throttled=20), 1000)
    tally = Tally()
    for second in range(NOW, NOW + 20):
        rate, throttled = (120, 40) if second < NOW + 2 else (95, 0)
        tally.accepted(second, rate)
        tally.receipts(second, second + 3, 0, rate - throttled, is_first=True)
        if throttled:
            tally.receipts(second, second + 3, 1009, throttled, is_first=True)
    assert decide(cut, read_fields(tally, NOW + 20), 1000).cut_at == cut.cut_at


def test_few_throttled_messages_change_nothing() -> None:
    signals = replace(_signals(100), codes={NOW - 9: {1009: 4}})
    assert decide(replace(_learned(100), since=NOW), signals, 1000).rate == 100


def test_other_receipt_codes_change_nothing() -> None:
    signals = replace(_signals(100), codes={NOW - 9: {1018: 90}})
    assert decide(replace(_learned(100), since=NOW), signals, 1000).rate == 100


def test_a_rate_that_is_not_used_is_not_raised() -> None:
    assert decide(_learned(100), _signals(70), 1000).rate == 100
    assert decide(_learned(100), _signals(95), 1000).cause is Cause.RECOVERY


def test_the_ceiling_and_the_floor_hold() -> None:
    assert decide(_learned(100), _signals(100), 101).rate <= 101
    lowered = decide(_learned(500), _signals(500), 80)
    assert (lowered.rate, lowered.cause) == (80, Cause.CEILING)
    assert decide(_learned(100), _signals(100, throttled=100), 1000).rate == 10


def test_a_429_cuts_the_rate_once_in_ten_seconds() -> None:
    signals = replace(_signals(60), refused={NOW - 1: 3})
    cut = decide(_learned(100), signals, 1000)
    assert (cut.cause, cut.rate) == (Cause.REFUSED, 70)
    again = replace(signals, now=NOW + 5, refused={NOW + 2: 1})
    assert decide(cut, again, 1000).rate == 70


def test_a_server_error_stops_the_rise() -> None:
    signals = replace(_signals(100), failed={NOW - 5: 1})
    assert decide(_learned(100), signals, 1000).rate == 100


def test_late_receipts_mean_a_queue_which_is_emptied_and_then_left_empty() -> None:
    usual = replace(_learned(100), bases=((NOW // 1800, 3),))
    queueing = decide(usual, _signals(80, lag=30), 1000)
    assert (queueing.cause, queueing.estimate) == (Cause.QUEUEING, 80)
    assert queueing.rate < 0.6 * 80
    drained = decide(queueing, _signals(40, lag=3), 1000)
    assert drained.cause is Cause.DRAINED
    assert drained.rate == pytest.approx(0.97 * 80)


def test_a_pinned_rate_stays() -> None:
    pinned = replace(_learned(100), pinned=42)
    new = decide(pinned, _signals(100, throttled=50), 1000)
    assert (new.rate, new.cause) == (42, Cause.PINNED)
    assert decide(new, _signals(42), 1000) == new


def test_what_was_learned_is_forgotten_after_a_day_without_messages() -> None:
    old = replace(_learned(30), used_at=NOW - 90_000)
    assert decide(old, Signals(NOW), 1000).rate == 80
    assert decide(replace(old, used_at=NOW - 80_000), Signals(NOW), 1000).rate == 30


def test_signals_are_few_and_old_ones_go() -> None:
    tally = Tally()
    for lag in range(600):
        tally.receipts(NOW, NOW + lag - lag % 10, 0, 1, is_first=True)
    assert len({name for name in tally if name.startswith("l")}) <= 60
    tally.accepted(NOW - 500, 1)
    assert old_fields(tally, NOW) == [f"p|{NOW - 500}"]


def test_a_number_refuses_what_exceeds_its_capacity_or_lets_it_wait() -> None:
    refuses, queues = PhoneNumber(Capacity(10)), PhoneNumber(Capacity(10, "queue"))
    assert [refuses.take(5).code for _ in range(13)][-3:] == [0, 1009, 1009]
    waits = [queues.take(5).sent_after for _ in range(21)]
    assert waits[0] == 0
    assert waits[-1] == pytest.approx(1)
    assert PhoneNumber(Capacity(10), 7).take(0) == PhoneNumber(Capacity(10), 7).take(0)


def test_two_messages_to_a_person_within_six_seconds_are_refused() -> None:
    number = PhoneNumber(Capacity(100, pair_limit=True))
    codes = [number.take(at, "6591234567").code for at in (0, 5, 6.5, 13)]
    assert codes == [0, 1028, 0, 0]
