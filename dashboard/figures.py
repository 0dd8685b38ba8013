"""The figures of a lane under the names that programs see, at the command line and over HTTP."""

from typing import Any

from store.lanes.lane import LaneStatus
from store.purposes import Purpose
from store.reports.lane_report import PACE_GAP_MS, LaneReport
from store.reports.waiting import Waiting
from store.states import Stage, State

SMALLEST_SHARE = 0.001
"""What is not none is not shown as none, and what is not all not as all."""


def lane_figures(report: LaneReport) -> dict[str, Any]:
    """What a lane is and how it stands; but for its times, which are written in two ways."""
    lane = report.lane
    return {
        "id": lane.id,
        "name": lane.name,
        "kind": lane.kind,
        "sub_account": lane.sub_account,
        "priority": str(lane.priority),
        "purpose": purpose_in(report),
        "status": str(lane.status),
        "reason": lane.reason,
        "loaded": lane.loaded,
        "recipients": lane.next_index,
        "duplicates": lane.duplicates,
        "invalid_rows": lane.invalid_rows,
        "funnel": funnel(report),
        "done": report.done,
        "open": report.open,
        "counts": {str(state): n for state, n in report.counts.items()},
        **{str(doubt): n for doubt, n in report.in_doubt.items()},
        "requests": report.requests,
        "mean_batch": round(report.mean_batch, 1),
        "retried": report.stats.get("retried", 0),
        "balanced": report.balanced,
    }


def purpose_in(report: LaneReport) -> str | None:
    """What a campaign is for, as far as its launch knew; None: each message of the lane has its own."""
    lane = report.lane
    return str(lane.purpose or Purpose.MARKETING) if lane.kind == "campaign" else None


def funnel(report: LaneReport) -> dict[str, dict[str, float]]:
    """Messages and share of the recipients, stage by stage, in their order."""
    size = report.lane.next_index
    return {
        str(stage): {"messages": (n := report.stage(stage)), "share": share(n, size)}
        for stage in Stage
    }


def share(n: int, size: int) -> float:
    """A part of all, 0 to 1: 0 only for none, and 1 only for all."""
    if not n or n == size:
        return float(n > 0)
    return min(max(round(n / size, 4), SMALLEST_SHARE), 1 - SMALLEST_SHARE)


def ended_share(report: LaneReport) -> float:
    """How far a lane is: the part that has ended otherwise than by being cancelled, 0 to 1."""
    done = report.done - report.counts.get(State.CANCELLED, 0)
    return share(done, report.lane.next_index)


def pace_figures(report: LaneReport, wait: Waiting) -> dict[str, float | None]:
    """How far a lane is, how fast, and how long it takes."""
    pace = messages_per_second(report, wait.now)
    left = seconds_left(report, wait)
    return {
        "progress": ended_share(report),
        "messages_per_second": None if pace is None else round(pace, 2),
        "seconds_left": None if left is None else round(left, 1),
    }


def messages_per_second(report: LaneReport, now_ms: int) -> float | None:
    """Messages that end a second: of late while it is being sent, on average when it has ended."""
    lane = report.lane
    lasted = (lane.finished_at or now_ms) - lane.started_at
    average = report.done * 1000 / max(1, lasted) if lane.started_at and report.done else None
    if lane.finished_at:
        return average
    if lane.status is not LaneStatus.SENDING:
        return None
    pace = report.pace(now_ms)
    return average if pace is None and lasted < PACE_GAP_MS else pace


def seconds_left(report: LaneReport, wait: Waiting) -> float | None:
    """Seconds until nothing waits any more, at the pace of late; None if it is not being sent, something
    holds it up, or the pace is not known."""
    counts = report.counts
    if report.lane.status is not LaneStatus.SENDING or wait.held_by:
        return None
    moving = counts.get(State.QUEUED, 0) + counts.get(State.IN_FLIGHT, 0)
    pace = messages_per_second(report, wait.now)
    if moving and not pace:
        return None
    times = [moving / pace if moving and pace else 0.0]
    if counts.get(State.IN_DOUBT) and wait.next_decision:
        times.append((wait.next_decision - wait.now) / 1000)
    if counts.get(State.DELAYED) and wait.next_retry:
        times.append((wait.next_retry - wait.now) / 1000)
    blocked = max(0, (wait.blocked_until or 0) - wait.now) / 1000
    return max(0.0, *times) + (blocked if moving else 0)
