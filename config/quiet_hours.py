"""Hours of a week in which marketing may go to people, as they are written: `Mon-Sat 08:00-20:00`; and
those that are shipped for countries and states (`quiet_hours.tsv`)."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final, NamedTuple

Week = tuple[tuple[tuple[int, int], ...], ...]
"""For each day, Monday first: spans as minutes after midnight, in order."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_MINUTES = 24 * 60
ALWAYS: Week = (((0, MOST_MINUTES),),) * len(DAYS)
ANYWHERE: Final = "*"
"""The place of all that have no hours of their own."""
_PART = re.compile(
    r"(?:([a-z]{3})(?:-([a-z]{3}))? +)?(\d\d?):(\d\d) ?- ?(\d\d?):(\d\d)", re.IGNORECASE
)


class ShippedHours(NamedTuple):
    """Hours of a place, and where they are from."""

    place: str  # two letters of a country, with a state `US-FL`, or `*`
    hours: str
    checked: str  # day on which the source was read
    source: str


@cache
def shipped_hours() -> tuple[Mapping[str, ShippedHours], Mapping[str, str]]:
    """The shipped hours by place; and the state of each area of North America, by the first digits of
    its numbers."""
    shipped, areas = dict[str, ShippedHours](), dict[str, str]()
    for line in files(__package__).joinpath("quiet_hours.tsv").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            place, hours, checked, source, codes = line.split("\t")
            shipped[place] = ShippedHours(place, hours, checked, source)
            areas.update((f"1{code}", place) for code in codes.split())
    return shipped, areas


def see_that_place(place: str) -> None:
    """Raise ValueError for a place that cannot have hours of its own; in a sentence."""
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 — 60 modules, for this alone

    if place not in SUPPORTED_REGIONS and place not in shipped_hours()[0]:
        raise ValueError(
            f'"{place}" is no place with hours: give two letters of a country such as GB, a state of '
            "`sendmany quiet-hours show`, or * for all others"
        )


def read_week(text: str) -> Week:
    """The hours in a text: parts with commas in between, each with days or for all days; `always`.

    Days that are not named have no hours.

    Raises:
        ValueError: it is written otherwise, or names no hours; in a sentence.
    """
    if text.strip().casefold() == "always":
        return ALWAYS
    week: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    for part in text.split(","):
        written = _PART.fullmatch(part.strip())
        if written is None:
            raise _unreadable(text)
        first, last, *times = written.groups()
        hour, minute, end_hour, end_minute = map(int, times)
        start, end = 60 * hour + minute, 60 * end_hour + end_minute
        if max(minute, end_minute) > 59 or not start < end <= MOST_MINUTES:
            raise _unreadable(text)
        for day in _days(first, last, text):
            week[day].append((start, end))
    for spans in week:
        spans.sort()
        if any(end > start for (_, end), (start, _) in pairwise(spans)):
            raise ValueError(f'"{text}" names hours of a day twice: keep one')
    return tuple(map(tuple, week))


def _days(first: str | None, last: str | None, text: str) -> range:
    if first is None:
        return range(len(DAYS))
    try:
        start = DAYS.index(first.casefold())
        end = DAYS.index((last or first).casefold())
    except ValueError as error:
        raise _unreadable(text) from error
    if end < start:
        raise _unreadable(text)
    return range(start, end + 1)


def _unreadable(text: str) -> ValueError:
    return ValueError(
        f'"{text}" is no hours: write them as "Mon-Fri 08:00-20:00, Sat 09:00-18:00", "08:00-20:00" '
        'for all days, or "always"'
    )
