"""Following a lane until it ends."""

import time
from collections.abc import Callable

from store.client import Store
from store.reports.lane_report import LaneReport, report
from store.reports.waiting import Waiting, waiting

STEP_SECONDS = 0.25


def follow(
    store: Store,
    lane_id: str,
    show: Callable[[LaneReport, Waiting], None],
    *,
    step: float = STEP_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> LaneReport:
    """Show a lane again and again, until it has ended. Returns how it ended.

    Raises:
        UnknownLane: there is no such lane.
    """
    while True:
        now = report(store, lane_id)
        show(now, waiting(store, now.lane))
        if now.lane.status.ended:
            return now
        sleep(step)
