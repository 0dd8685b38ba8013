"""Campaigns that send again are scheduled days after the end, later each time; by default none is."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from config.settings import Settings
from producer.campaigns.launch import Launch, check, run
from producer.campaigns.retry import look_at_retry, run_retry, selection
from producer.campaigns.retry_later import retry_later
from store.access.audit import read_audit
from store.client import Store
from store.keys import ENDED, lane_keys
from store.lanes.lane import Lane, LaneStatus, find_lane, move_lane
from store.lanes.retention import expire_values
from store.records.outcome import Origin
from store.reports.lane_report import waiting_jobs
from store.reports.waiting import now_ms
from store.states import State
from tests.unit.producer.campaigns.test_retry import launch, sent, wake

__all__ = ["launch"]
HOUR = 3_600_000
WITHHELD: dict[int, Any] = {
    0: (State.UNDELIVERED, (Origin.RECEIPT, 1024)),
    1: (State.UNDELIVERED, (Origin.RECEIPT, 1018)),
    2: (State.DELIVERED, (Origin.NONE, 0)),
}


def on(**more: Any) -> Settings:
    return Settings(reactions=[{"code": 1024, "action": "retry_campaign", **more}])


def ended(store: Store, lane: Lane, hours: float, ends: dict[int, Any] = WITHHELD) -> Lane:
    """The campaign went out, and ended so long ago."""
    store.client.hset(lane_keys(lane.id).meta, mapping={"send_at": "", "status": "sending"})
    done = sent(store, lane.id, ends)
    assert done.status is LaneStatus.FINISHED
    at = store.run(now_ms()) - int(hours * HOUR)
    store.client.hset(lane_keys(lane.id).meta, "finished_at", at)
    store.client.zadd(ENDED, {lane.id: at})
    return find_lane(store, lane.id)


def later(store: Store, settings: Settings, given_up: set[str] | None = None) -> list[Lane]:
    return retry_later(store, settings, wake, set() if given_up is None else given_up)


@pytest.fixture
def parent(store: Store, launch: Launch) -> Lane:
    return ended(store, run(store, check(launch), wake).lane, 2)


def test_it_is_off_by_default(store: Store, parent: Lane) -> None:
    assert later(store, Settings()) == []


def test_those_whom_it_was_withheld_from_get_it_a_day_later(store: Store, parent: Lane) -> None:
    (child,) = later(store, on())
    assert (child.parent, child.name) == (parent.id, "Spring (retry 1)")
    assert (child.status, child.send_at) == (LaneStatus.SCHEDULED, parent.finished_at + 24 * HOUR)
    assert {job.index for _, job in waiting_jobs(store, child.id)} == set(range(834))
    assert next(read_audit(store)).act == "campaign.retry"
    assert later(store, on()) == []  # once


def test_each_time_waits_longer_and_the_last_begins_in_time(store: Store, parent: Lane) -> None:
    waits, lane = [], parent
    while made := later(store, on()):
        waits.append((made[0].send_at - lane.finished_at) // HOUR)
        lane = ended(store, made[0], 1.5, {0: WITHHELD[0], 1: WITHHELD[0], 2: WITHHELD[0]})
    assert waits == [24, 48, 96]


def test_each_code_has_a_campaign_of_its_own_and_they_end_together(
    store: Store, parent: Lane
) -> None:
    both = Settings(
        reactions=[
            {"code": 1024, "action": "retry_campaign"},
            {"code": 1018, "action": "retry_campaign", "seconds": 48 * 3600},
        ]
    )
    made = {one.source.split(":")[-1].split()[0]: one for one in later(store, both)}
    assert {code: (one.send_at - parent.finished_at) // HOUR for code, one in made.items()} == {
        "1018": 48,
        "1024": 24,
    }
    assert later(store, both) == []
    waits, lane, code = [], made["1024"], 1018  # what comes now is the other code, each time
    while True:
        lane = ended(
            store, lane, 1.5, dict.fromkeys(range(3), (State.UNDELIVERED, (Origin.RECEIPT, code)))
        )
        if not (again := later(store, both)):
            break
        waits.append((again[0].send_at - lane.finished_at) // HOUR)
        lane, code = again[0], 1024 if code == 1018 else 1018
    assert waits == [96, 96]


def test_it_ends_earlier_where_the_settings_say_so(store: Store, parent: Lane) -> None:
    (child,) = later(store, on(seconds=3 * 3600, within=6 * 3600))
    assert child.send_at == parent.finished_at + 3 * HOUR
    ended(store, child, 1.5)
    assert (
        later(store, on(seconds=3 * 3600, within=6 * 3600)) == []
    )  # 6 hours later would be too late


def test_a_start_that_is_past_is_now(store: Store, parent: Lane) -> None:
    before = store.run(now_ms())
    (child,) = later(store, on(seconds=3600))
    assert child.send_at >= before


def test_receipts_may_still_come(store: Store, parent: Lane) -> None:
    ended_at = store.run(now_ms()) - HOUR // 2
    store.client.zadd(ENDED, {parent.id: ended_at})
    assert later(store, on()) == []


@pytest.mark.parametrize(("threshold", "times"), [(834, 1), (835, 0)])
def test_the_threshold_counts(store: Store, parent: Lane, threshold: int, times: int) -> None:
    assert len(later(store, on(threshold=threshold))) == times


def test_what_was_cancelled_or_done_by_hand_is_left_alone(store: Store, parent: Lane) -> None:
    by_hand = run_retry(
        store, look_at_retry(store, parent, selection(codes=["receipt.1018"])), wake
    )
    assert later(store, on()) == []
    store.run(move_lane(by_hand.id, "cancel"))
    assert later(store, on()) == []


def test_an_interrupted_one_is_continued(
    store: Store, parent: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("producer.campaigns.retry.end_of_file", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            later(store, on())
    (child,) = later(store, on())
    assert child.next_index == 834
    assert find_lane(store, parent.id).children == (child.id,)


def test_without_the_values_it_is_told_once(store: Store, parent: Lane) -> None:
    for call in expire_values(parent, 0):
        store.run(call)
    given_up: set[str] = set()
    with capture_logs() as lines:
        assert later(store, on(), given_up) == []
        assert later(store, on(), given_up) == []
    (line,) = lines
    assert "values of 834 of these messages are not kept" in line["error"]


def _interrupted(*_: Any) -> None:
    raise KeyboardInterrupt
