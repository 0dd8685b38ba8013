"""What Redis holds: lanes, messages, and the memory they take. Nothing here changes anything."""

from dataclasses import dataclass
from typing import Any

from store.calls import Store, ask_server, command, text
from store.keys import ACTIVE, ENDED, LANES
from store.lanes import read_counts, still_open


@dataclass(frozen=True, slots=True)
class Holdings:
    """Figures of the whole store."""

    active: int  # lanes
    ended: int  # lanes, to be removed after the retention
    waiting: int  # messages that are not finished
    finished: int  # messages of which there is a record
    used: int  # bytes, by Redis' own account
    limit: int  # bytes; 0 = none

    @property
    def bytes_per_message(self) -> int | None:
        """All memory shared out among all messages; None without messages."""
        messages = self.waiting + self.finished
        return round(self.used / messages) if messages else None


def holdings(store: Store) -> Holdings:
    """Count what Redis holds; asks once a lane."""
    waiting = messages = 0
    for lane in store.run(command("ZRANGE", LANES, 0, -1, parse=list)):
        counts = store.run(read_counts(text(lane)))
        waiting += still_open(counts)
        messages += sum(counts.values())
    memory: dict[str, Any] = store.run(ask_server("INFO", "memory", parse=dict))
    return Holdings(
        active=store.run(command("SCARD", ACTIVE, parse=int)),
        ended=store.run(command("ZCARD", ENDED, parse=int)),
        waiting=waiting,
        finished=messages - waiting,
        used=int(memory["used_memory"]),
        limit=int(memory.get("maxmemory", 0)),
    )
