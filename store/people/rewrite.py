"""Makes the server rewrite its files, so that they hold no erased data."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from store.client import Store, ask_server
from store.errors import StoreFault

POLL_SECONDS = 0.2
_BUSY = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")


def rewrite_files(
    store: Store, go_on: Callable[[], None], sleep: Callable[[float], None] = time.sleep
) -> None:
    """Rewrite the append-only file, or the snapshot where there is none, of each master in turn; returns
    when it is done.

    Args:
        go_on: called while waiting.

    Raises:
        StoreFault: a server does not allow it, or it failed.
    """
    for server in store.servers():
        _rewrite(server, go_on, sleep)


def _rewrite(store: Store, go_on: Callable[[], None], sleep: Callable[[float], None]) -> None:
    _wait(store, go_on, sleep)  # one that was started before does not count
    aof = int(_persistence(store).get("aof_enabled", 0)) == 1
    word, status = ("BGREWRITEAOF", "aof_last_bgrewrite_status")
    if not aof:
        word, status = ("BGSAVE", "rdb_last_bgsave_status")
    store.run(ask_server(word, parse=lambda _: None))
    _wait(store, go_on, sleep)
    if str(_persistence(store).get(status, "ok")) != "ok":
        raise StoreFault(f"the server could not do {word}: see its log")


def replicas(store: Store) -> int:
    """Number of replicas that the servers report."""
    infos = [one.run(ask_server("INFO", "replication", parse=dict)) for one in store.servers()]
    return sum(int(info.get("connected_slaves", 0)) for info in infos)


def _wait(store: Store, go_on: Callable[[], None], sleep: Callable[[float], None]) -> None:
    while _is_busy(_persistence(store)):
        go_on()
        sleep(POLL_SECONDS)


def _is_busy(info: Mapping[str, Any]) -> bool:
    return any(int(info.get(name, 0)) for name in _BUSY)


def _persistence(store: Store) -> dict[str, Any]:
    return store.run(ask_server("INFO", "persistence", parse=dict))
