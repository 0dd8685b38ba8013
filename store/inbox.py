"""The inbox: what the provider posted to our webhook, kept until it has been applied.

The receiver adds a body before it answers 200. A consumer reads a few entries, applies them and
acknowledges them; what it took and never acknowledged, because it died, is reclaimed by another. So an
entry is applied at least once, and applying it twice must do no harm.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from store.calls import Call, command, script_call, text
from store.keys import ASIDE, INBOX

GROUP = "appliers"
"""The consumer group: each entry goes to one of its consumers."""
MOST = 1000
"""Entries of one call at most, so that no script takes long."""
HOUR_MS = 3_600_000
MOST_ASIDE = 100_000
"""Bodies that are kept aside; the oldest go first."""


class Entry(NamedTuple):
    """One POST of the provider, as it came."""

    id: str  # of the stream; begins with the ms since 1970 when it was stored
    body: bytes


def add_to_inbox(body: bytes) -> Call[str]:
    """Keep one body; returns the entry's id. Intake: StoreFull when there is no memory for it."""
    return script_call("add_to_inbox", (INBOX,), (body,), lambda reply: text(reply[0]))


def add_many(bodies: Sequence[bytes]) -> Call[list[str]]:
    """As `add_to_inbox`, for several that came at the same time: all are kept or none."""
    return script_call("add_to_inbox", (INBOX,), bodies, _ids)


def read_inbox(consumer: str, most: int = 100) -> Call[list[Entry]]:
    """Take the oldest entries that nobody has taken yet; does not wait for any."""
    return script_call("read_inbox", (INBOX,), (GROUP, consumer, min(most, MOST)), _entries)


def reclaim(
    consumer: str, idle_ms: int, most: int = 100, *, forget_ms: int = HOUR_MS
) -> Call[list[Entry]]:
    """Take over entries that were taken at least `idle_ms` ago and never acknowledged.

    Also forgets consumers that hold nothing and were not heard of for `forget_ms`.
    """
    args = (GROUP, consumer, idle_ms, min(most, MOST), forget_ms)
    return script_call("reclaim_inbox", (INBOX,), args, _entries)


def acknowledge(ids: Sequence[str]) -> Call[int]:
    """Delete entries that have been applied (at most `MOST` a call); returns how many were there."""
    return script_call("acknowledge_inbox", (INBOX,), (GROUP, *ids), int)


def keep_aside(bodies: Sequence[bytes]) -> Call[int]:
    """Keep what no message of ours is named in: replies, business events, receipts of others."""
    return script_call("keep_aside", (ASIDE,), (MOST_ASIDE, *bodies), int)


def inbox_length() -> Call[int]:
    """Entries that are not acknowledged, taken or not."""
    return command("XLEN", INBOX, parse=int)


def _ids(reply: Any) -> list[str]:
    return [text(id) for id in reply]


def _entries(reply: Any) -> list[Entry]:
    return [Entry(text(id), body) for id, body in zip(reply[::2], reply[1::2], strict=True)]
