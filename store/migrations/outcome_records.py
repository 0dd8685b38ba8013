"""Layout 1: outcome records of 39 bytes instead of 36, and codes that agree with the records."""

from collections.abc import Callable

from store.calls import Call, Store, command, script_call, text
from store.keys import ACTIVE, ENDED, LANES, OUTCOMES_PER_KEY, lane_keys

STRINGS_AT_ONCE = 20
"""Strings of a thousand records that one call converts: about 20 ms of server time."""


def widen_records(store: Store, go_on: Callable[[], None]) -> None:
    """Convert the records of every lane."""
    lanes: set[str] = set()
    for words in (("ZRANGE", LANES, 0, -1), ("ZRANGE", ENDED, 0, -1), ("SMEMBERS", ACTIVE)):
        lanes |= store.run(command(*words, parse=lambda reply: {text(lane) for lane in reply}))
    for lane in sorted(lanes):
        size = store.run(command("HGET", lane_keys(lane).meta, "next", parse=_number))
        done = 0
        while done >= 0:
            done = store.run(widen(lane, done, size))
            go_on()


def widen(lane: str, done: int, size: int) -> Call[int]:
    """Convert some strings of a lane; how many are converted then, -1 when all are.

    Args:
        done: that were converted before; another number is answered with the right one.
        size: messages of the lane.
    """
    keys, strings = lane_keys(lane), -(-size // OUTCOMES_PER_KEY)
    next_ = range(done, min(done + STRINGS_AT_ONCE, strings))
    names = [keys.outcome(number * OUTCOMES_PER_KEY) for number in next_]
    is_last = done + STRINGS_AT_ONCE >= strings
    places = (keys.meta, keys.codes, keys.stats, *names)
    return script_call("widen_records", places, (done, int(is_last)), int)


def _number(reply: bytes | str | None) -> int:
    return int(reply or 0)
