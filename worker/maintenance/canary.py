"""Watches the canary of a campaign after its last claim; then lets the rest go, or pauses the campaign.

A message of it counts as failed if it failed, and also if its outcome is unknown by then. People count
as opted out if their messages went out and would be suppressed now.
"""

import structlog

from store.access.audit import ACTOR, Actor, audited
from store.batched import by_hundred
from store.client import command
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.lanes.lane import Canary, Lane, LaneStatus, move_lane
from store.people.service_windows import find_ineligible, read_rules, united
from store.purposes import Purpose
from store.records.outcome import read_records
from store.reports.lane_report import LaneReport, read_lane_report
from store.reports.waiting import read_put_off
from store.states import PROVIDER_HAS_IT, State
from worker.batch import Tools

log = structlog.get_logger(__name__)
_RECEIPTS = tuple(state for state in PROVIDER_HAS_IT if state is not State.ACCEPTED)


async def tend_canary(tools: Tools, lane: Lane, now_ms: int) -> None:
    """Begin to watch a canary that has gone out, or decide at the end."""
    if lane.status is not LaneStatus.SENDING:
        return
    if lane.canary_state is Canary.SENDING:
        keys, seconds = lane_keys(lane.id), tools.settings.campaigns.canary_seconds
        waiting = await tools.store.run(command("LLEN", keys.queue, parse=int))
        waiting += await tools.store.run(command("ZCARD", keys.claimed_batches, parse=int))
        if not waiting and not await tools.store.run(read_put_off(lane.id)):
            await tools.store.run(move_lane(lane.id, "watch", known=int(seconds * 1000)))
    elif lane.canary_state is Canary.WATCHED and lane.canary_until <= now_ms:
        report = await tools.store.run(read_lane_report(lane.id))
        if report is None:
            return
        why = await _why_not(tools, report)
        ACTOR.set(Actor("worker"))
        verdict = "fail" if why else "pass"
        move = move_lane(lane.id, verdict, why)
        await tools.store.run(
            audited(move, f"campaign.canary_{verdict}", lane.name, lane.canary_state)
        )
        log.info("canary_judged", lane=lane.id, messages=lane.canary_size, why_not=why)


async def _why_not(tools: Tools, report: LaneReport) -> str:
    """The reason why a canary does not pass; empty if it does."""
    lane, counts, rules = report.lane, report.counts, tools.settings.campaigns
    left_out = counts.get(State.SKIPPED, 0) + counts.get(State.CANCELLED, 0)
    out = max(0, lane.canary_size - left_out)
    has_it = sum(counts.get(state, 0) for state in PROVIDER_HAS_IT)
    failed = out - has_it + counts.get(State.UNDELIVERED, 0)
    if not out:
        return "no message of its canary went out"
    if failed >= rules.canary_failed * out:
        return (
            f"{failed:,} of {out:,} messages of its canary failed ({failed / out:.1%}), or have no "
            f"known outcome; below {rules.canary_failed:.1%} the rest would go out"
        )
    if not any(counts.get(state) for state in _RECEIPTS):
        return f"no receipt has come for any of the {out:,} messages of its canary"
    gone = await _opted_out(tools, lane)
    if gone >= rules.canary_opted_out * out:
        return (
            f"{gone:,} of {out:,} people of its canary opted out ({gone / out:.1%}); below "
            f"{rules.canary_opted_out:.1%} the rest would go out"
        )
    return ""


async def _opted_out(tools: Tools, lane: Lane) -> int:
    """People who got a message of the campaign and would be suppressed now."""
    purpose = tools.templates.purposes(lane).of_all or Purpose.MARKETING
    rules, keys, gone = (
        await tools.store.run(read_rules(lane.sub_account, "")),
        lane_keys(lane.id),
        0,
    )
    for firsts in by_hundred(range(0, lane.next_index, OUTCOMES_PER_KEY)):
        reads = [
            command("GET", keys.outcome(one), parse=lambda reply: reply or b"") for one in firsts
        ]
        for first, blob in zip(firsts, await tools.store.run_all(reads), strict=True):
            people = [
                one.number.encode()
                for one in read_records(blob, first)
                if one.state in PROVIDER_HAS_IT and one.number
            ]
            calls = find_ineligible(lane.sub_account, people, (purpose,), rules) if people else []
            gone += len(set(united(await tools.store.run_all(calls)).suppressed)) if calls else 0
    return gone
