"""Watches the canary of a campaign after its last claim; then lets the rest go, or pauses the campaign.

A message of it counts as failed if it failed, and also if its outcome is unknown by then. A warm-up
grows once before the rest goes, and is judged by receipts that say that people do not want it.
"""

import structlog

from config.sections import Campaigns
from store.access.audit import ACTOR, Actor, audited
from store.client import command, text
from store.keys import lane_keys
from store.lanes.lane import (
    HELD_UNTIL_MS,
    WARM_UP,
    WARM_UP_PARTS,
    Canary,
    Lane,
    LaneStatus,
    grow_canary,
    move_lane,
)
from store.records.job_section import unpack
from store.records.outcome import Feedback
from store.reports.lane_report import LaneReport, read_lane_report
from store.reports.waiting import read_put_off
from store.states import PROVIDER_HAS_IT, State
from worker.batch import Tools

log = structlog.get_logger(__name__)
WARM_UP_CODES = (1023, 1024, 1051)
"""Receipts that say that people do not want what is sent …"""
WARM_UP_FAILED = 0.05
"""… and the share of a warm-up from which on it does not pass."""
_RECEIPTS = tuple(state for state in PROVIDER_HAS_IT if state is not State.ACCEPTED)


async def tend_canary(tools: Tools, lane: Lane, now_ms: int) -> None:
    """Begin to watch a canary that has gone out, or decide at the end."""
    if lane.status is not LaneStatus.SENDING or not lane.holds_back:
        return
    if lane.canary_state is Canary.SENDING:
        keys, seconds = lane_keys(lane.id), tools.settings.campaigns.canary_seconds
        waiting = await tools.store.run(command("LLEN", keys.queue, parse=int))
        waiting += await tools.store.run(command("ZCARD", keys.claimed_batches, parse=int))
        waiting += await tools.store.run(command("ZCOUNT", keys.retries, 0, now_ms, parse=int))
        if not waiting and not await tools.store.run(read_put_off(lane.id)):
            await tools.store.run(move_lane(lane.id, "watch", known=int(seconds * 1000)))
    elif lane.canary_state is Canary.WATCHED and lane.canary_until <= now_ms:
        report = await tools.store.run(read_lane_report(lane.id))
        if report is None:
            return
        why = _why_not(tools.settings.campaigns, report)
        if not why and lane.grows and (batches := await _next_part(tools, lane)):
            size = lane.canary_size + sum(batches.values())
            await tools.store.run(grow_canary(lane.id, size, batches.keys()))
            log.info("warm_up_grows", lane=lane.id, messages=size)
            return
        ACTOR.set(Actor("worker"))
        verdict = "fail" if why else "pass"
        move = move_lane(lane.id, verdict, why)
        await tools.store.run(
            audited(move, f"campaign.canary_{verdict}", lane.name, lane.canary_state)
        )
        log.info("canary_judged", lane=lane.id, messages=lane.canary_size, why_not=why)


async def _next_part(tools: Tools, lane: Lane) -> dict[str, int]:
    """Batches that wait, about as many as the second part of a warm-up has messages, and their sizes."""
    keys, left = lane_keys(lane.id), WARM_UP_PARTS[1]
    held = command(
        "ZRANGEBYSCORE", keys.retries, HELD_UNTIL_MS, HELD_UNTIL_MS,
        parse=lambda reply: sorted(map(text, reply), key=lambda batch: int(batch[1:])),
    )  # fmt: skip
    chosen: dict[str, int] = {}
    for batch in await tools.store.run(held):
        blob = await tools.store.run(
            command("GET", keys.retry(batch), parse=lambda got: got or b"")
        )
        n = len(unpack(blob))
        if chosen and n > left:
            break
        chosen[batch], left = n, left - n
    return chosen


def _why_not(rules: Campaigns, report: LaneReport) -> str:
    """The reason why a canary does not pass; empty if it does."""
    lane, counts = report.lane, report.counts
    left_out = counts.get(State.SKIPPED, 0) + counts.get(State.CANCELLED, 0)
    out = max(0, lane.canary_size - left_out)
    has_it = sum(counts.get(state, 0) for state in PROVIDER_HAS_IT)
    failed = out - has_it + counts.get(State.UNDELIVERED, 0)
    if not out:
        return "no message of its canary went out"
    if lane.canary == WARM_UP:
        told = f"{State.UNDELIVERED}:receipt:"
        failed = sum(report.codes.get(f"{told}{code}", 0) for code in WARM_UP_CODES)
        if failed >= WARM_UP_FAILED * out:
            return (
                f"{failed:,} of {out:,} messages of its warm-up were withheld, unwanted or spam "
                f"({failed / out:.1%}); below {WARM_UP_FAILED:.0%} the rest would go out"
            )
    elif failed >= rules.canary_failed * out:
        return (
            f"{failed:,} of {out:,} messages of its canary failed ({failed / out:.1%}), or have no "
            f"known outcome; below {rules.canary_failed:.1%} the rest would go out"
        )
    if not any(counts.get(state) for state in _RECEIPTS):
        return f"no receipt has come for any of the {out:,} messages of its canary"
    gone = report.people(Feedback.OPTED_OUT)
    if gone >= rules.canary_opted_out * out:
        return (
            f"{gone:,} of {out:,} people of its canary opted out ({gone / out:.1%}); below "
            f"{rules.canary_opted_out:.1%} the rest would go out"
        )
    return ""
