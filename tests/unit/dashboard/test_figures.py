"""Figures of a lane: the funnel, progress, rate and remaining time."""

from dataclasses import replace
from typing import Any

import pytest

from dashboard.explain import (
    ended_share,
    explain_lane,
    funnel,
    lane_figures,
    messages_per_second,
    pace_figures,
    seconds_left,
    share,
)
from store.lanes.lane import LaneStatus
from store.limits.breakers import Breaker
from store.reports.lane_report import LaneReport
from store.reports.waiting import Waiting
from store.states import FUNNEL, OPEN_STATES, RECORD_STATES, State
from tests.unit.worker.given import CAMPAIGN

NOW = 1_750_000_000_000  # ms
SENDING = replace(CAMPAIGN, next_index=1000, started_at=NOW - 600_000)


def report(counts: dict[State, int], lane: Any = SENDING, **window: int) -> LaneReport:
    return LaneReport(lane, counts, {}, {}, {f"pace{name}": n for name, n in window.items()})


def wait(**changes: Any) -> Waiting:
    fields = {"now": NOW, "loops": 1, "blocked_until": None, "next_retry": None}
    return Waiting(**{**fields, "next_decision": None, **changes})


def at_pace(per_second: int) -> dict[str, int]:
    """A lane that goes so fast, by the window before; this one has just begun."""
    return {"": per_second * 1000, "_from": NOW - 200, "_last": NOW - 100, "_n": 0}


class TestFunnel:
    def test_every_state_of_a_message_is_in_a_stage(self) -> None:
        states = {state for stage in FUNNEL.values() for state in stage}
        counted = {row.state for row in RECORD_STATES if row.counted}
        assert states == counted | set(OPEN_STATES)

    def test_stages_come_in_their_order_with_their_share(self) -> None:
        shown = funnel(report({State.READ: 600, State.UNDELIVERED: 100, State.QUEUED: 300}))
        assert list(shown) == [
            "sent", "failed", "unconfirmed", "waiting", "skipped", "cancelled",
        ]  # fmt: skip
        assert shown["sent"] == {"messages": 700, "share": 0.7}
        assert shown["failed"] == {"messages": 100, "share": 0.1}
        assert shown["waiting"] == {"messages": 300, "share": 0.3}
        assert shown["skipped"] == {"messages": 0, "share": 0}

    def test_accepted_is_a_state_and_nothing_else(self) -> None:
        figures = lane_figures(report({State.ACCEPTED: 3, State.DELIVERED: 7}))
        assert figures["counts"] == {"accepted": 3, "delivered": 7}
        assert figures["funnel"]["sent"]["messages"] == 10
        assert "accepted" not in figures

    @pytest.mark.parametrize(
        ("n", "size", "shown"),
        [(0, 0, 0), (0, 5, 0), (5, 5, 1), (1, 1_000_000, 0.001), (999_999, 1_000_000, 0.999)],
    )
    def test_a_share_is_0_only_for_none_and_1_only_for_all(
        self, n: int, size: int, shown: float
    ) -> None:
        assert share(n, size) == shown


class TestInDoubt:
    def test_figures_count_who_may_have_got_more_than_is_told(self) -> None:
        counts = {State.DELIVERED: 10, State.REJECTED: 5, State.UNCONFIRMED: 4}
        stats = {"doubt:delivered": 3, "doubt:rejected": 2, "doubt:unconfirmed": 1}
        found = lane_figures(LaneReport(SENDING, counts, {}, stats))
        assert (found["may_have_two"], found["may_have_arrived"]) == (4, 5)


