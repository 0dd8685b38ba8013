"""The figures of a lane under the names that programs see, at the command line and over HTTP."""

from typing import Any

from store.reports import LaneReport


def lane_figures(report: LaneReport) -> dict[str, Any]:
    """What a lane is and how it stands; but for its times, which are written in two ways."""
    lane = report.lane
    return {
        "id": lane.id,
        "name": lane.name,
        "kind": lane.kind,
        "sub_account": lane.sub_account,
        "priority": str(lane.priority),
        "status": str(lane.status),
        "reason": lane.reason,
        "loaded": lane.loaded,
        "recipients": lane.next_index,
        "duplicates": lane.duplicates,
        "rejects": lane.rejects,
        "accepted": report.accepted,
        "done": report.done,
        "open": report.open,
        "counts": {str(state): n for state, n in report.counts.items()},
        "requests": report.requests,
        "mean_batch": round(report.mean_batch, 1),
        "retried": report.stats.get("retried", 0),
        "balanced": report.balanced,
    }
