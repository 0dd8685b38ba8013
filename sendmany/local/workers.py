"""Asks whether workers run, and whether the broker brings them tasks."""

import time
from collections.abc import Callable

from sendmany.local.processes import Wait
from store.client import Store
from store.reports.waiting import now_ms
from store.workers.presence import call_drain, is_called, loops_by_kind, running_loops

_STEP_SECONDS = 0.02


def wait_for_loops(store: Store, wanted: int, seconds: float, on_wait: Wait = lambda: None) -> int:
    """Wait until `wanted` loops of common workers run, or the time is over; returns how many do."""
    _wait(lambda: count_loops(store) >= wanted, seconds, on_wait)
    return count_loops(store)


def broker_delivers(store: Store, send_wake_up: Callable[[], None], seconds: float) -> bool:
    """Whether a task that is sent now reaches a common worker in so many seconds."""
    store.run(call_drain())
    send_wake_up()
    return _wait(lambda: not store.run(is_called()), seconds)


def _wait(condition: Callable[[], bool], seconds: float, on_wait: Wait = lambda: None) -> bool:
    give_up = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < give_up:
        on_wait()
        time.sleep(_STEP_SECONDS)
    return met


def count_loops(store: Store) -> int:
    """Dispatchers of common workers that run at this moment."""
    return store.run(running_loops(store.run(now_ms()))[0])


def dedicated_loops(store: Store) -> dict[str, int]:
    """Dispatchers of dedicated workers that run, by what they serve (`urgent`, `normal-bulk`)."""
    kinds = loops_by_kind(store.run(now_ms()))
    found = {served: store.run(loops) for served, loops in kinds.items() if served}
    return {served: n for served, n in found.items() if n}
