"""Writes settlements, retrying while the store is away."""

import contextlib
from collections.abc import Sequence
from typing import Any, TypeVar

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type

from store.client import Call
from store.errors import StoreError, StoreUnavailable
from store.lanes.lane import Lane, announce
from store.limits.rate_limit import note_ended
from store.people.marketing_cap import cap_of, release
from store.queue.dead_letters import DeadLetters
from store.queue.settlement import Settled, Settlement, settle_batch, settle_in_doubt
from store.receipts.sent_batches import SentBatch, thousands_of
from store.receipts.status_updates import apply_records
from store.records.job_section import Job
from store.records.outcome import LocalReason, Origin, code_name, runs
from store.states import State
from worker.batch import ClaimedBatch, Tools
from worker.delivery.settlement import ended_record, long_ids, settlement_of
from worker.failpoints import Point
from worker.pacing.backoff import full_jitter
from worker.requests import BatchOutcome
from worker.results.classify import NO_CODE, Code
from worker.revision_check import check_revision
from worker.template_registry import LanePurposes

log = structlog.get_logger(__name__)
T = TypeVar("T")

CAPPED: Code = (Origin.LOCAL, LocalReason.CAPPED)
LONGEST_WAIT = 5.0
"""Most seconds between two tries; less with short leases: one lease after the store is back, others
recover the batch."""


async def settle(outcome: BatchOutcome, tools: Tools) -> None:
    """Write the outcome of every message; an answer is kept until Redis accepts it."""
    batch = outcome.batch
    what, n = settlement_of(outcome, tools), batch.size
    known = tools.revisions.known(batch.lane_id)
    tools.pass_by(Point.BEFORE_SETTLE)
    try:
        settled = await _write(
            batch, tools, settle_batch(batch.lane_id, batch.id, n, tools.owner, what)
        )
        tools.pass_by(Point.SETTLED)
        if settled.lost:  # the lease ran out: the batch is in doubt under its own id, or requeued
            settled = await _write(batch, tools, settle_in_doubt(batch.lane_id, batch.id, n, what))
            log.warning("lease_lost", **batch.fields, in_doubt_batch=settled.verdict)
        if settled.lost:  # it was resolved meanwhile: the answer still is proof
            late = await _write(batch, tools, apply_records(batch.lane_id, what.records))
            tools.meters.progress(late)
        tools.outcomes.note(batch.lane_id)
        if not settled.lost:
            tools.meters.settled(batch.lane.sender.id, what)
        taken, tally = len(outcome.verdicts.accepted), tools.meters.signals_of(batch.lane.sender.id)
        if taken and tally is not None:
            tally.accepted(outcome.posted_at, taken)
        _note_batch(outcome, tools)
        if settled.verdict == "ok":
            ended, revision = settled.status.ended, settled.revision
            await check_revision(tools, batch.lane_id, known=known, revision=revision, ended=ended)
    except StoreError:
        log.exception("settlement_failed", **batch.fields)
        return
    verdicts = outcome.verdicts
    await release_places(tools, batch.lane.lane, [*verdicts.rejected, *verdicts.skipped])
    if what.stop and not settled.lost:
        log.error("lane_stopped", **batch.fields, reason=what.stop)
    elif what.back and not settled.lost:
        await _announce(batch, tools)


async def release_places(tools: Tools, lane: Lane, ended: Sequence[tuple[Job, Code]]) -> None:
    """Release the places under the cap on marketing of messages that people do not get. If the store is
    away, the places stay taken: a person rather gets a message less."""
    jobs = [job for job, code in ended if code != CAPPED]
    if jobs and cap_of(tools.settings.campaigns, tools.templates.purposes(lane).of_all):
        with contextlib.suppress(StoreError):
            await tools.store.run_all(release(lane, jobs))


async def _announce(batch: ClaimedBatch, tools: Tools) -> None:
    """Announce a lane that got jobs back, so that they need not wait for a sweep."""
    with contextlib.suppress(StoreError):
        await tools.store.run(announce(batch.lane_id, batch.lane.lane.priority))


def _note_batch(outcome: BatchOutcome, tools: Tools) -> None:
    """Store the location of its messages, for receipts that name only the provider's batch."""
    batch = outcome.batch
    if outcome.answered:
        thousands = thousands_of(job.index for job in batch.jobs)
        sent = SentBatch(batch.lane_id, batch.id, thousands)
        n = len(batch.jobs)
        tools.sent_batches.note(tools.store, tools.sleep, outcome.answered, sent, n)


async def _write(batch: ClaimedBatch, tools: Tools, call: Call[T]) -> T:
    """Run an idempotent call until the store has answered it."""
    longest = min(LONGEST_WAIT, tools.settings.worker.lease_seconds / 4)
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(StoreUnavailable),
        wait=full_jitter(0.05, longest, tools.rng),
        before_sleep=lambda _: log.warning("settlement_waits_for_store", **batch.fields),
        sleep=tools.sleep,
    )
    answer: T = await retrying(_run, batch, tools, call)
    return answer


async def _run(batch: ClaimedBatch, tools: Tools, call: Call[T]) -> T:
    """Run a call and record the ends of requests in the same round trip."""
    sender = batch.lane.sender.id
    ended = tools.answers.untold(sender)
    if not ended:
        return await tools.store.run(call)
    calls: list[Call[Any]] = [note_ended(sender, ended), call]
    answer: T = (await tools.store.run_all(calls))[1]
    tools.answers.told(sender, ended)
    return answer


def closing(
    state: State, jobs: Sequence[Job], code: Code, now: int, purposes: LanePurposes
) -> Settlement:
    """The same final state for all these jobs, for one reason. They are copied to the dead letters
    unless an operator ended them."""
    what = Settlement()
    add_ended(what, state, jobs, now, purposes, code)
    if jobs and state is not State.CANCELLED:
        what.dead.append(DeadLetters(code_name(*code), jobs))
    return what


def add_ended(
    what: Settlement,
    state: State,
    jobs: Sequence[Job],
    now: int,
    purposes: LanePurposes,
    code: Code = NO_CODE,
) -> None:
    records = ((job.index, ended_record(job, state, code, now, purposes)) for job in jobs)
    what.records = [*what.records, *runs(sorted(records))]
    what.long_ids = [*what.long_ids, *long_ids(jobs)]
    what.add(state, len(jobs))


async def write_down(tools: Tools, lane: Lane, call: Call[Settled], what: Settlement) -> str:
    """Settle, and count it unless another process has done so; returns the verdict."""
    settled = await tools.store.run(call)
    tools.outcomes.note(lane.id)
    if settled.verdict == "ok":
        tools.meters.settled(lane.sub_account, what)
    return settled.verdict
