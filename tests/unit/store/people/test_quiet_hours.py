"""Hours for marketing: how they are written, whose they are, and when the next ones begin."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from phonenumbers import geocoder

from config.quiet_hours import check_hours, read_week, shipped_hours
from config.sections import QuietHours
from store.people import local_time
from store.people.quiet_hours import HoursInForce, LiveHours, LocalHours, LocalStart

ALL_CLOSED = "always, " + ", ".join(
    f"not {date(2028, 1, 1) + timedelta(days):%m-%d}" for days in range(366)
)
STATES = {
    "AL": "Alabama", "CT": "Connecticut", "FL": "Florida", "KY": "Kentucky", "LA": "Louisiana",
    "MA": "Massachusetts", "MD": "Maryland", "MI": "Michigan", "MN": "Minnesota",
    "MS": "Mississippi", "NJ": "New Jersey", "NM": "New Mexico", "NV": "Nevada", "OK": "Oklahoma",
    "RI": "Rhode Island", "TX": "Texas",
}  # fmt: skip


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def hours(said: dict[str, str]) -> HoursInForce:
    return HoursInForce(QuietHours(enabled=True, hours=said))


def local(
    said: dict[str, str] | None = None, start: LocalStart | None = None, zone_place: int = 0
) -> LocalHours:
    return LocalHours(hours(said or {}), start, zone_place, "UTC")


def test_hours_are_read_by_day() -> None:
    week = read_week("Mon-Fri 08:00-12:00, mon-fri 14:00 - 20:00, Sun 9:30-24:00").days
    assert week[0] == ((480, 720), (840, 1200))
    assert (week[5], week[6]) == ((), ((570, 1440),))
    assert read_week(" Always ").days[6] == ((0, 1440),)


def test_a_day_is_closed_by_its_date_each_year_or_as_a_public_holiday() -> None:
    week = read_week("08:00-20:00, not 2026-12-24, Not 12-26, not 02-29, not holidays", "FR")
    shut = [
        day
        for day in (date(2026, 12, 20) + timedelta(days) for days in range(380))
        if not week.spans(day)
    ]
    holidays = ["2026-12-25", "2027-01-01", "2027-03-29", "2027-05-01", "2027-05-06", "2027-05-08",
                "2027-05-17", "2027-07-14", "2027-08-15", "2027-11-01", "2027-11-11", "2027-12-25",
                "2028-01-01"]  # fmt: skip
    named = ["2026-12-24", "2026-12-26", "2027-12-26"]
    assert list(map(str, shut)) == sorted(holidays + named)
    assert read_week("always, not 01-01").spans(date(2027, 1, 1)) == ()


@pytest.mark.parametrize(
    ("place", "text", "why"),
    [
        ("XX", "always", "no place with hours"),
        ("*", "always, not holidays", "No public holidays are known"),
        ("FR", "always, not 2027-02-29", "does not exist"),
        ("FR", "always, not 13-01", "does not exist"),
        ("FR", "not holidays", "write them as"),
        ("FR", "always, 08:00-10:00", "write them as"),
        ("FR", ALL_CLOSED, "no open day"),
    ],
)
def test_hours_that_a_place_cannot_have_are_refused(place: str, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_hours(place, text)


@pytest.mark.parametrize(
    "text",
    ["", "8-20", "20:00-08:00", "Mon-Fri", "Fri-Mon 08:00-20:00", "Mon 08:00-25:00",
     "Mon 08:61-09:00", "Mo 08:00-09:00", "08:00-10:00, 09:00-11:00"],
)  # fmt: skip
def test_other_hours_are_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"write them as|keep one"):
        read_week(text)


def test_what_is_shipped_has_a_source_and_a_day_and_can_be_read() -> None:
    shipped, _ = shipped_hours()
    assert {"*", "US", "FR", "IN", "US-FL"} <= set(shipped)
    for one in shipped.values():
        check_hours(one.place, one.hours)
        assert one.source
        assert datetime.fromisoformat(one.checked)


def test_the_areas_of_states_are_those_of_the_numbering_plan() -> None:
    wrong = []
    for area, place in shipped_hours()[1].items():
        number = phonenumbers.PhoneNumber(1, int(f"{area[1:]}5550000"))
        told = geocoder.description_for_number(number, "en")
        if told not in ("", "United States", STATES[place[3:]]) and f", {place[3:]}" not in told:
            wrong.append((area, place, told))
    assert not wrong


def test_a_state_has_its_own_hours_and_a_country_that_is_not_named_those_of_all_others() -> None:
    found = hours({"DE": "Mon-Fri 10:00-12:00", "*": "09:00-17:00"})
    assert found.week_of("13055550123") == read_week("08:00-20:00")  # Florida
    assert found.week_of("12125550123") == read_week("08:00-21:00")
    assert found.week_of("4915112345678") == read_week("Mon-Fri 10:00-12:00")
    assert found.week_of("447700900123") == read_week("09:00-17:00")
    assert found.week_of("DE.123") == found.week_of("4915112345678")


def test_an_operators_hours_come_before_those_of_the_settings() -> None:
    settings = QuietHours(enabled=False, hours={"FR": "09:00-17:00"})
    live = LiveHours(True, {"FR": "always", "*": "10:00-11:00"}, 3)
    found = HoursInForce(settings, live)
    assert (found.on, found.revision) == (True, 3)
    assert found.week_of("33612345678") is None
    assert found.week_of("447700900123") == read_week("10:00-11:00")


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-12-04T12:00", ""),  # Friday
        ("2026-12-04T19:00", "2026-12-05T08:00"),  # 20:00 in Paris
        ("2026-12-05T19:30", "2026-12-07T08:00"),  # Saturday night: Sunday is shut
        ("2026-12-07T06:59", "2026-12-07T08:00"),
        ("2026-12-07T07:00", ""),
        ("2026-12-24T19:30", "2026-12-26T08:00"),  # Christmas is shut
    ],
)
def test_a_message_waits_until_the_next_hours_of_its_person(now: str, due: str) -> None:
    found = local().due(b"33612345678\tAda", at(now))
    assert found == (at(due, "Europe/Paris") if due else 0)


CONGO = b"243812345678\tAda"
"""In Lubumbashi (UTC+2), or in Kinshasa an hour earlier."""


def test_with_several_zones_it_goes_only_when_all_are_open() -> None:
    found = local({"CD": "09:00-10:30"})
    assert found.due(CONGO, at("2026-12-04T07:30")) == at("2026-12-04T08:00")
    assert found.due(CONGO, at("2026-12-04T08:10")) == 0
    assert found.due(CONGO, at("2026-12-04T08:30")) == at("2026-12-05T08:00")


def test_without_a_common_moment_the_latest_zone_decides() -> None:
    assert local({"CD": "09:00-10:00"}).due(CONGO, at("2026-12-04T05:00")) == at("2026-12-04T08:00")


@pytest.mark.parametrize("now", ["2026-12-04T05:00", "2026-12-04T07:30", "2026-12-04T08:30"])
def test_another_process_agrees_that_the_moment_of_the_latest_zone_has_come(now: str) -> None:
    said = {"CD": "09:00-10:00"}
    due = local(said).due(CONGO, at(now))
    assert due > at(now) or now.endswith("08:30")
    assert local(said).due(CONGO, max(due, at(now)) + 5) == 0


def test_the_zone_of_the_row_comes_before_that_of_the_number_unless_it_is_empty() -> None:
    found = local({"GB": "09:00-10:00"}, zone_place=2)
    now = at("2026-12-04T14:30")
    assert found.due(b"447700900123\tAda\tAmerica/New_York\tx", now) == 0
    assert found.due(b"447700900123\tAda\t", now) == at("2026-12-05T09:00")
    assert found.due(b"447700900123\tAda\tMars/Base", now) == at("2026-12-05T09:00")


def test_a_local_time_and_the_hours_both_hold() -> None:
    start = LocalStart(datetime(2026, 12, 6, 10), "", at("2026-12-02T12:00"))  # a Sunday
    found = local(start=start)
    assert found.due(b"447700900123\tAda", at("2026-12-02T12:00")) == at("2026-12-06T10:00")
    assert found.due(b"33612345678\tAda", at("2026-12-02T12:00")) == at("2026-12-07T07:00")
    assert LocalStart.load(start.dump()) == start


def test_people_without_a_zone_count_as_in_that_of_the_campaign_or_the_settings() -> None:
    start = LocalStart(datetime(2026, 12, 6, 10), "Asia/Tokyo", at("2026-12-02T12:00"))
    unknown = b"88312345678\tAda"
    assert LocalHours(None, start, 0, "UTC").due(unknown, at("2026-12-02T12:00")) == at(
        "2026-12-06T01:00"
    )
    assert local({"*": "08:00-20:00"}).due(unknown, at("2026-12-04T06:00")) == at(
        "2026-12-04T08:00"
    )


@pytest.mark.parametrize(
    "given",
    [
        {"timezone": "Mars/Base"},
        {"hours": {"GB": "20:00-08:00"}},
        {"hours": {"XX": "always"}},
        {"hours": {"US-CA": "always"}},
    ],
)
def test_settings_that_cannot_be_used_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"no such zone|no hours|no place with hours"):
        QuietHours.model_validate(given)


@pytest.mark.parametrize("zone_place", [0, 2])
def test_people_with_the_same_first_digits_have_the_hours_that_each_has_alone(
    zone_place: int,
) -> None:
    """Answers that are kept by first digits are those that are found without them."""
    zones = ("America/New_York", "America/Los_Angeles", "Asia/Tokyo")
    lines = [
        f"1{area}555{rest:04}\tAda\t{zones[rest % 3]}".encode()
        for area in ("201", "305", "808", "204", "787", "876", "000")
        for rest in range(6)
    ]
    lines += [f"44{area}{rest:06}\tAda\t{zones[rest % 3]}".encode()
              for area in ("7700", "7911", "1481", "1624") for rest in range(6)]  # fmt: skip
    lines += [b"76%08d\tAda\tAsia/Tokyo" % rest for rest in (12345678, 91234567)]
    now = at("2026-12-05T04:30")
    for line in lines:  # the first number that is one determines the country of its first digits
        local(zone_place=zone_place).due(line, now)
    alone = [local(zone_place=zone_place).due(line, now) for line in lines]
    together = local(zone_place=zone_place)
    assert [together.due(line, now) for line in lines] == alone
    assert [together.due(line, now + 86_400) for line in lines] == [
        local(zone_place=zone_place).due(line, now + 86_400) for line in lines
    ]
    assert len(set(alone)) > 2


def test_a_number_that_does_not_determine_its_country_does_not_decide_for_the_next_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local_time, "_known", {})
    found, now = local({"GB": "always", "GG": "10:00-11:00"}), at("2026-12-04T12:00")
    assert found.due(b"441481256\tAda", now) == 0  # too short for a number: of the main country
    assert found.due(b"441481256789\tAda", now) == at("2026-12-05T10:00")
