"""One request of a batch: body, permits, mark, POST.

Nothing is posted without fresh permits and a fresh mark. It ends in a `Result` of the provider, or, if
nothing was posted, in the reason (`worker.results.classify.Unmade`).
"""

from typing import Any

import structlog

from chatapps.rendering.renderer import BrokenJob
from store.client import Call
from store.errors import StoreError
from store.queue.settlement import Mark, mark_posting
from store.records.job_section import Job
from worker.batch import ClaimedBatch, Reservation, Tools
from worker.delivery.eligibility import confirmed_jobs
from worker.failpoints import Point
from worker.pacing.permits import PermitOffice
from worker.requests import BatchOutcome, Request, Response
from worker.results.classify import Known, Named, TooLarge, Unmade, Unrendered, Withheld
from worker.revision_check import check_revision
from worker.stall_gate import request_name

log = structlog.get_logger(__name__)

STALE = 0.25
"""Age in seconds at which permits and mark are stale."""


class Posting:
    """Posts the requests of batches. One object per process; it keeps no state of a batch."""

    def __init__(self, tools: Tools, permits: PermitOffice) -> None:
        self._tools = tools
        self._permits = permits

    async def post(self, request: Request, outcome: BatchOutcome) -> Response:
        """Post a request when its turn has come."""
        batch = outcome.batch
        if request.pause:
            await self._tools.sleep(request.pause)
        try:
            body = _render(batch, request)
        except BrokenJob as error:
            log.error("jobs_not_rendered", **request.fields(batch), error=str(error))
            broken = {job.index for job in request.jobs if not _is_sound(batch, job)}
            return Response(Unrendered(frozenset(broken)))
        if len(body) > self._tools.settings.batch.max_bytes and len(request.jobs) > 1:
            return Response(TooLarge())
        unmade = await self._clear(request, outcome)
        if unmade is not None:
            return Response(unmade, outcome.permits)
        return await self._send(request, outcome, body)

    async def _send(self, request: Request, outcome: BatchOutcome, body: bytes) -> Response:
        sender, permits, began = outcome.batch.lane.sender, outcome.permits, self._tools.clock()
        try:
            result = await self._tools.client.send_many(sender.endpoint, body)
        except BaseException:
            self._waits_no_more(request, outcome)
            raise
        self._tools.pass_by(Point.POSTED)
        return Response(result, permits, self._tools.clock() - began)

    async def _clear(self, request: Request, outcome: BatchOutcome) -> Unmade | None:
        """Take permits and mark, just before the POST; None if it may be posted. Both are repeated if
        much time passed meanwhile: the process or the store was frozen, and turn or lease may be
        over."""
        clock, mark = self._tools.clock, outcome.marks + 1
        slow = self._tools.settings.worker.lease_seconds / 2
        for patience in (STALE, STALE, slow):  # a distant store must not stop sending
            permits = await self._permits_for(request, outcome)
            if permits is None:
                return Withheld("the turn did not come in time")
            outcome.marks, began = mark, clock()
            self._tools.pass_by(Point.BEFORE_MARK)
            unmade = await self._mark(request, outcome, permits)
            self._tools.pass_by(Point.MARKED)
            if unmade is not None or clock() < began + patience:
                return unmade
            self._waits_no_more(request, outcome)
        return Withheld("the mark took too long")

    async def _mark(
        self, request: Request, outcome: BatchOutcome, permits: Reservation
    ) -> Unmade | None:
        """Step 6: mark the request as about to be posted, if the batch is still owned, nothing holds it
        up, and no status update of earlier attempts has come."""
        known = self._tools.revisions.known(outcome.batch.lane_id)
        try:
            await self._tools.stops.refresh(
                self._tools.store, self._tools.clock(), self._tools.settings
            )
            if self._tools.stops.holds(outcome.batch.lane.lane):
                self._waits_no_more(request, outcome)
                return Withheld("an operator has stopped it")
            obstacle, mark = await self._mark_unless_held_up(request, outcome, permits)
            unmade = await self._why_not(request, outcome, obstacle, mark, known)
        except StoreError as error:
            self._waits_no_more(request, outcome)
            return Withheld(f"the store did not answer: {type(error).__name__}")
        if unmade is not None and not obstacle:
            self._waits_no_more(request, outcome)
        if unmade is not None and mark.may_post:
            outcome.unsent.append(len(request.jobs))
        return unmade

    async def _mark_unless_held_up(
        self, request: Request, outcome: BatchOutcome, permits: Reservation
    ) -> tuple[str, Mark]:
        """In one round trip: the obstacle of the sub-account, or an empty text; and the mark."""
        batch, sender, answers = outcome.batch, outcome.batch.lane.sender, self._tools.answers
        n, ended = len(request.jobs), answers.untold(sender.id)
        calls: list[Call[Any]] = [
            self._permits.begin(sender, n, op=permits.op, ended=ended, urgent=batch.lane.urgent),
            mark_posting(
                batch.lane_id,
                batch.id,
                owner=self._tools.owner,
                request=outcome.marks,
                messages=n,
                lease_ms=int(self._tools.settings.worker.lease_seconds * 1000),
            ),
        ]
        obstacle, mark = await self._tools.store.run_all(calls)
        answers.told(sender.id, ended)
        return obstacle, mark

    async def _why_not(
        self, request: Request, outcome: BatchOutcome, obstacle: str, mark: Mark, known: int
    ) -> Unmade | None:
        if mark.may_post and not await check_revision(
            self._tools, outcome.batch.lane_id, known=known, revision=mark.revision
        ):
            return Withheld("the lane halts")
        if obstacle:
            return Withheld(f"held up since its turn was given: {obstacle}")
        if not mark.may_post:
            return Withheld(mark.verdict)
        outcome.posted_ms = mark.now_ms
        return await self._heard_of(request, outcome.batch, mark)

    async def _heard_of(
        self, request: Request, batch: ClaimedBatch, mark: Mark
    ) -> Known | Named | None:
        """Messages of the request with a status update of an earlier attempt; most have had no
        attempt."""
        if mark.early_updates and any(job.attempts for job in request.jobs):
            known = await confirmed_jobs(self._tools.store, batch.lane_id, request.jobs)
            if known:
                return Known(frozenset(known))
        return Named() if mark.held and request.failed else None

    async def _permits_for(self, request: Request, outcome: BatchOutcome) -> Reservation | None:
        """The first request uses the permits of the claim while they are valid; later ones take their
        own."""
        lane, unused = outcome.batch.lane, outcome.permits
        if outcome.marks == 0 and unused is not None and unused.is_good(self._tools.clock()):
            return unused
        try:
            if unused is not None:  # frees the probe for other requests
                await self._permits.let_go(lane.sender, unused)
            outcome.permits = await self._permits.wait_for(
                lane.sender,
                len(request.jobs),
                urgent=lane.urgent,
                patience=self._tools.settings.worker.lease_seconds / 4,
                scopes=lane.scopes,
            )
        except StoreError:
            return None
        return outcome.permits

    def _waits_no_more(self, request: Request, outcome: BatchOutcome) -> None:
        """Record the end of a request that was not posted or was cut short."""
        if outcome.permits is not None:
            name = request_name(outcome.permits.op, len(request.jobs))
            self._tools.answers.ended(outcome.batch.lane.sender.id, name, trusted=False)


def _render(batch: ClaimedBatch, request: Request) -> bytes:
    """The body of the request.

    Raises:
        BrokenJob: a job's line does not fit the content of its lane.
    """
    jobs = [(index, attempts + 1, line) for index, attempts, line, _ in request.jobs]
    return batch.lane.renderer.render(batch.client_batch_id, jobs)


def _is_sound(batch: ClaimedBatch, job: Job) -> bool:
    try:
        batch.lane.renderer.messages([job[:3]])
    except BrokenJob:
        return False
    return True
