"""The steps that bring the data in Redis from one layout to the next, in their order.

A change of the data in Redis (a key, a record, a packed value) comes with a step of its own: a module
here with a function `(store, go_on) -> None`, added to the end of `STEPS`. Its position is the number of
the layout it leads to; `store.migrations.schema` runs the missing steps when a process starts.

Rules for a step:
- It can be repeated: a process may die anywhere in it, and two may run it at once. Each write is a small
script that detects a repeat; nothing is deleted before its copy is written.
- It calls `go_on()` between slices of at most 50 ms of server time.
- It is cheap without data: an empty database goes through all steps.
- It never changes once it is released; another step corrects its mistakes.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from store.client import Store
from store.migrations.key_names import rename_keys
from store.migrations.outcome_records import widen_records
from store.migrations.people_and_inboxes import spread_people_and_inboxes

GoOn = Callable[[], None]
"""Called between slices: keeps other processes from starting the same step."""


class Step(NamedTuple):
    """One change of the layout."""

    name: str  # for people: `recipients by shard`
    run: Callable[[Store, GoOn], None]


STEPS: Sequence[Step] = (
    Step("outcome records with purpose and doubt", widen_records),
    Step("people by shard, an inbox for each receiver", spread_people_and_inboxes),
    Step("keys named after what they hold", rename_keys),
)
