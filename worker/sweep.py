"""The sweep: everything that time brings back, for every lane that has not ended.

Due retry waves return to the queue, flights of lost workers are taken back, parks are resolved by
their lane's policy, cancelled lanes are emptied, and hints are put right. It may run anywhere, at any
time, twice at once: every step is a script that does its work once.
"""

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import structlog

from store.calls import Call, command
from store.dead import Dead
from store.drains import (
    active_lanes,
    leave_sweep,
    note_sweep,
    take_sweep,
)
from store.errors import StoreUnavailable
from store.flights import (
    MOST_DEATHS,
    Parked,
    Recovered,
    Settled,
    Settlement,
    claim_batch,
    due_parks,
    promote_due,
    read_park,
    recover_flights,
    settle_batch,
    settle_park,
    trail_entries,
)
from store.keys import lane_keys
from store.lanes import Lane, LaneStatus, announce, read_lane
from store.looks import Look
from store.outcomes import LocalReason, Origin, runs
from store.packing import Job
from store.states import State
from worker.decisions import NO_CODE, Code
from worker.flight import Tools
from worker.inbox import apply_inbox, is_all
from worker.looks import announce_waiting, by_hundred, is_quiet, look_at, retire
from worker.retention import close_if_over, expire_lanes
from worker.screening import forget_closed_windows, proven_jobs
from worker.settlement import ended_record, long_ids

log = structlog.get_logger(__name__)

PARKS = 100
"""Read in one round trip."""
PARK_SECONDS = 1.0
"""For which parks of one lane are resolved in one sweep; the next one follows at once with the rest."""
OPEN = (LaneStatus.SENDING, LaneStatus.CANCELLING)
"""Lanes that need sending or sweeping again."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found."""

    unfinished: int = 0  # lanes that will need sending or sweeping again
    announced: int = 0  # lanes that have something to claim now
    more: bool = False  # of the inbox, or of what is parked, is left: sweep again at once

    def __add__(self, other: "Swept") -> "Swept":
        more = self.more or other.more
        return Swept(self.unfinished + other.unfinished, self.announced + other.announced, more)


