"""Hours of a week in which marketing may go to people, as they are written: `Mon-Sat 08:00-20:00, not
holidays`; and those that are shipped for countries and states (`quiet_hours.tsv`)."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Final, NamedTuple

Spans = tuple[tuple[int, int], ...]
"""Open spans of a day as minutes after midnight, in order."""


class Week(NamedTuple):
    """Hours of a week, and the days on which there are none."""

    days: tuple[Spans, ...]  # Monday first
    closed: frozenset[str] = frozenset()  # `2026-12-24`, or each year `12-24`
    holidays_of: str = ""  # place whose public holidays are closed; empty: they are as other days

    def spans(self, day: date) -> Spans:
        """The open spans of a day; empty if it is closed."""
        written = day.isoformat()
        if written in self.closed or written[5:] in self.closed:
            return ()
        if self.holidays_of and day in _public_holidays(self.holidays_of, day.year):
            return ()
        return self.days[day.weekday()]


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_MINUTES = 24 * 60
ALWAYS = Week((((0, MOST_MINUTES),),) * len(DAYS))
ANYWHERE: Final = "*"
"""The place of all that have no hours of their own."""
_PART = re.compile(
    r"(?:([a-z]{3})(?:-([a-z]{3}))? +)?(\d\d?):(\d\d) ?- ?(\d\d?):(\d\d)", re.IGNORECASE
)
_CLOSED = re.compile(r"not +(holidays|(?:\d{4}-)?\d\d-\d\d)", re.IGNORECASE | re.ASCII)
_HOLIDAYS = "holidays"
_LEAP_YEAR = "2028-"
_DAYS_AHEAD = 366
"""Days among which an open one must be."""


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


def check_hours(place: str, text: str) -> None:
    """Refuse hours that a place cannot have.

    Raises:
        ValueError: there is no such place, its hours cannot be read, or it has no public holidays or
            no open day within a year; in a sentence.
    """
    from phonenumbers import SUPPORTED_REGIONS  # noqa: PLC0415 — 60 modules, for this alone

    if place not in SUPPORTED_REGIONS and place not in shipped_hours()[0]:
        raise ValueError(
            f'"{place}" is no place with hours: give two letters of a country such as GB, a state of '
            "`sendmany quiet-hours show`, or * for all others"
        )
    week, today = read_week(text, place), date.today()
    if week.holidays_of and not _has_holidays(place):
        raise _no_holidays(place)
    if not any(week.spans(today + timedelta(days)) for days in range(_DAYS_AHEAD)):
        raise ValueError(f'"{text}" leaves no open day within a year: close fewer days')


def read_week(text: str, place: str = ANYWHERE) -> Week:
    """The hours in a text: parts with commas in between, each with days or for all days; `always`; and
    days without hours: `not 2026-12-24`, `not 12-25` (each year), `not holidays`.

    Days that are not named have no hours.

    Args:
        place: the place whose public holidays are meant.

    Raises:
        ValueError: it is written otherwise, or names no hours; in a sentence.
    """
    days: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    closed, holidays_of, always = set[str](), "", False
    for part in map(str.strip, text.split(",")):
        if part.casefold() == "always":
            always = True
        elif shut := _CLOSED.fullmatch(part):
            if shut[1].casefold() == _HOLIDAYS:
                holidays_of = place
            else:
                closed.add(_real_day(shut[1], text))
        else:
            _add_hours(part, days, text)
    if always == any(days):
        raise _unreadable(text)
    for spans in days:
        spans.sort()
        if any(end > start for (_, end), (start, _) in pairwise(spans)):
            raise ValueError(f'"{text}" names hours of a day twice: keep one')
    week = ALWAYS.days if always else tuple(map(tuple, days))
    return Week(week, frozenset(closed), holidays_of)


def _add_hours(part: str, days: list[list[tuple[int, int]]], text: str) -> None:
    written = _PART.fullmatch(part)
    if written is None:
        raise _unreadable(text)
    first, last, *times = written.groups()
    hour, minute, end_hour, end_minute = map(int, times)
    start, end = 60 * hour + minute, 60 * end_hour + end_minute
    if max(minute, end_minute) > 59 or not start < end <= MOST_MINUTES:
        raise _unreadable(text)
    for day in _days(first, last, text):
        days[day].append((start, end))


def _real_day(written: str, text: str) -> str:
    try:
        date.fromisoformat(written if len(written) > 5 else _LEAP_YEAR + written)
    except ValueError as error:
        raise ValueError(f'"{text}" closes a day that does not exist: {written}') from error
    return written


def _has_holidays(place: str) -> bool:
    from holidays import list_supported_countries  # noqa: PLC0415 — 11 MB, for those who close on them

    country, _, state = place.partition("-")
    states = list_supported_countries().get(country)
    return states is not None and (not state or state in states)


@cache
def _public_holidays(place: str, year: int) -> frozenset[date]:
    from holidays import country_holidays  # noqa: PLC0415 — as above

    country, _, state = place.partition("-")
    try:
        return frozenset(country_holidays(country, subdiv=state or None, years=year))
    except NotImplementedError as error:
        raise _no_holidays(place) from error


def _no_holidays(place: str) -> ValueError:
    return ValueError(
        f'No public holidays are known of "{place}": name the days, such as "not 2026-12-24"'
    )


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
        'for all days, or "always"; closed days follow as "not 2026-12-24" or "not holidays"'
    )
