"""Stops: an operator halts all sending, or marketing, of one sub-account or of all.

They are kept in one hash, which every worker process reads several times a second; a stop of all
sub-accounts covers those that are configured later. `stop_sending` and `go_on` change it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from store.client import Call, command, script_call, text
from store.keys import STOPS
from store.lanes.lane import Lane


class Stopped(StrEnum):
    """Scope of a stop."""

    ALL = "all"
    MARKETING = "marketing"


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop in force."""

    what: Stopped
    sub_account: str  # empty: all of them
    reason: str  # for people
    since: int  # ms since 1970, by Redis' clock


def stop_sending(what: Stopped, sub_account: str, reason: str) -> Call[bool]:
    """Add a stop; False if it exists already, which changes nothing.

    Args:
        sub_account: empty: all of them.
    """
    return script_call("stop_sending", (STOPS,), (_field(what, sub_account), reason), bool)


def go_on(what: Stopped, sub_account: str) -> Call[bool]:
    """Remove exactly this stop; False if there was none."""
    return command("HDEL", STOPS, _field(what, sub_account), parse=bool)


def read_stops() -> Call[Sequence[Stop]]:
    """All stops, those of all sub-accounts first."""
    return command("HGETALL", STOPS, parse=_stops)


def stop_of(stops: Sequence[Stop], lane: Lane) -> Stop | None:
    """The stop that holds up a lane, or None."""
    for stop in stops:
        if stop.sub_account in ("", lane.sub_account) and (
            stop.what is Stopped.ALL or is_marketing(lane)
        ):
            return stop
    return None


def is_marketing(lane: Lane) -> bool:
    """True when a lane sends marketing."""
    return lane.kind == "campaign"


def _field(what: Stopped, sub_account: str) -> str:
    return f"{what}:{sub_account}"


def _stops(reply: Any) -> Sequence[Stop]:
    pairs = (
        reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=True)
    )
    found = {text(field): json.loads(value) for field, value in pairs}
    stops = []
    for field in sorted(found, key=lambda field: (field.partition(":")[2], field)):
        what, _, sub_account = field.partition(":")
        is_ = found[field]
        stops.append(Stop(Stopped(what), sub_account, is_["reason"], int(is_["since"])))
    return stops
