"""Local time of people: country and time zones of a number, and moments of wall clocks there."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    PhoneNumber,
    country_code_for_region,
    region_code_for_number,
)
from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

TELLING_DIGITS: Final = 6
"""First digits that determine a number's country …"""
_TELLING: Final = {1: 4, 7: 3}
"""… and fewer for these calling codes."""
PLACE_DIGITS: Final = max(TELLING_DIGITS, TIMEZONE_LONGEST_PREFIX)
"""First characters of a number that determine country and zones, if any do."""
_known: Final[dict[str, str]] = {}
"""First digits → region, for calling codes of several countries: some 10,000 at most each."""


def country_of_number(digits: str) -> str:
    """The region of an international number, or the main one of its calling code if the number does not
    determine it."""
    return _region_of(digits)[0]


def is_told_by_start(person: str) -> bool:
    """True when all people whose first `PLACE_DIGITS` characters are these have one country and the same
    zones."""
    return not person.isdecimal() or _region_of(person)[1]


def _region_of(digits: str) -> tuple[str, bool]:
    """The region of a number, and whether its first digits determine it."""
    code = next(
        (n for end in (1, 2, 3) if (n := int(digits[:end])) in COUNTRY_CODE_TO_REGION_CODE), 0
    )
    regions = COUNTRY_CODE_TO_REGION_CODE.get(code, ("",))
    if len(regions) == 1:
        return regions[0], True
    start = digits[: _TELLING.get(code, TELLING_DIGITS)]
    if start not in _known:
        number = PhoneNumber(code, int(digits[len(str(code)) :]))
        region = region_code_for_number(number)
        if region is None:  # no number of any: the next one with these digits may be
            return regions[0], False
        _known[start] = region
    return _known[start], True


def country_of(person: str) -> str:
    """The country of a number, or of a user id, which begins with it; empty if unknown."""
    return country_of_number(person) if person.isdecimal() else person.partition(".")[0]


def zones_of(person: str) -> tuple[str, ...]:
    """The zones in which a person may be, by the number or the country; empty if unknown.

    The first digits of a number tell its area, or at least its country.
    """
    if not person.isdecimal():
        person = str(country_code_for_region(person.partition(".")[0]))
    for end in range(min(len(person), TIMEZONE_LONGEST_PREFIX), 0, -1):
        if found := TIMEZONE_DATA.get(person[:end]):
            return found
    return ()


@cache
def _names() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones() if "/" in name or name == "UTC"}


def zone_named(text: str) -> str | None:
    """The zone of the IANA database that is called by its place, in any case; None for none."""
    return _names().get(text.strip().replace(" ", "_").casefold())


def moment_of(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment (UTC) at which clocks in a zone show a time.

    One that clocks skip moves forward to the next one that exists; of one that exists twice it is the
    first.
    """
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first <= second:
        return first
    early, late = int(second.timestamp()), int(first.timestamp())  # clocks go forward in between
    before = datetime.fromtimestamp(early, zone).utcoffset()
    while late - early > 1:
        middle = (early + late) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return datetime.fromtimestamp(late, UTC)


@lru_cache(maxsize=4096)
def local_moment(zones: Sequence[str], wall: datetime, after: float) -> float:
    """When a wall time has come in all of these zones, s since 1970.

    Args:
        after: s since 1970; in a zone where the time was past by then, it is that of the next day.
    """
    return max(_next_moment(ZoneInfo(zone), wall, after) for zone in zones)


def _next_moment(zone: ZoneInfo, wall: datetime, after: float) -> float:
    at = moment_of(wall, zone).timestamp()
    if at < after:
        day = datetime.fromtimestamp(after, zone).date()
        wall = wall.replace(year=day.year, month=day.month, day=day.day)
        at = moment_of(wall, zone).timestamp()
        if at < after:
            at = moment_of(wall + timedelta(days=1), zone).timestamp()
    return at
