"""The check of workers, and waiting for them."""

import time
from collections.abc import Callable, Sequence

from sendmany.console.connection import why_it_refuses
from sendmany.doctor.finding import Check, ok, problem
from store.client import Store
from store.errors import StoreError
from store.lanes.lane import Priority
from store.reports.waiting import now_ms
from store.workers.presence import call_drain, is_called, loops_by_kind, running_loops

Wait = Callable[[], None]
WORKER_SECONDS = 4.0
_STEP_SECONDS = 0.02


def check_workers(store: Store, send_wake_up: Callable[[], None], *, broker_answers: bool) -> Check:
    """Running workers, and whether a task sent now reaches one of them."""
    running = wait_for_loops(store, 1, WORKER_SECONDS)
    dedicated = _dedicated_loops(store)
    extra = "".join(f", {n} serving {served} only" for served, n in dedicated.items())
    served = {one for kind in dedicated for one in kind.split("-")}
    missing = [one for one in Priority if one not in served]
    if not running:
        return (
            _no_common_worker(missing, extra)
            if missing or not dedicated
            else ok("workers", extra.removeprefix(", "))
        )
    words = f"{running} sending or ready to send{extra}"
    try:
        delivered = not broker_answers or _broker_delivers(store, send_wake_up, WORKER_SECONDS)
    except StoreError:
        raise
    except Exception as error:
        return problem(
            "workers",
            f"{words}, but no task can be sent ({why_it_refuses(error)})",
            "check broker_url",
        )
    if delivered:
        return ok("workers", words)
    return problem(
        "workers",
        f"{words}, but none has taken a task from the broker within {WORKER_SECONDS:.0f} seconds",
        "see that their broker_url and broker.queue_type are those of this command; until then messages"
        " that other Celery applications hand in wait",
    )


def _no_common_worker(missing: Sequence[Priority], extra: str) -> Check:
    """The finding without a worker that serves all priorities, or several that do so together."""
    if extra:
        what = " and ".join(missing)
        finding = f"none for {what} has answered within {WORKER_SECONDS:.0f} seconds{extra}"
        return problem("workers", finding, f"start one that serves {what}, too")
    return problem(
        "workers",
        f"none has answered within {WORKER_SECONDS:.0f} seconds",
        "start one: `sendmany worker` or `sendmany up`",
    )


def wait_for_loops(store: Store, wanted: int, seconds: float, on_wait: Wait = lambda: None) -> int:
    """Wait until `wanted` dispatchers of common workers run, or the time is over; returns their
    number."""
    _wait(lambda: _count_loops(store) >= wanted, seconds, on_wait)
    return _count_loops(store)


def _broker_delivers(store: Store, send_wake_up: Callable[[], None], seconds: float) -> bool:
    """True when a task sent now reaches a common worker within so many seconds."""
    store.run(call_drain())
    send_wake_up()
    return _wait(lambda: not store.run(is_called()), seconds)


def _wait(condition: Callable[[], bool], seconds: float, on_wait: Wait = lambda: None) -> bool:
    give_up = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < give_up:
        on_wait()
        time.sleep(_STEP_SECONDS)
    return met


def _count_loops(store: Store) -> int:
    """Number of running dispatchers of common workers."""
    return store.run(running_loops(store.run(now_ms()))[0])


def _dedicated_loops(store: Store) -> dict[str, int]:
    """Running dispatchers of dedicated workers, by their priorities (`urgent`, `normal-bulk`)."""
    kinds = loops_by_kind(store.run(now_ms()))
    found = {served: store.run(loops) for served, loops in kinds.items() if served}
    return {served: n for served, n in found.items() if n}
