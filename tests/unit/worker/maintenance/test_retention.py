"""When a notification lane is over."""

from datetime import UTC, datetime

import pytest

from worker.maintenance.retention import over_at_ms


@pytest.mark.parametrize(
    ("lane", "over"),
    [
        ("n-a1b2c3-u250615", datetime(2025, 6, 16, 1, tzinfo=UTC)),
        ("n-a1b2c3-n251231", datetime(2026, 1, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_notification_lane_is_over_an_hour_after_midnight(lane: str, over: datetime) -> None:
    assert over_at_ms(lane) == over.timestamp() * 1000
