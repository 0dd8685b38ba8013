"""The number of the layout of the data, checked by every process when it starts.

`sm:schema` holds the number of steps in `store.migrations` that were applied to the data; no key is 0. A
process runs the missing steps, one process at a time. It refuses data with more steps than it knows: an
older version would misread them.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from store.client import Call, Store, best_effort, command, script_call
from store.errors import NewerData
from store.keys import LANES, SCHEMA, SCHEMA_LOCK
from store.migrations import STEPS, Step

LOCK_MS = 30_000
"""A process without a sign of life for so long has died in the middle of a step."""
POLL_SECONDS = 0.2


def _tell_none(_: str) -> None:
    return None


def prepare(
    store: Store,
    tell: Callable[[str], None] = _tell_none,
    *,
    steps: Sequence[Step] = STEPS,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Migrate the data to the layout of this version; waits while another process does so.

    Args:
        tell: takes a sentence for each step that this process runs on data; a new server has none.

    Raises:
        NewerData: a newer version has written them.
        StoreError: repeat the call; a started step is repeated.
    """
    while (number := store.run(read_schema(known=len(steps)))) < len(steps):
        if not store.run(command("ZCARD", LANES, parse=int)):
            tell = _tell_none
        if not store.run(_take_lock()):
            sleep(POLL_SECONDS)
            continue
        try:
            _run(store, steps[number], number + 1, tell)
        finally:
            store.run(command("DEL", SCHEMA_LOCK, parse=_nothing))


def _run(store: Store, step: Step, number: int, tell: Callable[[str], None]) -> None:
    tell(f"The data in Redis are brought to layout {number}: {step.name}.")
    step.run(store, lambda: store.run(_renew_lock()))
    store.run(raise_schema(number))


def read_schema(*, known: int = len(STEPS)) -> Call[int]:
    """The number of the layout of the data.

    Args:
        known: the highest number that this version knows.

    Raises (when run):
        NewerData: it is above that.
    """

    def parse(reply: Any) -> int:
        number = int(reply or 0)
        if number > known:
            raise NewerData(
                f"The data in Redis have layout {number}, and this version of sendmany knows none above"
                f" {known}: install the newer version, or use another database or key_prefix."
            )
        return number

    return command("GET", SCHEMA, parse=parse)


def _take_lock() -> Call[bool]:
    return best_effort("SET", SCHEMA_LOCK, 1, "NX", "PX", LOCK_MS, parse=bool)


def _renew_lock() -> Call[None]:
    return best_effort("SET", SCHEMA_LOCK, 1, "PX", LOCK_MS, parse=_nothing)


def raise_schema(number: int) -> Call[None]:
    """Record that the data have this layout."""
    return script_call("raise_schema", (SCHEMA,), (number,), _nothing)


def _nothing(_: Any) -> None:
    return None
