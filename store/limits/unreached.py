"""Hosts that do not reach the provider, with the reason, for people. No decision depends on it, since
another host may reach it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from store.client import Call, best_effort, command, text
from store.keys import unreached

SECONDS_KEPT = 120
"""Seconds kept after the last try; tries are at most half a minute apart."""


@dataclass(frozen=True, slots=True)
class Unreached:
    """A host whose last request to the provider could not be sent."""

    sub_account: str
    host: str
    reason: str
    at: int  # s since 1970


def note_unreached(sub_account: str, host: str, reason: str, at: int) -> Call[None]:
    """Record a request that could not be sent."""
    value = json.dumps({"reason": reason, "at": at})
    return best_effort("HSET", unreached(sub_account), host, value, parse=lambda _: None)


def forget_unreached(sub_account: str, host: str) -> Call[None]:
    """Record that the provider was reached."""
    return best_effort("HDEL", unreached(sub_account), host, parse=lambda _: None)


def read_unreached(sub_account: str, now: int) -> Call[tuple[Unreached, ...]]:
    """Hosts with recent tries, all failed.

    Args:
        now: s since 1970.
    """

    def parse(reply: Any) -> tuple[Unreached, ...]:
        words = [*sum(reply.items(), ())] if isinstance(reply, Mapping) else list(reply)
        tried = [
            Unreached(sub_account, text(host), **json.loads(value))
            for host, value in zip(words[::2], words[1::2], strict=True)
        ]
        return tuple(one for one in tried if one.at + SECONDS_KEPT > now)

    return command("HGETALL", unreached(sub_account), parse=parse)
