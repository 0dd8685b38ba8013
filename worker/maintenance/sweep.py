"""The sweep: handles everything due, for every lane that has not ended.

Due retry batches return to the queue, batches of lost workers are recovered, in-doubt batches are
resolved by their lane's policy, cancelled lanes are emptied, and hints are corrected. It may run
anywhere, at any time, twice at once: every step is an idempotent script.
"""

import math
import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import structlog

from store.access.audit import forget_old_entries
from store.batched import by_hundred
from store.client import command
from store.errors import StoreUnavailable
from store.keys import lane_keys
from store.lanes.due import Look
from store.lanes.lane import Lane, LaneStatus, announce, move_lane, read_lane
from store.queue.settlement import (
    Recovered,
    claim_batch,
    promote_due,
    recover_expired,
    release_put_off,
    settle_batch,
)
from store.receipts.inbox import forget_aside
from store.records.outcome import LocalReason, Origin
from store.reports.waiting import now_ms
from store.states import State
from store.workers.presence import (
    active_lanes,
    leave_sweep,
    note_sweep,
    take_sweep,
)
from worker.batch import Tools
from worker.delivery.eligibility import forget_closed_windows
from worker.delivery.write_settlement import closing, release_places, write_down
from worker.maintenance.canary import tend_canary
from worker.maintenance.due_lanes import announce_waiting, check, is_quiet, retire
from worker.maintenance.in_doubt import resolve_due
from worker.maintenance.learned_rates import decide_rates
from worker.maintenance.retention import close_if_over, expire_drafts, expire_lanes
from worker.receipts.feedback import count_replies
from worker.receipts.inbox import apply_inbox, is_all
from worker.results.classify import seconds_in_doubt

log = structlog.get_logger(__name__)
OPERATOR = (Origin.LOCAL, LocalReason.OPERATOR)

OPEN = (LaneStatus.SENDING, LaneStatus.CANCELLING)
"""Statuses of lanes with work for the sweep."""


@dataclass(frozen=True, slots=True)
class Swept:
    """Result of a sweep."""

    busy: int = 0  # lanes with queued jobs, or with something due within `IDLE_SECONDS`
    announced: int = 0  # lanes with something to claim
    more: bool = False  # more is left in the inbox or in doubt: sweep again at once
    applied: int = 0  # receipts and replies applied
    starts_in_ms: float = math.inf  # until the next scheduled campaign starts

    def __add__(self, other: "Swept") -> "Swept":
        more = self.more or other.more
        return Swept(
            self.busy + other.busy,
            self.announced + other.announced,
            more,
            self.applied + other.applied,
            min(self.starts_in_ms, other.starts_in_ms),
        )


