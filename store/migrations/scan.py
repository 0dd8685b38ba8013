"""Finds the keys that a step of a migration has to change."""

from collections.abc import Iterator
from typing import Any

from store.client import Store, ask_server, command, text
from store.keys import ACTIVE, ENDED, LANES

NAMES_AT_ONCE = 1000


def every_lane(store: Store) -> list[str]:
    """Ids of all lanes, in order."""
    lanes: set[str] = set()
    for words in (("ZRANGE", LANES, 0, -1), ("ZRANGE", ENDED, 0, -1), ("SMEMBERS", ACTIVE)):
        lanes |= store.run(command(*words, parse=lambda reply: {text(lane) for lane in reply}))
    return sorted(lanes)


def names_like(store: Store, pattern: str) -> Iterator[str]:
    """Names of existing keys of old data, which had no prefix."""
    for server in store.servers():
        cursor = 0
        while True:
            words = ("SCAN", cursor, "MATCH", pattern, "COUNT", NAMES_AT_ONCE)
            cursor, names = server.run(ask_server(*words, parse=page_of_scan))
            yield from map(text, names)
            if not cursor:
                break


def page_of_scan(reply: Any) -> tuple[int, Any]:
    """The next cursor, and what was found."""
    return int(reply[0]), reply[1]
