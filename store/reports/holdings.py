"""What Redis holds: lanes, messages, and the memory they take. Nothing here changes anything."""

from dataclasses import dataclass
from typing import Any

from store.client import Store, ask_server, command, text
from store.errors import StoreRefused
from store.keys import ACTIVE, ENDED, LANES
from store.lanes.lane import read_counts, still_open


@dataclass(frozen=True, slots=True)
class Holdings:
    """Figures of the whole store."""

    active: int  # lanes
    ended: int  # lanes, to be removed after the retention
    waiting: int  # messages that are not finished
    finished: int  # messages of which there is a record
    used: int  # bytes, by Redis' own account; 0 = it does not say
    limit: int  # bytes; 0 = none

    @property
    def bytes_per_message(self) -> int | None:
        """All memory shared out among all messages; None without messages."""
        messages = self.waiting + self.finished
        return round(self.used / messages) if messages and self.used else None


def holdings(store: Store) -> Holdings:
    """Count what Redis holds; asks once a lane."""
    waiting = messages = 0
    for lane in store.run(command("ZRANGE", LANES, 0, -1, parse=list)):
        counts = store.run(read_counts(text(lane)))
        waiting += still_open(counts)
        messages += sum(counts.values())
    memory = _memory(store)
    return Holdings(
        active=store.run(command("SCARD", ACTIVE, parse=int)),
        ended=store.run(command("ZCARD", ENDED, parse=int)),
        waiting=waiting,
        finished=messages - waiting,
        used=int(memory.get("used_memory", 0)),
        limit=int(memory.get("maxmemory", 0)),
    )


def _memory(store: Store) -> dict[str, Any]:
    """Empty where the server does not let us ask."""
    try:
        return store.run(ask_server("INFO", "memory", parse=dict))
    except StoreRefused:
        return {}