class TestPace:
    def test_a_pause_does_not_drag_it_down(self) -> None:
        """Ten minutes, nine of them paused: 26 seconds are left, and not 455."""
        now = report({State.ACCEPTED: 740, State.QUEUED: 260}, **at_pace(10))
        assert messages_per_second(now, NOW) == 10
        assert seconds_left(now, wait()) == 26

    def test_the_open_window_counts_when_it_is_a_second_old(self) -> None:
        window = {**at_pace(10), "_from": NOW - 2100, "_n": 40}
        assert messages_per_second(report({State.QUEUED: 1}, **window), NOW) == 20

    @pytest.mark.parametrize("window", [{}, {**at_pace(10), "_last": NOW - 10_001}])
    def test_where_nothing_ends_nobody_knows_how_long_it_takes(
        self, window: dict[str, int]
    ) -> None:
        now = report({State.ACCEPTED: 740, State.QUEUED: 260}, **window)
        assert pace_figures(now, wait()) == {
            "progress": 0.74, "messages_per_second": None, "seconds_left": None,
        }  # fmt: skip

    @pytest.mark.parametrize(
        "status", [LaneStatus.PAUSED, LaneStatus.STOPPED, LaneStatus.HALTED, LaneStatus.CANCELLING]
    )
    def test_what_is_not_being_sent_has_no_pace(self, status: LaneStatus) -> None:
        lane = replace(SENDING, status=status)
        now = report({State.QUEUED: 260}, lane, **at_pace(10))
        assert messages_per_second(now, NOW) is None
        assert seconds_left(now, wait()) is None

    def test_in_the_first_seconds_it_is_the_average(self) -> None:
        lane = replace(SENDING, started_at=NOW - 500)
        assert messages_per_second(report({State.ACCEPTED: 100}, lane), NOW) == 200

    def test_of_what_lasted_less_than_a_second_it_is_what_was_sent_in_one(self) -> None:
        ended = replace(SENDING, status=LaneStatus.FINISHED, started_at=NOW - 36, finished_at=NOW)
        assert messages_per_second(report({State.ACCEPTED: 44}, ended), NOW) == 44

    def test_of_what_has_ended_it_is_the_average(self) -> None:
        lane = replace(SENDING, status=LaneStatus.FINISHED, finished_at=SENDING.started_at + 10_000)
        now = report({State.ACCEPTED: 1000}, lane, **at_pace(9))
        assert pace_figures(now, wait()) == {
            "progress": 1, "messages_per_second": 100, "seconds_left": None,
        }  # fmt: skip

    def test_what_was_cancelled_does_not_count_as_progress(self) -> None:
        lane = replace(SENDING, status=LaneStatus.CANCELLED)
        assert ended_share(report({State.ACCEPTED: 250, State.CANCELLED: 750}, lane)) == 0.25

    def test_a_pause_that_the_provider_asked_for_is_added(self) -> None:
        now = report({State.QUEUED: 100}, **at_pace(10))
        assert seconds_left(now, wait(blocked_until=NOW + 30_000)) == 40

    def test_what_is_in_doubt_or_waits_for_a_retry_takes_as_long_as_that(self) -> None:
        counts = {State.QUEUED: 100, State.IN_DOUBT: 5, State.DELAYED: 5}
        later = wait(next_decision=NOW + 60_000, next_retry=NOW + 15_000)
        assert seconds_left(report(counts, **at_pace(10)), later) == 60
        del counts[State.QUEUED]
        assert seconds_left(report(counts), later) == 60

    def test_what_is_held_up_has_no_end(self) -> None:
        breaker = Breaker("shop", "account", "no key", "worker", NOW, 0, 1)
        now = report({State.QUEUED: 100}, **at_pace(10))
        assert seconds_left(now, wait(breakers=(breaker,))) is None


class TestFinish:
    """A campaign with a time by which it is to be finished says how that stands."""

    @pytest.mark.parametrize(
        ("by", "per_second", "words"),
        [
            (NOW + 60_000, 10, "It goes at the rate at which it is finished by"),
            (NOW + 10_000, 10, "at the present rate it takes until"),
            (NOW - 1, 10, "It was to be finished by"),
        ],
    )
    def test_it_says_whether_it_is_in_time(self, by: int, per_second: int, words: str) -> None:
        lane = replace(SENDING, finish_by=by, finish_zone="Europe/London")
        counts = {State.QUEUED: 400, State.ACCEPTED: 600}
        told = " ".join(explain_lane(report(counts, lane, **at_pace(per_second)), wait()))
        assert words in told
        assert "Europe/London" in told
