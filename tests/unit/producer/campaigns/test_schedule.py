"""The time at which a campaign starts, as people write it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from config.sections import SubAccount
from producer.campaigns.schedule import (
    StartTime,
    read_finish,
    read_start,
    read_time,
    reschedule,
    see_that_it_may_start,
    why_late,
)
from producer.errors import InputError
from store.client import Store
from store.errors import StoreRefused
from store.lanes.lane import LaneStatus, find_lane
from tests.conformance import given

NOW = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment", "zone", "told"),
    [
        ("2026-12-24 09:00 Europe/London", "2026-12-24T09:00", "Europe/London", ""),
        ("2026-06-24 9:00 europe/london", "2026-06-24T08:00", "Europe/London", ""),
        ("2026-06-24T09:00:30 America/New York", "2026-06-24T13:00:30", "America/New_York", ""),
        ("2026-06-24T09:00:00+05:30", "2026-06-24T03:30", "+05:30", ""),
        ("2026-06-24T09:00Z", "2026-06-24T09:00", "Z", ""),
        ("2026-06-24 09:00 utc", "2026-06-24T09:00", "UTC", ""),
        ("2026-03-29 02:30 Europe/Paris", "2026-03-29T01:00", "Europe/Paris", "it is 03:00."),
        ("2026-04-05 02:10 Australia/Lord_Howe", "2026-04-04T15:40", "Australia/Lord_Howe", ""),
        ("2026-10-04 02:10 Australia/Lord_Howe", "2026-10-03T15:30", "Australia/Lord_Howe", "02:30."),
        ("2026-10-25 02:30 Europe/Paris", "2026-10-25T00:30", "Europe/Paris", "it is the first."),
    ],
)  # fmt: skip
def test_a_time_means_one_moment(text: str, moment: str, zone: str, told: str) -> None:
    found = read_time(text, NOW)
    assert found.ms == datetime.fromisoformat(f"{moment}+00:00").timestamp() * 1000
    assert found.zone == zone
    assert found.sentence.endswith(told)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("tomorrow", '"tomorrow" is no time: write it as "2026-12-24 09:00 Europe/London"'),
        ("2026-02-30 09:00 UTC", "is no time"),
        ("2026-12-24 25:00 UTC", "is no time"),
        ("2026-12-24 09:00", "a time needs its zone"),
        ("2026-12-24 09:00 IST", '"IST" may be several zones: name one by its place'),
        ("2026-12-24 09:00 CET", '"CET" may be several zones'),
        ("2026-12-24 09:00 Mars/Olympus", 'there is no zone "Mars/Olympus"'),
        ("2026-01-24 09:00 UTC", "is past: name a later time"),
        ("2027-12-24 09:00 UTC", "more than 366 days ahead"),
        ("2026-12-24 09:00 ../../etc/passwd", "there is no zone"),
        ("2026-12-24T09:00+99:00", "is no time"),
    ],
)
def test_a_time_that_is_none_is_told_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        read_time(text, NOW)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


class TestFinish:
    def test_a_time_of_day_is_the_next_one_in_its_zone(self) -> None:
        now = datetime.now(ZoneInfo("Asia/Tokyo"))
        for moment in (now - timedelta(hours=2), now + timedelta(hours=2)):
            found = read_finish(f"{moment:%H:%M} Asia/Tokyo")
            assert found is not None
            assert 0 < found.ms / 1000 - now.timestamp() < 86_400 + 60
            at = datetime.fromtimestamp(found.ms / 1000, ZoneInfo("Asia/Tokyo"))
            assert f"{at:%H:%M}" == f"{moment:%H:%M}"

    def test_a_whole_time_is_taken_and_none_is_none(self) -> None:
        year = datetime.now(UTC).year + 1
        at = datetime.now(UTC) + timedelta(days=30)
        found = read_finish(f"{at:%Y-%m-%d} 09:00 Europe/London")
        assert found is not None
        assert found.zone == "Europe/London"
        assert read_finish(None) is None
        with pytest.raises(InputError, match="366 days"):
            read_finish(f"{year + 1}-12-31 09:00 Europe/London")

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("18:00", "needs its zone"),
            ("18:00 CET", "may be several zones"),
            ("25:00 Europe/Paris", "no time"),
            ("soon", "no time"),
            ("2020-01-01 09:00 UTC", "is past"),
        ],
    )
    def test_what_is_none_is_told(self, text: str, sentence: str) -> None:
        with pytest.raises(InputError, match=sentence):
            read_finish(text)

    def test_it_excludes_a_rate_and_comes_after_the_start(self) -> None:
        with pytest.raises(InputError, match="either a rate"):
            read_finish("18:00 UTC", rate=5)
        with pytest.raises(InputError, match="not after the start"):
            read_finish("18:00 UTC", start=StartTime(1 << 50, "UTC"))

    def test_too_many_messages_for_the_limit_are_told_with_the_real_end(self) -> None:
        end = int(datetime.now(UTC).timestamp() * 1000) + 100_000
        account = SubAccount(messages_per_second=10)
        assert why_late(account, 900, end) == ""
        assert "at 10 messages/s" in why_late(account, 1100, end)
        assert why_late(account, 900, end, end - 50_000) != ""
        assert why_late(SubAccount(messages_per_second=0), 10**9, end) == ""


def day(ahead: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=ahead):%Y-%m-%d}"


def test_a_local_time_starts_in_the_first_zone_of_all() -> None:
    start = read_start(None, "10:00 europe/london", day(3))
    assert start is not None
    assert start.local is not None
    assert (start.local.zone, f"{start.local.wall:%H:%M}") == ("Europe/London", "10:00")
    first = datetime.fromtimestamp(start.ms / 1000, ZoneInfo("Pacific/Kiritimati"))
    assert (f"{first:%Y-%m-%d %H:%M}", start.sentence) == (f"{day(3)} 10:00", "")
    assert read_start(None, None, None) is None


def test_where_a_local_time_is_past_already_it_is_said() -> None:
    start = read_start(None, "0:00", day(0))
    assert start is not None
    assert start.sentence.startswith("Where it is later already")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((None, "10:00", None), "is no local time"),
        ((None, None, "2026-12-06"), "is no local time"),
        ((None, "25:00", "2026-12-06"), "is no local time"),
        ((None, "10:00:30", "2026-12-06"), "is no local time"),
        ((None, "10", "2026-12-06"), "is no local time"),
        ((None, "10:00", "2026-02-30"), "is no local time"),
        ((None, "10:00", "20261206"), "is no local time"),
        ((None, "10:00 Mars/Base", "2026-12-06"), "there is no zone"),
        ((None, "10:00", "2099-12-06"), "days ahead"),
        (("2026-12-06 10:00 UTC", "10:00", "2026-12-06"), "Say either --at or --at-local"),
    ],
)
def test_a_local_time_that_is_none_is_told_in_one_sentence(
    words: tuple[str | None, str | None, str | None], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        read_start(*words)


def test_a_local_time_that_is_past_everywhere_is_refused(store: Store) -> None:
    with pytest.raises(InputError, match="is past: name a later time"):
        see_that_it_may_start(store, "Spring", "shop", read_start(None, "10:00", day(-2)))
    now = f"{datetime.now(UTC):%H:%M}"  # past where it is later, to come where it is earlier
    see_that_it_may_start(store, "Spring", "shop", read_start(None, now, day(0)))


def test_a_campaign_by_local_time_cannot_be_given_another_time(store: Store) -> None:
    lane = find_lane(store, given.campaign(store))
    start = read_start(None, "10:00", day(3))
    assert start is not None
    local = replace(lane, local_start=start.local_start)
    with pytest.raises(StoreRefused, match="by the local time of each person"):
        reschedule(store, local, start, lambda: None)
    assert reschedule(store, local, None, lambda: None) is LaneStatus.PAUSED
