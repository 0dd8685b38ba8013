"""Lanes as reports show them."""

from collections.abc import Mapping
from typing import Any

from store.lanes.lane import Lane, LaneStatus, Priority
from store.reports.lane_report import LaneReport
from store.reports.waiting import Waiting
from store.states import State


def lane(**changes: Any) -> Lane:
    """A campaign of ten that is being sent."""
    fields: dict[str, Any] = {
        "id": "spring-1",
        "name": "Spring",
        "kind": "campaign",
        "sub_account": "Shop",
        "priority": Priority.BULK,
        "status": LaneStatus.SENDING,
        "reason": "",
        "content": b"",
        "on_unconfirmed": "hold",
        "on_server_error": "retry",
        "settle_after": 0.0,
        "next_index": 10,
        "loaded": True,
        "offset": 0,
        "line": 0,
        "row": 10,
        "invalid_rows": 0,
        "duplicates": 0,
        "opened_at": 1_000_000,
        "started_at": 1_000_500,
        "finished_at": 0,
    }
    return Lane(**{**fields, **changes})


def report(
    counts: Mapping[State, int],
    codes: Mapping[str, int] | None = None,
    stats: Mapping[str, int] | None = None,
    **changes: Any,
) -> LaneReport:
    """A report on such a lane."""
    return LaneReport(lane(**changes), dict(counts), dict(codes or {}), dict(stats or {}))


def wait(**changes: Any) -> Waiting:
    """Nothing in particular to wait for, and one loop that sends."""
    fields: dict[str, Any] = {
        "now": 0,
        "loops": 1,
        "blocked_until": None,
        "next_retry": None,
        "next_decision": None,
    }
    return Waiting(**{**fields, **changes})
