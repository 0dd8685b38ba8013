"""Schedules campaigns that send again to people whom a message did not reach, days after its end.

Which codes of receipts lead to that, and after how long, is data (config/reactions.py); by default none
does. The campaign is an ordinary retry that waits for its time: it is listed, and can be moved or
cancelled.
"""

from collections.abc import Iterator, Set
from typing import Final

import structlog

from config.reactions import Reaction, ReactionRule
from config.settings import Settings
from producer.campaigns.retry import Selection, look_at_retry, run_retry
from producer.errors import InputError
from producer.wake import SendWakeUp
from store.client import Store
from store.errors import StoreRefused
from store.lanes.lane import Lane, LaneStatus, read_lane
from store.lanes.retention import ended_before
from store.reports.lane_report import read_lane_report
from store.reports.waiting import now_ms
from store.states import State

log = structlog.get_logger(__name__)
SETTLED_MS: Final = 3_600_000
"""Receipts of a campaign that ended so long ago have come."""


def retry_later(
    store: Store, settings: Settings, send_wake_up: SendWakeUp, given_up: set[str]
) -> list[Lane]:
    """Schedule what is due; returns the campaigns.

    Args:
        given_up: ids of campaigns that cannot be sent again; grows.
    """
    made, now = [], store.run(now_ms())
    rules = [
        (Selection((State.UNDELIVERED,), (f"receipt:{rule.code}",)), rule)
        for rule in settings.reactions_in_force.values()
        if rule.action is Reaction.RETRY_CAMPAIGN
    ]
    keys = {selected.key for selected, _ in rules}
    for selected, rule in rules:
        for lane in _ended(store, now, selected, rule, keys):
            start = _start(store, lane, keys, rule)
            if start and lane.id not in given_up and _has_enough(store, lane, rule):
                try:
                    found = look_at_retry(store, lane, selected, start=max(start, now))
                    made.append(run_retry(store, found, send_wake_up))
                except (InputError, StoreRefused) as error:
                    given_up.add(lane.id)
                    log.warning("retry_not_scheduled", lane=lane.id, error=str(error))
                else:
                    log.info("retry_scheduled", lane=lane.id, by=made[-1].id, code=rule.code)
    return made


def _ended(
    store: Store, now: int, selected: Selection, rule: ReactionRule, keys: Set[str]
) -> Iterator[Lane]:
    """Campaigns that may have to be sent again: no campaign made by hand does so, and none of ours for
    this code but an interrupted one.

    Args:
        keys: of the selections of all codes.
    """
    since = now - int(rule.window * 1000)
    for lane_id in store.run(ended_before(now - SETTLED_MS, since=since, most=-1)):
        lane = store.run(read_lane(lane_id))
        if lane is None or lane.kind != "campaign" or lane.status is not LaneStatus.FINISHED:
            continue
        children = [store.run(read_lane(child)) for child in lane.children]
        ours = f"retry:{lane.id}:{selected.key}"
        if all(
            one is not None and _is_ours(one, keys) and one.loaded != (one.source == ours)
            for one in children
        ):
            yield lane


def _is_ours(lane: Lane, keys: Set[str]) -> bool:
    return bool(lane.parent) and lane.source in {f"retry:{lane.parent}:{key}" for key in keys}


def _start(store: Store, lane: Lane, keys: Set[str], rule: ReactionRule) -> int:
    """When a campaign is sent again, ms since 1970; 0 = not any more. Each time later than before,
    whatever the code."""
    first, waits = lane, rule.lasts * 1000
    while _is_ours(first, keys):
        earlier = store.run(read_lane(first.parent))
        if earlier is None:
            return 0
        first, waits = earlier, waits * 2
    start = int(lane.finished_at + waits)
    return start if start <= first.finished_at + rule.window * 1000 else 0


def _has_enough(store: Store, lane: Lane, rule: ReactionRule) -> bool:
    report = store.run(read_lane_report(lane.id))
    codes = report.codes if report else {}
    return codes.get(f"{State.UNDELIVERED}:receipt:{rule.code}", 0) >= rule.least
