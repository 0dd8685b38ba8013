"""note_sweep: up to when leases count, and how a gap in sweeping is noticed."""

from store.client import Store, command
from store.keys import SWEPT
from store.workers.presence import note_sweep

LEASE = 60_000
PAUSE = 30_000


def now_ms(store: Store) -> int:
    seconds, micros = store.run(command("TIME", parse=lambda reply: map(int, reply)))
    return int(seconds * 1000 + micros // 1000)


def note(store: Store) -> int:
    return store.run(note_sweep(pause_ms=PAUSE, lease_ms=LEASE))


def pass_by(store: Store, ms: int) -> None:
    """Let time pass: what is noted was so much earlier."""
    for field in ("at", "before", "until"):
        store.client.hincrby(SWEPT, field, -ms)


def is_now(store: Store, told: int) -> bool:
    return 0 <= now_ms(store) - told < 5_000


class TestNoteSweep:
    def test_the_first_sweep_counts_up_to_now(self, store: Store) -> None:
        assert is_now(store, note(store))

    def test_a_sweep_soon_after_another_counts_up_to_now(self, store: Store) -> None:
        note(store)
        pass_by(store, PAUSE - 5_000)
        assert is_now(store, note(store))

    def test_after_a_gap_only_what_was_before_it_counts(self, store: Store) -> None:
        first = note(store)
        pass_by(store, 3_600_000)
        assert first - 3_600_000 <= note(store) < first - 3_600_000 + 5_000
        pass_by(store, PAUSE - 5_000)
        assert note(store) < now_ms(store) - 3_600_000

    def test_one_lease_after_a_gap_everything_counts_again(self, store: Store) -> None:
        note(store)
        pass_by(store, 3_600_000)
        note(store)
        for _ in range(3):
            pass_by(store, LEASE // 3)
            told = note(store)
        assert is_now(store, told)

    def test_a_second_gap_in_the_same_lease_begins_the_wait_anew(self, store: Store) -> None:
        note(store)
        pass_by(store, PAUSE + 1)
        before = note(store)
        pass_by(store, PAUSE + 1)
        again = note(store)
        assert again == before - PAUSE - 1
        pass_by(store, LEASE // 2)
        assert note(store) == again - LEASE // 2

    def test_sweeps_that_are_rare_get_on_all_the_same(self, store: Store) -> None:
        told = [note(store)]
        for _ in range(3):
            pass_by(store, LEASE + 1)
            told = [*(one - LEASE - 1 for one in told), note(store)]
        assert told == sorted(told)
        assert told[-1] > told[0]

    def test_a_clock_that_was_put_back_is_no_gap(self, store: Store) -> None:
        note(store)
        pass_by(store, -3_600_000)
        assert is_now(store, note(store))
