"""Times in every spelling the provider is known to use."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatapps.webhooks.json_fields import read_moment, write_moment

# A busy machine is no fault of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NINE = 1_777_878_000_000  # 2026-05-04T07:00:00Z


@pytest.mark.parametrize(
    ("text", "after_nine"),
    [
        ("2026-05-04T07:00:00Z", 0),
        ("2026-05-04T07:00:01.8Z", 1_800),
        ("2026-05-04T07:00:01.85Z", 1_850),
        ("2026-05-04T07:00:01.017Z", 1_017),
        ("2026-05-04T07:00:01.0179Z", 1_017),
        ("2026-05-04T07:00:01.01799Z", 1_017),
        ("2026-05-04T07:00:01.017999Z", 1_017),
        ("2026-05-04T07:00:01.4297387+00:00", 1_429),
        ("2026-05-04T07:00:01.9999999Z", 1_999),
        ("2026-05-04T09:00:00+02:00", 0),
        ("2026-05-04T01:30:00.5-0530", 500),
        ("2026-05-04 07:00:00Z", 0),
        ("2026-05-04T07:00Z", 0),
        ("2026-05-04T07:00:00", 0),
        (" 2026-05-04t07:00:00.25z ", 250),
    ],
)
def test_every_spelling_of_a_time_is_understood(text: str, after_nine: int) -> None:
    assert read_moment(text) == NINE + after_nine


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-04T07:00:00Z", "1777878000", "07:00Z"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert read_moment(text) is None


@UNHURRIED
@given(st.text())
def test_no_text_at_all_is_a_crash(text: str) -> None:
    assert read_moment(text) is None or isinstance(read_moment(text), int)


@UNHURRIED
@given(
    st.datetimes(min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),
    st.integers(-23 * 60, 23 * 60),
)
def test_an_offset_changes_the_spelling_and_not_the_moment(at: datetime, minutes: int) -> None:
    moment = at.replace(tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(minutes=minutes)))

    assert read_moment(elsewhere.isoformat()) == read_moment(moment.isoformat())


@UNHURRIED
@given(st.integers(0, 4_102_444_800_000))
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    assert read_moment(write_moment(milliseconds)) == milliseconds
