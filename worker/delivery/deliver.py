"""The delivery of one batch: from a claimed batch to a settled one.

    claimed ─► check  ─► render ─► take permits ─► mark `posting` ─► POST ─► classify ─► settle
                           ▲                                          │
                           └──── quick retry, or one half of it ──────┘

Every result of the provider and the store ends in one `BatchOutcome` that names every message once.
Settling is shielded from cancellation. After an unexpected exception the batch's lease recovers its
messages: to the queue, or in doubt if they may have been posted.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence

from store.errors import StoreError
from store.records.job_section import Job
from store.records.outcome import LocalReason, Origin
from worker.batch import ClaimedBatch, Sender, Tools
from worker.delivery.eligibility import Eligibility, confirmed_jobs
from worker.delivery.request import Posting
from worker.delivery.write_settlement import settle
from worker.pacing.backoff import Backoff
from worker.pacing.failure_policy import FailurePolicy
from worker.pacing.permits import PermitOffice
from worker.requests import BatchOutcome, Request
from worker.results.classify import Code, classify

HELD: Code = (Origin.LOCAL, LocalReason.BREAKER)


class Delivery:
    """Delivers batches. One object per process; it keeps no state of a batch.

    Args:
        renew_key: returns True when a sub-account has another key now than the one that was used.
    """

    def __init__(
        self,
        tools: Tools,
        permits: PermitOffice,
        backoff: Backoff,
        renew_key: Callable[[Sender], bool] = lambda _: False,
    ) -> None:
        self._tools = tools
        self._check_eligibility = Eligibility(
            tools.store, tools.templates, tools.settings.campaigns
        )
        self._posting = Posting(tools, permits)
        self._failures = FailurePolicy(tools, permits, backoff, renew_key)

    async def deliver(self, batch: ClaimedBatch) -> None:
        """Send a batch and settle it."""
        outcome = BatchOutcome(batch, permits=batch.permits)
        waiting = await self._eligible(outcome)
        for request in self._worthwhile(outcome, waiting):
            response = await self._posting.post(request, outcome)
            suspect = self._failures.is_suspect(batch)
            verdict = classify(response.result, request.jobs, batch.lane.lane, suspect=suspect)
            decision = await self._failures.observe(batch, request, response, verdict)
            outcome.add(request, response, decision)
            waiting.extend(reversed(decision.next))
        await self._failures.conclude(outcome)
        await asyncio.shield(settle(outcome, self._tools))

    async def _eligible(self, outcome: BatchOutcome) -> list[Request]:
        """Step 4: a request with the jobs that may be sent, if any. Leaves out messages that a status
        update has confirmed, opted-out people, expired messages, and those of a held-up template."""
        batch, verdicts, known = outcome.batch, outcome.verdicts, set[int]()
        try:
            if batch.early_updates:
                known = await confirmed_jobs(self._tools.store, batch.lane_id, batch.jobs)
            skipped = await self._check_eligibility.look(batch, self._tools.clock())
        except StoreError:
            verdicts.back.extend(batch.jobs)
            return []
        verdicts.confirmed.extend(job for job in batch.jobs if job.index in known)
        verdicts.skipped.extend(pair for pair in skipped if pair[0].index not in known)
        jobs = _without(batch.jobs, known | {job.index for job, _ in skipped})
        held = await self._failures.hold_templates(outcome, jobs)
        verdicts.failed.extend((job, HELD) for job in held)
        jobs = _without(jobs, {job.index for job in held})
        return [Request(jobs)] if jobs else []

    def _worthwhile(self, outcome: BatchOutcome, waiting: list[Request]) -> Iterator[Request]:
        """Yields requests, the last one first, without those that have become pointless meanwhile."""
        while waiting:
            request = waiting.pop()
            spared = self._failures.spare(outcome.batch, request)
            if spared is None:
                yield request
            else:
                outcome.join(request, spared)


def _without(jobs: Sequence[Job], indexes: Collection[int]) -> Sequence[Job]:
    return [job for job in jobs if job.index not in indexes] if indexes else jobs
