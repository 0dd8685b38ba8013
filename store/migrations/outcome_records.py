"""Layout 1: outcome records of 39 bytes instead of 36, and codes that agree with the records."""

from collections.abc import Callable

from store.client import Call, Store, command, first, script_call
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.migrations.scan import every_lane

STRINGS_AT_ONCE = 20
"""Strings of a thousand records per call: about 20 ms of server time."""


def widen_records(store: Store, go_on: Callable[[], None]) -> None:
    for lane in every_lane(store):
        while store.run(_widen(lane)):
            go_on()
        go_on()


def _widen(lane: str) -> Call[int]:
    """Convert some strings of a lane; returns the number left."""
    keys = lane_keys(lane)

    def widen(at: int) -> Call[int]:
        some = range(at, at + STRINGS_AT_ONCE)
        touched = (keys.meta, keys.codes, keys.stats, *(f"{keys.outcomes}{one}" for one in some))
        return script_call("widen_records", touched, (OUTCOMES_PER_KEY, at), int)

    read = command("HGET", keys.meta, "widened", parse=lambda reply: int(reply or 0))
    return first(read, widen)
