"""Resolves in-doubt batches by their lane's policy when their wait for status updates is over.

Messages with a status update are accepted. The others are resent under policy `resend`, at most
`max_resends` times. They end as `unconfirmed` after that, under policy `hold`, when a receipt has named
only the batch, and in a lane that is being cancelled. Jobs of a worker that died are requeued in halves,
so that one that kills workers is found and ended.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence

import structlog

from store.lanes.lane import Lane, LaneStatus
from store.queue.settlement import (
    MOST_DEATHS,
    InDoubt,
    Settlement,
    attempt_log_entries,
    due_in_doubt,
    read_in_doubt,
    settle_in_doubt,
)
from store.records.job_section import Job
from store.records.outcome import LocalReason, Origin, code_name, code_named
from store.reports.waiting import now_ms
from store.states import State
from worker.batch import Tools
from worker.delivery.eligibility import confirmed_jobs
from worker.delivery.write_settlement import add_ended, closing, write_down
from worker.results.classify import Code

log = structlog.get_logger(__name__)

KILLS_WORKERS: Code = (Origin.LOCAL, LocalReason.KILLS_WORKERS)
AT_ONCE = 100
"""Batches read in one round trip."""
SECONDS = 1.0
"""Seconds per lane and sweep; the next sweep follows at once with the rest."""


async def resolve_due(
    tools: Tools, lane: Lane, as_of: int, go_on: Callable[[], Awaitable[object]]
) -> bool:
    """Resolve in-doubt batches whose wait was over by then; True if some are left. In lanes of single
    messages each unanswered one is an in-doubt batch of its own, so there may be very many.

    Args:
        go_on: called between the rounds.
    """
    until = tools.clock() + SECONDS
    while in_doubt_batches := await tools.store.run(due_in_doubt(lane.id, as_of, most=AT_ONCE)):
        found = await tools.store.run_all(
            [read_in_doubt(lane.id, in_doubt_batch) for in_doubt_batch in in_doubt_batches]
        )
        now = await tools.store.run(now_ms()) // 1000
        done = [
            await _resolve(tools, lane, in_doubt_batch, now)
            for in_doubt_batch in found
            if in_doubt_batch is not None
        ]
        await go_on()
        if not any(done):  # another process is resolving them
            return False
        if tools.clock() >= until:
            return True
    return False


async def _resolve(tools: Tools, lane: Lane, in_doubt_batch: InDoubt, now: int) -> bool:
    """End an in-doubt batch; False if another process ended it or it is held."""
    if in_doubt_batch.poison:
        return await _bury(tools, lane, in_doubt_batch, now)
    jobs = _with_attempts(in_doubt_batch, tools)
    known = await confirmed_jobs(tools.store, lane.id, jobs)
    what = _decide(tools, lane, in_doubt_batch, jobs, known, now)
    verdict = await write_down(
        tools,
        lane,
        settle_in_doubt(lane.id, in_doubt_batch.id, len(jobs), what, unless_held=True),
        what,
    )
    if verdict == "held":  # since it was read
        held = await tools.store.run(read_in_doubt(lane.id, in_doubt_batch.id))
        return held is not None and await _resolve(tools, lane, held, now)
    if verdict != "ok":
        return False
    again = len(what.back)
    figures = {"known": len(known), "again": again, "closed": len(jobs) - len(known) - again}
    log.warning("in_doubt_batch_resolved", **_fields(lane, in_doubt_batch.id, jobs), **figures)
    return True


def _decide(
    tools: Tools,
    lane: Lane,
    in_doubt_batch: InDoubt,
    jobs: list[Job],
    known: Collection[int],
    now: int,
) -> Settlement:
    """The settlement of each job."""
    resends = lane.on_unconfirmed == "resend" and not in_doubt_batch.held
    resend = resends and lane.status is not LaneStatus.CANCELLING
    reason = _why_closed(in_doubt_batch) if resend else _why_in_doubt(in_doubt_batch)
    kills = reason == KILLS_WORKERS
    unknown = [job for job in jobs if job.index not in known]
    again = [job for job in unknown if resend and not kills and _may_be_resent(job, tools)]
    left = {job.index for job in again}
    closed = [job for job in unknown if job.index not in left]

    purposes = tools.templates.purposes(lane)
    end, confirmed = (
        State.FAILED if kills else State.UNCONFIRMED,
        [job for job in jobs if job.index in known],
    )
    what = closing(end, closed, reason, now, purposes)
    add_ended(what, State.ACCEPTED, confirmed, now, purposes)
    what.back = [job.resent() for job in again]
    what.deaths = (
        in_doubt_batch.deaths if in_doubt_batch.tries else None
    )  # one of them may kill workers
    what.add(State.QUEUED, len(what.back))
    what.attempt_logs = _lost_attempts(in_doubt_batch, jobs, _why_in_doubt(in_doubt_batch), now)
    if resend:
        what.count_retried({_why_in_doubt(in_doubt_batch): len(what.back)})
    return what


def _may_be_resent(job: Job, tools: Tools) -> bool:
    settings = tools.settings
    return (
        job.resends < settings.policies.max_resends and job.attempts < settings.retry.max_attempts
    )


async def _bury(tools: Tools, lane: Lane, in_doubt_batch: InDoubt, now: int) -> bool:
    """End a job that was never posted because every worker that claimed it died."""
    purposes = tools.templates.purposes(lane)
    what = closing(State.FAILED, in_doubt_batch.jobs, KILLS_WORKERS, now, purposes)
    call = settle_in_doubt(lane.id, in_doubt_batch.id, len(in_doubt_batch.jobs), what)
    if await write_down(tools, lane, call, what) != "ok":
        return False
    fields = _fields(lane, in_doubt_batch.id, in_doubt_batch.jobs)
    log.error("poison_job_ended", **fields, index=in_doubt_batch.jobs[0].index)
    return True


def _fields(lane: Lane, in_doubt_batch: str, jobs: Sequence[Job]) -> dict[str, str | int]:
    """Log fields of an in-doubt batch; its id begins with that of its batch."""
    return {"lane": lane.id, "batch": in_doubt_batch, "attempt": jobs[0].attempts if jobs else 0}


def _with_attempts(in_doubt_batch: InDoubt, tools: Tools) -> list[Job]:
    """The jobs in doubt, their attempts counted. Of a lost batch only its requests are known: some were
    for halves of it, so the attempts of a message are bounded by the quick retries."""
    quick = tools.settings.retry.quick_attempts
    return [
        job.tried(min(in_doubt_batch.tries, 1 if job.attempts else quick), may_have_arrived=True)
        for job in in_doubt_batch.jobs
    ]


def _lost_attempts(
    in_doubt_batch: InDoubt, jobs: list[Job], code: Code, now: int
) -> list[tuple[int, bytes]]:
    """Attempt log of a lost batch, whose worker took the details along."""
    pairs = list(zip(in_doubt_batch.jobs, jobs, strict=True))
    entries: list[tuple[int, bytes]] = []
    for attempt in range(1, max(job.attempts for job in jobs) + 1):
        made = [after for before, after in pairs if before.attempts < attempt <= after.attempts]
        name = code_name(*code).replace(":", " ")
        entry = f"{attempt} {name} {in_doubt_batch.posted_at or now} {in_doubt_batch.id}"
        entries.extend(attempt_log_entries(made, entry))
    return entries


def _why_in_doubt(in_doubt_batch: InDoubt) -> Code:
    if in_doubt_batch.code:
        return code_named(in_doubt_batch.code)
    return (
        Origin.LOCAL,
        LocalReason.WORKER_LOST if in_doubt_batch.tries else LocalReason.NO_ANSWER,
    )


def _why_closed(in_doubt_batch: InDoubt) -> Code:
    """The reason why its jobs are not resent although the policy resends."""
    alone_too_often = len(in_doubt_batch.jobs) == 1 and max(in_doubt_batch.deaths, 1) >= MOST_DEATHS
    if in_doubt_batch.tries and alone_too_often:
        return KILLS_WORKERS
    return _why_in_doubt(in_doubt_batch)
