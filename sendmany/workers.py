"""Is somebody there to send? Asks the workers, and waits for the first answer."""

import time
from collections.abc import Callable

from sendmany.processes import Wait
from store.calls import Store
from store.drains import running_loops
from store.waiting import now_ms

_STEP = 0.02


def wait_for_loops(
    store: Store,
    send_drain: Callable[[], None],
    wanted: int,
    seconds: float,
    on_wait: Wait = lambda: None,
) -> int:
    """Ask for drain loops until `wanted` run or the time is over. Returns how many run.

    A drain loop that has started is a whole proof: the broker took the task, a worker ran it and
    reached Redis.
    """
    running = count_loops(store)
    for _ in range(wanted - running):
        send_drain()
    give_up = time.monotonic() + seconds
    while running < wanted and time.monotonic() < give_up:
        on_wait()
        time.sleep(_STEP)
        running = count_loops(store)
    return running


def count_loops(store: Store) -> int:
    """Drain loops of common workers that run at this moment."""
    return store.run(running_loops(store.run(now_ms()))[0])


def count_dedicated(store: Store) -> int:
    """Drain loops of dedicated workers: they always run."""
    return sum(store.run(loops) for loops in running_loops(store.run(now_ms()))[1:])
