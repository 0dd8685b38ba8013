"""How long the oldest job of a lane has been waiting, at least: told from figures that are there anyway.

A job carries no time, and a queue is emptied from the front. So each look marks how many jobs the lane
had taken so far; as long as fewer have left its queue, one of those that were there then still
waits. What is told is a lower bound that lags by the time between two looks, and starts at
nothing with the process.
"""

from collections import deque
from collections.abc import Iterable

from store.reports.gauges import LaneNow
from store.states import State

MOST_MARKS = 240
"""Marks kept of a lane; where there are more, every second one goes."""


class Ages:
    """The marks of all lanes."""

    def __init__(self) -> None:
        self._marks: dict[str, deque[tuple[int, int]]] = {}  # lane → jobs taken by then, ms

    def look(self, lanes: Iterable[LaneNow], now_ms: int) -> dict[str, float]:
        """Age of the oldest waiting job by lane, in seconds; 0 where nothing waits."""
        lanes = list(lanes)
        marks = self._marks
        self._marks = {lane.id: marks.get(lane.id, deque()) for lane in lanes}
        return {lane.id: _age(self._marks[lane.id], lane, now_ms) for lane in lanes}


def _age(marks: deque[tuple[int, int]], lane: LaneNow, now_ms: int) -> float:
    while marks and marks[0][0] <= lane.gone:
        marks.popleft()
    if not lane.open[State.QUEUED]:
        return 0.0
    if not marks or marks[-1][0] < lane.accepted:
        if len(marks) >= MOST_MARKS:
            kept = list(marks)[::2]
            marks.clear()
            marks.extend(kept)
        marks.append((lane.accepted, now_ms))
    return max(0, now_ms - marks[0][1]) / 1000
