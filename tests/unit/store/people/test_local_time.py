"""A year of local times over all zones: every moment shows the wanted time, or the next that exists."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from phonenumbers.tzdata import TIMEZONE_DATA

from config.quiet_hours import read_week
from store.people import local_time
from store.people.local_time import (
    country_of,
    country_of_number,
    local_moment,
    moment_of,
    zone_named,
    zones_of,
)
from store.people.quiet_hours import open_span

YEAR = 2026
ZONES = sorted(name for name in available_timezones() if "/" in name)
HOURS = read_week("Mon-Fri 08:00-20:00, Sat 09:30-18:00")
_MINUTE, _DAY = 60, 86_400
BEGIN = int(datetime(YEAR, 1, 1, tzinfo=UTC).timestamp())
END = int(datetime(YEAR + 1, 1, 1, tzinfo=UTC).timestamp())


def changes_of(zone: ZoneInfo) -> Iterator[tuple[int, int]]:
    """Moments of the year at which the clocks of a zone change, and by how many seconds."""

    def offset(at: int) -> int:
        return int((datetime.fromtimestamp(at, zone).utcoffset() or timedelta()).total_seconds())

    for day in range(BEGIN, END, _DAY):
        if offset(day) != offset(day + _DAY):
            minutes = range(day, day + _DAY + _MINUTE, _MINUTE)
            before = offset(day)
            first = bisect_left(minutes, True, key=lambda at: offset(at) != before)
            yield minutes[first], offset(minutes[first]) - before


CHANGES = {name: tuple(changes_of(ZoneInfo(name))) for name in ZONES}
ALIKE = {
    (changes, datetime.fromtimestamp(BEGIN, ZoneInfo(name)).utcoffset()): name
    for name, changes in CHANGES.items()
}
"""One zone of those whose clocks show the same all the year."""


def test_the_year_has_gaps_and_folds_of_more_than_one_length() -> None:
    assert len(ALIKE) > 60
    assert {by for changes in CHANGES.values() for _, by in changes} >= {3600, -3600, 1800, -1800}


def test_every_day_of_the_year_has_its_ten_o_clock_in_every_zone() -> None:
    days = [datetime(YEAR, 1, 1, 10) + timedelta(days=n) for n in range(365)]
    for name in ZONES:
        zone, last = ZoneInfo(name), 0.0
        for wall in days:
            moment = moment_of(wall, zone)
            assert moment.astimezone(zone).replace(tzinfo=None) == wall, name
            assert moment.timestamp() - last >= 22 * 3600, name
            last = moment.timestamp()


@pytest.mark.parametrize("name", [name for (changes, _), name in ALIKE.items() if changes])
def test_where_clocks_change_a_time_is_the_first_that_shows_it_or_the_next(name: str) -> None:
    """The rule, looked for minute by minute in what clocks show around the change."""
    zone = ZoneInfo(name)
    for at, by in CHANGES[name]:
        first, after = dict[datetime, int](), dict[datetime, int]()
        for minute in range(at - 8 * 3600, at + 8 * 3600, _MINUTE):
            time = datetime.fromtimestamp(minute, zone).replace(tzinfo=None)
            first.setdefault(time, minute)
            if minute >= at:
                after.setdefault(time, minute)
        edge = datetime.fromtimestamp(at, zone).replace(tzinfo=None)
        for minutes in range(-abs(by) // 60 - 90, abs(by) // 60 + 90, 10):
            wall = edge + timedelta(minutes=minutes)
            expected = first.get(wall) or min(one for time, one in after.items() if time > wall)
            assert moment_of(wall, zone).timestamp() == expected, wall


def test_the_hours_are_kept_on_every_day_of_the_year_in_every_zone() -> None:
    for name in ALIKE.values():
        zone, at = ZoneInfo(name), float(BEGIN)
        while at < END:
            span = open_span(zone, HOURS, at)
            opens, closes = (datetime.fromtimestamp(one, zone) for one in span)
            assert (f"{opens:%H:%M}", f"{closes:%H:%M}") in {("08:00", "20:00"), ("09:30", "18:00")}
            assert opens.date() == closes.date()
            assert opens.weekday() < 6
            assert opens.timestamp() >= at or at == BEGIN
            at = span.closes


@pytest.mark.parametrize("minute", range(0, 180, 10))
def test_hours_at_a_change_of_clocks_open_once_and_close_once(minute: int) -> None:
    """Hours that begin or end within the hour that is skipped, or comes twice."""
    zone = ZoneInfo("Europe/London")
    text = f"{minute // 60}:{minute % 60:02}-{minute // 60 + 1}:{minute % 60:02}"
    for day in (date(YEAR, 3, 29), date(YEAR, 10, 25)):
        at = datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()
        span, found = open_span(zone, read_week(text), at), 0
        while datetime.fromtimestamp(span.opens, zone).date() == day:
            assert span.opens < span.closes <= span.opens + 2 * 3600
            span, found = open_span(zone, read_week(text), span.closes), found + 1
        assert found <= 1


def test_a_time_that_was_past_is_that_of_the_next_day_in_that_zone_only() -> None:
    wall = datetime(2026, 12, 6, 10)
    launched = datetime(2026, 12, 6, 12, tzinfo=UTC).timestamp()
    assert local_moment(("Europe/London",), wall, launched) == launched + 22 * 3600
    assert local_moment(("America/New_York",), wall, launched) == launched + 3 * 3600
    both = ("Europe/London", "America/New_York")
    assert local_moment(both, wall, launched) == launched + 22 * 3600


def test_a_number_tells_its_zone_by_its_first_digits_and_else_those_of_its_country() -> None:
    assert "Europe/London" in zones_of("447911123456")
    assert zones_of("12125550123") == ("America/New_York",)
    assert zones_of("13105550123") == ("America/Los_Angeles",)
    assert set(zones_of("243812345678")) == {"Africa/Kinshasa", "Africa/Lubumbashi"}
    assert zones_of("GB.1349120865530274") == zones_of("44")
    assert zones_of("88312345678") == ()
    assert country_of("GB.1349120865530274") == "GB"


def test_every_zone_of_numbers_is_known_here() -> None:
    assert {zone for zones in TIMEZONE_DATA.values() for zone in zones} <= available_timezones()


def test_zones_are_named_by_their_place_in_any_case() -> None:
    assert zone_named("europe/london") == "Europe/London"
    assert zone_named("America/New York") == "America/New_York"
    assert (zone_named("IST"), zone_named("Mars/Base"), zone_named("UTC")) == (None, None, "UTC")


def test_a_number_of_no_country_does_not_decide_for_those_with_the_same_first_digits() -> None:
    local_time._known.clear()
    assert country_of_number("14160000000") == "US"
    assert country_of_number("14162345678") == "CA"
