"""Backfills of a sub-account: whose turn it is, and what the last one found."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final

from store.client import Argument, Call, best_effort, command, text
from store.keys import backfill, backfill_lease

LEASE_SECONDS: Final = 120
"""Longest time between two renewals of the lease."""


class LogStatus(StrEnum):
    """A status in the provider's log, by how it compares with ours."""

    LOST = "lost"  # its receipt had been lost
    KNOWN = "known"
    FOREIGN = "foreign"  # it contradicts the message that it names
    OTHER = "other"  # of no message of ours, or without a status


@dataclass(frozen=True, slots=True)
class LastBackfill:
    """The last backfill of a sub-account. Times in epoch seconds, 0 = never."""

    tried: int = 0  # when a worker last looked for messages to ask about
    looked: int = 0  # up to which messages were looked for with success
    at: int = 0  # end of the last backfill, also of a failed one
    since: int = 0  # time of the log that it read; 0 = it asked message by message
    until: int = 0
    lost: int = 0  # statuses by LogStatus
    known: int = 0
    foreign: int = 0
    other: int = 0
    error: str = ""  # empty: it succeeded


def take_backfill(sub_account: str) -> Call[bool]:
    """True when the caller may run a backfill; it must renew its lease. Two at once would be harmless:
    receipts may come twice."""
    key, lease = backfill_lease(sub_account), LEASE_SECONDS * 1000
    return best_effort("SET", key, 1, "NX", "PX", lease, parse=bool)


def renew_backfill(sub_account: str) -> Call[bool]:
    """Extend the lease."""
    return best_effort("PEXPIRE", backfill_lease(sub_account), LEASE_SECONDS * 1000, parse=bool)


def leave_backfill(sub_account: str) -> Call[bool]:
    """End the lease."""
    return best_effort("DEL", backfill_lease(sub_account), parse=bool)


def note_backfill(sub_account: str, facts: Mapping[str, Argument]) -> Call[int]:
    """Write fields of `LastBackfill`; the others stay."""
    words = [word for pair in facts.items() for word in pair]
    return best_effort("HSET", backfill(sub_account), *words, parse=int)


def read_backfill(sub_account: str) -> Call[LastBackfill]:
    """The last backfill."""
    return command("HGETALL", backfill(sub_account), parse=_last)


def _last(reply: Any) -> LastBackfill:
    found = {text(name): text(value) for name, value in reply.items()}
    numbers = {
        one.name: int(found.get(one.name, 0)) for one in fields(LastBackfill) if one.name != "error"
    }
    return LastBackfill(**numbers, error=found.get("error", ""))
