"""Stops: an operator's decision that nothing goes out, or no marketing, of one sub-account or of all.

They lie in one hash, which every worker process reads several times a second: a sub-account that was
not known when the word was given is stopped, too. `stop_sending` and `go_on` change it.
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
    """What a stop holds back."""

    ALL = "all"
    MARKETING = "marketing"


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop that holds."""

    what: Stopped
    sub_account: str  # empty: of every one
    reason: str  # for people
    since: int  # ms since 1970, by Redis' clock


def stop_sending(what: Stopped, sub_account: str, reason: str) -> Call[bool]:
    """Stop; False if it is stopped already, which changes nothing.

    Args:
        sub_account: empty: every one.
    """
    return script_call("stop_sending", (STOPS,), (_field(what, sub_account), reason), bool)


def go_on(what: Stopped, sub_account: str) -> Call[bool]:
    """End the stop of just that; False if there was none."""
    return command("HDEL", STOPS, _field(what, sub_account), parse=bool)


def read_stops() -> Call[Sequence[Stop]]:
    """All stops that hold, those of every sub-account first."""
    return command("HGETALL", STOPS, parse=_stops)


def stop_of(stops: Sequence[Stop], lane: Lane) -> Stop | None:
    """The stop that holds back a lane, if there is one."""
    for stop in stops:
        if stop.sub_account in ("", lane.sub_account) and (
            stop.what is Stopped.ALL or is_marketing(lane)
        ):
            return stop
    return None


def is_marketing(lane: Lane) -> bool:
    """Whether what a lane sends is marketing."""
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
