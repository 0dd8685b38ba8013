"""History of a campaign from its records, for charts."""

from collections import Counter

from pydantic import BaseModel

from dashboard.schemas import moment_out
from store.client import Store
from store.lanes.lane import Lane
from store.reports.history import History, read_history
from store.states import State

MOST_STEPS = 60
_WIDTHS = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 43_200, 86_400)


class StepOut(BaseModel):
    """One interval of time."""

    at: str  # its start
    posted: int  # messages with their last POST in it
    reached: dict[State, int]  # messages that reached their present state in it


class HistoryOut(BaseModel):
    """History of a campaign by intervals. Empty intervals are left out."""

    step_seconds: int
    messages_per_second: float  # the sub-account's limit; 0: none
    sampled: float  # share of the records read, 0 to 1; figures are scaled up
    steps: list[StepOut]


def history_out(store: Store, lane: Lane, limit: float) -> HistoryOut:
    """The history of a lane in at most `MOST_STEPS` steps of time."""
    found = read_history(store, lane)
    width = _width(found)
    posted: Counter[int] = Counter()
    reached: dict[int, Counter[State]] = {}
    for at, n in found.posted.items():
        posted[at // width * width] += n
    for (at, state), n in found.reached.items():
        reached.setdefault(at // width * width, Counter())[state] += n
    scale = 1 / found.sampled if found.sampled else 1
    return HistoryOut(
        step_seconds=width,
        messages_per_second=limit,
        sampled=round(found.sampled, 4),
        steps=[
            StepOut(
                at=moment_out(at * 1000) or "",
                posted=round(posted[at] * scale),
                reached={s: round(n * scale) for s, n in reached.get(at, Counter()).items()},
            )
            for at in sorted(posted.keys() | reached.keys())
        ],
    )


def _width(found: History) -> int:
    times = [*found.posted, *(at for at, _ in found.reached)]
    lasted = max(times) - min(times) + 1 if times else 1
    if lasted <= MOST_STEPS:
        return 1
    return next((one for one in _WIDTHS if one * MOST_STEPS >= lasted), _WIDTHS[-1])
