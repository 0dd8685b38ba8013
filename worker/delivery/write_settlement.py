"""Landing: what became of a flight is written down, however long the store is away."""

import contextlib
from typing import Any, TypeVar

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type

from store.client import Call
from store.errors import StoreError, StoreUnavailable
from store.lanes.lane import announce
from store.limits.rate_limit import note_ended
from store.queue.settlement import settle_batch, settle_park
from store.receipts.sent_batches import SentBatch, thousands_of
from store.receipts.status_updates import apply_records
from worker.batch import Flight, Tools
from worker.delivery.settlement import settlement_of
from worker.failpoints import Point
from worker.pacing.backoff import full_jitter
from worker.requests import BatchOutcome
from worker.revision_check import check_journal

log = structlog.get_logger(__name__)
T = TypeVar("T")

LONGEST_WAIT = 5.0
"""Seconds between two tries at most; less where leases are short: one lease after the store is back,
others take it that nobody holds an answer any more."""


async def settle(outcome: BatchOutcome, tools: Tools) -> None:
    """Write down what became of every message; an answer in hand waits until Redis takes it."""
    flight = outcome.flight
    what, n = settlement_of(outcome, tools), len(flight.jobs)
    known = tools.journals.known(flight.id)
    tools.pass_by(Point.BEFORE_SETTLE)
    try:
        settled = await _write(
            flight, tools, settle_batch(flight.id, flight.batch, n, tools.owner, what)
        )
        tools.pass_by(Point.SETTLED)
        if settled.lost:  # the lease ran out: the flight lies parked under its own id, or is back
            settled = await _write(flight, tools, settle_park(flight.id, flight.batch, n, what))
            log.warning("the lease had run out", **flight.fields, park=settled.verdict)
        if settled.lost:  # it has been resolved since: what we hold is still proof
            await _write(flight, tools, apply_records(flight.id, what.records))
        if not settled.lost:
            tools.meters.settled(flight.lane.sender.id, what)
        _note_batch(outcome, tools)
        if settled.verdict == "ok":
            ended, journal = settled.status.ended, settled.journal
            await check_journal(tools, flight.id, known=known, journal=journal, ended=ended)
    except StoreError:
        log.exception("a batch could not be settled; its lease will bring it back", **flight.fields)
        return
    if what.stop and not settled.lost:
        log.error("lane stopped", **flight.fields, reason=what.stop)
    elif what.back and not settled.lost:
        await _announce(flight, tools)


async def _announce(flight: Flight, tools: Tools) -> None:
    """Jobs are back in a lane that may have been taken for empty meanwhile: they need not wait for a
    sweep to find them."""
    with contextlib.suppress(StoreError):
        await tools.store.run(announce(flight.id, flight.lane.lane.priority))


def _note_batch(outcome: BatchOutcome, tools: Tools) -> None:
    """Remember where its messages are, for receipts that name no more than the provider's batch."""
    flight = outcome.flight
    if outcome.answered:
        thousands = thousands_of(job.index for job in flight.jobs)
        sent = SentBatch(flight.id, flight.batch, thousands)
        n = len(flight.jobs)
        tools.sent_batches.note(tools.store, tools.sleep, outcome.answered, sent, n)


async def _write(flight: Flight, tools: Tools, call: Call[T]) -> T:
    """Run a call that may be repeated, until the store has answered it."""
    longest = min(LONGEST_WAIT, tools.settings.worker.lease_seconds / 4)
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(StoreUnavailable),
        wait=full_jitter(0.05, longest, tools.rng),
        before_sleep=lambda _: log.warning("settling waits for the store", **flight.fields),
        sleep=tools.sleep,
    )
    answer: T = await retrying(_run, flight, tools, call)
    return answer


async def _run(flight: Flight, tools: Tools, call: Call[T]) -> T:
    """Tell in the same round trip how requests have ended."""
    sender = flight.lane.sender.id
    ended = tools.answers.untold(sender)
    if not ended:
        return await tools.store.run(call)
    calls: list[Call[Any]] = [note_ended(sender, ended), call]
    answer: T = (await tools.store.run_all(calls))[1]
    tools.answers.told(sender, ended)
    return answer
