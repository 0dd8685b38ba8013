"""Feedback: people who replied to a message of a campaign, or opted out, and the progress of counting.

Each person counts once, by a bit in the record of the message. Replies are read from the bodies that are
kept aside (store/receipts/inbox.py).
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from store.client import Call, best_effort, command, script_call, text
from store.keys import ASIDE, OUTCOMES_PER_KEY, SWEPT, lane_keys
from store.receipts.inbox import Entry
from store.records.outcome import Feedback

_FIELD = "feedback"


class Progress(NamedTuple):
    """How far replies are counted."""

    last: str = "0"  # the last counted entry
    rests_until: int = 0  # ms by Redis' clock


def count_feedback(lane: str, feedback: Iterable[tuple[int, Feedback]]) -> Call[int]:
    """Count what people did about messages of a lane, by index; about a thousand a call. Repeating it
    changes nothing.

    Returns (when run):
        Number of people counted now.
    """
    keys, thousands = lane_keys(lane), dict[int, list[str]]()
    for index, what in feedback:
        thousand, place = divmod(index, OUTCOMES_PER_KEY)
        thousands.setdefault(thousand, []).append(f"{place}:{what:d}")
    touched = (keys.stats, *(f"{keys.outcomes}{thousand}" for thousand in thousands))
    return script_call(
        "count_feedback", touched, [" ".join(one) for one in thousands.values()], int
    )


def read_progress() -> Call[Progress]:
    def parse(reply: Any) -> Progress:
        last, _, until = text(reply or b"").partition(" ")
        return Progress(last, int(until)) if last else Progress()

    return command("HGET", SWEPT, _FIELD, parse=parse)


def keep_progress(progress: Progress) -> Call[None]:
    value = f"{progress.last} {progress.rests_until}"
    return best_effort("HSET", SWEPT, _FIELD, value, parse=lambda _: None)


def read_aside(after: str, until_ms: int, most: int) -> Call[list[Entry]]:
    """The oldest bodies kept aside behind an entry and up to a time by Redis' clock."""

    def parse(reply: Any) -> list[Entry]:
        return [Entry(text(id_), _body(fields)) for id_, fields in reply]

    return command("XRANGE", ASIDE, f"({after}", until_ms, "COUNT", most, parse=parse)


def _body(fields: Any) -> bytes:
    """The only field of an entry."""
    value: bytes = next(iter(fields.values())) if isinstance(fields, Mapping) else fields[1]
    return value