async def sweep(tools: Tools) -> Swept | None:
    """Sweep all lanes; None if another process is sweeping."""
    period = int(tools.settings.worker.sweep_seconds * 1000)
    if not await tools.store.run(take_sweep(tools.owner, lease_ms=max(100, period * 9 // 10))):
        return None
    began = tools.clock()
    leases = _Leases(tools)
    await leases.as_of()
    # The inbox first: status updates decide about in-doubt batches.
    applied = await apply_inbox(tools, leases.as_of)
    swept = Swept(more=not is_all(applied), applied=applied)
    await count_replies(tools, leases.as_of)
    await decide_rates(tools)
    await tools.stops.refresh(tools.store, tools.clock(), tools.settings)
    active = await tools.store.run(active_lanes())
    for lanes in by_hundred(active):
        swept += await _visit_all(tools, lanes, leases)
    now = await tools.store.run(now_ms())
    await expire_lanes(tools, now)
    await expire_drafts(tools, now)
    await tools.store.run_all(forget_old_entries(now))
    await forget_closed_windows(tools.store)
    await tools.store.run(forget_aside(tools.settings.webhooks.aside_days))
    await tools.outcomes.survey(tools.store, tools.clock())
    tools.templates.refresh(tools.store, tools.settings)
    tools.look_for_lost()
    tools.retries.look(tools.settings, tools.clock())
    if swept.more or swept.starts_in_ms < period:
        await tools.store.run(leave_sweep())
    tools.meters.swept(tools.clock() - began)
    return swept


class _Leases:
    """The time up to which leases count as run out. After a gap between sweeps, when the store was away,
    that is a time before the gap: living owners get one lease to write their answers.

    The store is asked again every second of a sweep, since it may go away in the middle; a call that it
    executes when it is back still carries the older time. Asking also notes that sweeping goes on: a
    long sweep must not look like a gap, or batches of dead workers would never be recovered.
    """

    AGAIN = 1.0

    def __init__(self, tools: Tools) -> None:
        worker = tools.settings.worker
        self._tools = tools
        self._asked_at = float("-inf")
        self._as_of = 0
        self._call = note_sweep(
            pause_ms=int(max(worker.lease_seconds / 2, worker.sweep_seconds * 2) * 1000),
            lease_ms=int(worker.lease_seconds * 1000),
        )

    async def as_of(self) -> int:
        """The time by Redis' clock, ms."""
        if self._tools.clock() >= self._asked_at + self.AGAIN:
            self._as_of = await self._tools.store.run(self._call)
            self._asked_at = self._tools.clock()
        return self._as_of


async def _visit_all(tools: Tools, lanes: Sequence[str], leases: _Leases) -> Swept:
    """Sweep the lanes of one check; only those with something due are visited."""
    looks = zip(lanes, await check(tools, lanes, await leases.as_of()), strict=True)
    quiet: list[tuple[str, Look]] = []
    ended: list[str] = []
    swept = Swept()
    for lane, look in looks:
        if look is not None and look.starts_in_ms is not None:
            swept += Swept(starts_in_ms=look.starts_in_ms or math.inf)
        if look is not None and look.status.ended:
            ended.append(lane)
        elif look is not None and is_quiet(lane, look):
            quiet.append((lane, look))
        else:
            swept += await _visit(tools, lane, leases)
    if ended:
        await retire(tools, ended)
    busy = sum(look.busy and look.status in OPEN for _, look in quiet)
    return swept + Swept(busy, await announce_waiting(tools, quiet))


async def _visit(tools: Tools, lane_id: str, leases: _Leases) -> Swept:
    """Sweep one lane. An exception is logged and does not affect the other lanes."""
    try:
        lane = await tools.store.run(read_lane(lane_id))
        if lane is None or lane.status.ended:
            await retire(tools, [lane_id])
            return Swept()
        return await _tend(tools, lane, leases)
    except StoreUnavailable:
        raise
    except Exception:
        log.exception("lane_sweep_failed", lane=lane_id)
        return Swept(busy=1)


async def _tend(tools: Tools, lane: Lane, leases: _Leases) -> Swept:
    """Do everything due in one lane."""
    as_of = await leases.as_of()
    if lane.status is LaneStatus.SCHEDULED:
        _, status = await tools.store.run(move_lane(lane.id, "start"))
        lane = replace(lane, status=status)
    await tools.templates.look(tools.store, lane.sub_account, tools.clock())
    if lane.canary:
        await tend_canary(tools, lane, await tools.store.run(now_ms()))
    if lane.hours_revision not in ("", str(rules := tools.stops.revision)):
        await tools.store.run(release_put_off(lane.id, rules))
    while (await tools.store.run(promote_due(lane.id)))[1] == 0:  # more are due
        await leases.as_of()
    await _recover(tools, lane, as_of, leases)
    await close_if_over(tools, lane, await tools.store.run(now_ms()))
    more = await resolve_due(tools, lane, as_of, leases.as_of)
    if lane.status is LaneStatus.CANCELLING:
        await _cancel_jobs(tools, lane, leases)
    waiting = 0
    if lane.status is LaneStatus.SENDING:
        waiting = await tools.store.run(command("LLEN", lane_keys(lane.id).queue, parse=int))
    if waiting:
        await tools.store.run(announce(lane.id, lane.priority))
    return Swept(int(lane.status in OPEN), int(waiting > 0), more)


async def _recover(tools: Tools, lane: Lane, as_of: int, leases: _Leases) -> None:
    """Recover the batches whose leases had run out by then, a few at a time."""
    seconds = seconds_in_doubt(lane, tools.settings.policies, [0], tools.rng)
    call = recover_expired(lane.id, settle_after_ms=int(seconds * 1000), as_of_ms=as_of)
    while (recovered := await tools.store.run(call)) != Recovered():
        tools.meters.recovered(lane.sub_account, recovered)
        log.warning("batches_recovered", lane=lane.id, **asdict(recovered))
        await leases.as_of()


async def _cancel_jobs(tools: Tools, lane: Lane, leases: _Leases) -> None:
    """Empty the queue of a lane that is being cancelled; each job gets its record."""
    while True:
        batch = secrets.token_hex(6)
        claim = await tools.store.run(
            claim_batch(
                lane.id,
                batch,
                owner=tools.owner,
                most=1000,
                most_bytes=tools.settings.batch.max_bytes,
                lease_ms=30_000,
                status=LaneStatus.CANCELLING,
            )
        )
        if not claim.jobs:
            return
        now = claim.now_ms // 1000
        purposes = tools.templates.purposes(lane)
        what = closing(State.CANCELLED, claim.jobs, OPERATOR, now, purposes)
        call = settle_batch(lane.id, batch, len(claim.jobs), tools.owner, what)
        await write_down(tools, lane, call, what)
        await release_places(tools, lane, [(job, OPERATOR) for job in claim.jobs])
        await leases.as_of()