async def sweep(tools: Tools) -> Swept | None:
    """Sweep all lanes, unless somebody else is at it (then None)."""
    period = int(tools.settings.worker.sweep_seconds * 1000)
    if not await tools.store.run(take_sweep(tools.owner, lease_ms=max(100, period * 9 // 10))):
        return None
    began = tools.clock()
    leases = _Leases(tools)
    await leases.as_of()
    # First the inbox: evidence decides what becomes of parks.
    swept = Swept(more=not is_all(await apply_inbox(tools, leases.as_of)))
    for lanes in by_hundred(await tools.store.run(active_lanes())):
        swept += await _visit_all(tools, lanes, leases)
    await expire_lanes(tools, await _now_ms(tools))
    await forget_closed_windows(tools.store)
    if swept.more:
        await tools.store.run(leave_sweep())
    tools.meters.swept(tools.clock() - began)
    return swept


class _Leases:
    """Knows up to when leases count as run out. After a gap in sweeping, when the store was away, that
    is the time before it: owners who live get one lease to write down what they hold.

    The store is asked again every second of a sweep, since it may go away in the middle of one; a call
    that it does when it is back still says what it was told before. Asking also notes that sweeping
    goes on: one that has much to do must not look like a gap, or one gap after the other would keep
    flights of the dead where they are.
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
    """Sweep lanes that one look takes in: those in which something is due, one by one."""
    looks = zip(lanes, await look_at(tools, lanes, await leases.as_of()), strict=True)
    quiet: list[tuple[str, Look]] = []
    ended: list[str] = []
    swept = Swept()
    for lane, look in looks:
        if look is not None and look.status.ended:
            ended.append(lane)
        elif look is not None and is_quiet(lane, look):
            quiet.append((lane, look))
        else:
            swept += await _visit(tools, lane, leases)
    if ended:
        await retire(tools, ended)
    unfinished = sum(look.status in OPEN for _, look in quiet)
    return swept + Swept(unfinished, await announce_waiting(tools, quiet))


async def _visit(tools: Tools, lane_id: str, leases: _Leases) -> Swept:
    """Sweep one lane. A fault in it is logged, and keeps nobody from sweeping the others."""
    try:
        lane = await tools.store.run(read_lane(lane_id))
        if lane is None or lane.status.ended:
            await retire(tools, [lane_id])
            return Swept()
        return await _tend(tools, lane, leases)
    except StoreUnavailable:
        raise
    except Exception:
        log.exception("a lane could not be swept", lane=lane_id)
        return Swept(unfinished=1)


async def _tend(tools: Tools, lane: Lane, leases: _Leases) -> Swept:
    """Do for one lane what is due."""
    as_of = await leases.as_of()
    while (await tools.store.run(promote_due(lane.id)))[1] == 0:  # more are due
        await leases.as_of()
    await _recover(tools, lane, as_of, leases)
    await close_if_over(tools, lane, await _now_ms(tools))
    more = await _resolve_due(tools, lane, as_of, leases)
    if lane.status is LaneStatus.CANCELLING:
        await _cancel_jobs(tools, lane, leases)
    waiting = 0
    if lane.status is LaneStatus.SENDING:
        waiting = await tools.store.run(command("LLEN", lane_keys(lane.id).queue, parse=int))
    if waiting:
        await tools.store.run(announce(lane.id, lane.priority))
    return Swept(int(lane.status in OPEN), int(waiting > 0), more)


async def _recover(tools: Tools, lane: Lane, as_of: int, leases: _Leases) -> None:
    """Take back the flights whose leases had run out by then, some at a time."""
    call = recover_flights(lane.id, settle_after_ms=int(lane.settle_after * 1000), as_of_ms=as_of)
    while (recovered := await tools.store.run(call)) != Recovered():
        tools.meters.recovered(lane.sub_account, recovered)
        log.warning("flights recovered", lane=lane.id, **asdict(recovered))
        await leases.as_of()


async def _resolve_due(tools: Tools, lane: Lane, as_of: int, leases: _Leases) -> bool:
    """Resolve parks that were due by then; True if some are left. Where single messages are sent, each
    that has no answer is a park of its own, so there may be very many."""
    until = tools.clock() + PARK_SECONDS
    while parks := await tools.store.run(due_parks(lane.id, as_of, most=PARKS)):
        found = await tools.store.run_all([read_park(lane.id, park) for park in parks])
        now = await _now_ms(tools) // 1000
        done = [await _resolve(tools, lane, park, now) for park in found if park is not None]
        await leases.as_of()
        if not any(done):  # somebody else is at it
            return False
        if tools.clock() >= until:
            return True
    return False


async def _resolve(tools: Tools, lane: Lane, park: Parked, now: int) -> bool:
    """End a park: what evidence knows is accepted; the rest goes out again, or stays unknown. False if
    it was not for us to end."""
    if park.killer:
        return await _bury(tools, lane, park, now)
    jobs, reason = _with_attempts(park, tools), _why_parked(park)
    known = await proven_jobs(tools.store, lane.id, jobs)
    resends = lane.on_unknown == "resend" and not park.held
    resend = resends and lane.status is not LaneStatus.CANCELLING
    kills = bool(park.tries) and len(jobs) == 1 and max(park.deaths, 1) >= MOST_DEATHS
    most = tools.settings.retry.max_attempts if resend and not kills else 0
    reason = LocalReason.KILLS_WORKERS if resend and kills else reason
    again = [job for job in jobs if job.index not in known and job.attempts < most]
    closed = [job for job in jobs if job.index not in known and job.attempts >= most]

    what = _closing(State.FAILED if resend else State.UNKNOWN, closed, reason, now)
    _add(what, State.ACCEPTED, [job for job in jobs if job.index in known], now)
    what.back = again
    what.deaths = park.deaths if park.tries else None  # one of them may be what kills workers
    what.add(State.QUEUED, len(again))
    what.trails = _lost_attempts(park, jobs, reason, now)
    if resend:
        what.stats["retried"] = len(again)
    call = settle_park(lane.id, park.id, len(jobs), what, unless_held=True)
    verdict = await _settle(tools, lane, call, what)
    if verdict == "held":  # just now
        held = await tools.store.run(read_park(lane.id, park.id))
        return held is not None and await _resolve(tools, lane, held, now)
    if verdict != "ok":
        return False
    figures = {"known": len(known), "again": len(again), "closed": len(closed)}
    log.warning("park resolved", **_fields(lane, park.id, jobs), **figures)
    return True


async def _bury(tools: Tools, lane: Lane, park: Parked, now: int) -> bool:
    """Give up a job that was never posted because every worker that took it died."""
    what = _closing(State.FAILED, park.jobs, LocalReason.KILLS_WORKERS, now)
    call = settle_park(lane.id, park.id, len(park.jobs), what)
    if await _settle(tools, lane, call, what) != "ok":
        return False
    fields = _fields(lane, park.id, park.jobs)
    log.error("a job that kills workers was given up", **fields, index=park.jobs[0].index)
    return True


def _fields(lane: Lane, park: str, jobs: Sequence[Job]) -> dict[str, str | int]:
    """What a line of the log about a park says; its id begins with that of its batch."""
    return {"lane": lane.id, "batch": park, "attempt": jobs[0].attempts if jobs else 0}


def _with_attempts(park: Parked, tools: Tools) -> list[Job]:
    """The parked jobs, their attempts counted. Of a flight that was lost only its requests are known:
    some were for halves of it, so a message had no more of them than quick retries allow."""
    quick = tools.settings.retry.quick_attempts
    return [
        Job(job.index, job.attempts + min(park.tries, 1 if job.attempts else quick), job.line)
        for job in park.jobs
    ]


def _lost_attempts(
    park: Parked, jobs: list[Job], reason: LocalReason, now: int
) -> list[tuple[int, bytes]]:
    """Trail of the attempts that a lost flight made: the worker took what it knew of them along."""
    pairs = list(zip(park.jobs, jobs, strict=True))
    entries: list[tuple[int, bytes]] = []
    for attempt in range(1, max(job.attempts for job in jobs) + 1):
        made = [after for before, after in pairs if before.attempts < attempt <= after.attempts]
        entry = f"{attempt} local {int(reason)} {park.posted_at or now} {park.id}"
        entries.extend(trail_entries(made, entry))
    return entries


def _why_parked(park: Parked) -> LocalReason:
    return LocalReason.WORKER_LOST if park.tries else LocalReason.NO_ANSWER


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
        what = _closing(State.CANCELLED, claim.jobs, LocalReason.OPERATOR, now)
        call = settle_batch(lane.id, batch, len(claim.jobs), tools.owner, what)
        await _settle(tools, lane, call, what)
        await leases.as_of()


async def _settle(tools: Tools, lane: Lane, call: Call[Settled], what: Settlement) -> str:
    """Write it down, and count it unless somebody else has done both; gives the verdict."""
    settled = await tools.store.run(call)
    if settled.verdict == "ok":
        tools.meters.settled(lane.sub_account, what)
    return settled.verdict


def _closing(state: State, jobs: list[Job], reason: LocalReason, now: int) -> Settlement:
    """The same final state for all these jobs, for a reason of our own. They are kept for an operator's
    word, unless it was an operator's word."""
    what = Settlement()
    _add(what, state, jobs, now, (Origin.LOCAL, reason))
    if jobs and state is not State.CANCELLED:
        what.codes[f"{state}:local:{int(reason)}"] = len(jobs)
        what.dead.append(Dead(f"local:{int(reason)}", jobs))
    return what


def _add(what: Settlement, state: State, jobs: list[Job], now: int, code: Code = NO_CODE) -> None:
    """Add jobs that end in this state without having been posted now."""
    records = ((job.index, ended_record(job, state, code, now)) for job in jobs)
    what.records = [*what.records, *runs(sorted(records))]
    what.long_ids = [*what.long_ids, *long_ids(jobs)]
    what.add(state, len(jobs))


async def _now_ms(tools: Tools) -> int:
    return await tools.store.run(
        command("TIME", parse=lambda reply: int(reply[0]) * 1000 + int(reply[1]) // 1000)
    )
