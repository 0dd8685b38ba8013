"""The request of a part of a flight: permits, the mark, the POST, and a few quick attempts.

Nothing is posted without fresh permits and a fresh mark. It ends in a `Result` of the provider, or when
nothing was posted in one of

    Withheld   the lane may not send now, or the turn did not come in time
    Known      evidence says that the provider has had some of the messages
    Named      a receipt has named the batch, and none of its messages
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt

from chatapps.answers import Refused, Result
from store.errors import StoreError
from store.flights import Mark, mark_posting
from store.packing import Job
from worker.breakers import Breakers
from worker.decisions import is_server_error, request_code, worth_a_quick_retry
from worker.flight import Flight, Tools
from worker.pauses import full_jitter
from worker.permits import PermitOffice
from worker.screening import proven_jobs
from worker.stop_points import Point
from worker.watch import check_journal

log = structlog.get_logger(__name__)

STALE = 0.25
"""Seconds after which permits and mark are no longer taken for fresh."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """The request was not made: the lane may not send now, or the turn did not come in time."""

    why: str


@dataclass(frozen=True, slots=True)
class Known:
    """The request was not made: the provider has had these messages of it by an earlier attempt."""

    indexes: frozenset[int]


@dataclass(frozen=True, slots=True)
class Named:
    """The request was not made again: the provider has had this batch, or some of it."""


Unmade = Withheld | Known | Named


@dataclass(slots=True)
class Part:
    """Messages that travel in one request; retried together, split when they must be."""

    flight: Flight
    jobs: Sequence[Job]  # `attempts` counts what was used up before the next request
    failed: int = 0  # attempts of this flight that the provider failed with
    body: bytes = b""  # rendered for these attempts; empty = not yet

    @property
    def fields(self) -> dict[str, str | int]:
        """What log lines about it say."""
        return {
            "lane": self.flight.id,
            "batch": self.flight.batch,
            "messages": len(self.jobs),
            "attempt": self.jobs[0].attempts + 1,
        }

    def render(self) -> None:
        """Write the body of the request.

        Raises:
            BrokenJob: what is stored of a job does not fit the content of its lane.
        """
        jobs = [(index, attempts + 1, line) for index, attempts, line in self.jobs]
        self.body = self.flight.lane.renderer.render(self.flight.client_batch_id, jobs)


class Posting:
    """Posts parts of flights. One object a process; it keeps nothing of a flight."""

    def __init__(self, tools: Tools, permits: PermitOffice, breakers: Breakers) -> None:
        self._tools = tools
        self._permits = permits
        self._breakers = breakers

    async def post(self, part: Part) -> Result | Unmade:
        """Post, and post again a few times at once if the failure is likely to pass."""
        retry, lane = self._tools.settings.retry, part.flight.lane.lane
        fresh = all(job.attempts == 0 for job in part.jobs)
        attempts = min(retry.quick_attempts, retry.max_attempts) if fresh else 1
        retrying = AsyncRetrying(
            stop=stop_after_attempt(attempts),
            wait=full_jitter(retry.quick_base, retry.quick_cap, self._tools.rng),
            retry=retry_if_result(
                lambda result: worth_a_quick_retry(result, lane) and not part.flight.slowed
            ),
            before_sleep=lambda state: self._use_up_attempt(part, state),
            retry_error_callback=_last_result,
            sleep=self._tools.sleep,
        )
        return await retrying(self._post_once, part)

    async def _post_once(self, part: Part) -> Result | Unmade:
        unmade = await self._clear(part)
        if unmade is not None:
            return unmade
        endpoint = part.flight.lane.sender.endpoint
        result = await self._tools.client.send_many(endpoint, part.body)
        self._tools.pass_by(Point.POSTED)
        if isinstance(result, Refused) and is_server_error(result):
            await self._breakers.server_error(part.flight, result)
        return result

    async def _clear(self, part: Part) -> Unmade | None:
        """Permits and the mark, just before the request; None if it may go. All again if much time went
        by since: the process was frozen, or the store, and neither turn nor lease may be ours now."""
        clock, request = self._tools.clock, part.flight.requests + 1
        slow = self._tools.settings.worker.lease_seconds / 2
        for patience in (STALE, STALE, slow):  # a store that is far away must not stop us
            if not await self._has_permits(part):
                return Withheld("the turn did not come in time")
            part.flight.requests, began = request, clock()
            self._tools.pass_by(Point.BEFORE_MARK)
            unmade = await self._mark(part)
            self._tools.pass_by(Point.MARKED)
            if unmade is not None or clock() < began + patience:
                return unmade
        return Withheld("the mark took too long")

    async def _mark(self, part: Part) -> Unmade | None:
        """Step 6: write down that it is about to be posted, if it still is ours to post, and if nothing
        has been heard of earlier attempts meanwhile."""
        flight = part.flight
        try:
            await self._tools.stops.refresh(self._tools.store, self._tools.clock())
            if self._tools.stops.holds(flight.lane.lane):
                return Withheld("an operator has stopped it")
            known = self._tools.journals.known(flight.id)
            mark = await self._tools.store.run(
                mark_posting(
                    flight.id,
                    flight.batch,
                    owner=self._tools.owner,
                    request=flight.requests,
                    messages=len(part.jobs),
                    lease_ms=int(self._tools.settings.worker.lease_seconds * 1000),
                )
            )
            if mark.may_post and not await check_journal(
                self._tools, flight.id, known=known, journal=mark.journal
            ):
                return Withheld("the lane halts")
            flight.note_mark(mark, self._tools.clock())
            if not mark.may_post:
                return Withheld(mark.verdict)
            return await self._heard_of(part, mark)
        except StoreError as error:
            return Withheld(f"the store did not answer: {type(error).__name__}")

    async def _heard_of(self, part: Part, mark: Mark) -> Known | Named | None:
        """What was heard of earlier attempts of these messages; most have had none."""
        if mark.early_news and any(job.attempts for job in part.jobs):
            known = await proven_jobs(self._tools.store, part.flight.id, part.jobs)
            if known:
                return Known(frozenset(known))
        return Named() if mark.held and part.failed else None

    async def _has_permits(self, part: Part) -> bool:
        """The first request uses the permits of the claim while they are good; every other one takes
        its own."""
        flight, sender = part.flight, part.flight.lane.sender
        if flight.requests == 0 and flight.permits.is_good(self._tools.clock()):
            return True
        await self._breakers.unused(flight)  # what it probes may be probed by somebody else
        patience = self._tools.settings.worker.lease_seconds / 4
        try:
            permits = await self._permits.wait_for(
                sender,
                len(part.jobs),
                urgent=flight.lane.urgent,
                patience=patience,
                scopes=flight.lane.scopes,
            )
        except StoreError:
            return False
        if permits is not None:
            flight.permits = permits
        return permits is not None

    def _use_up_attempt(self, part: Part, state: RetryCallState) -> None:
        code = request_code(_last_result(state))
        log.warning("refused", **part.fields, code=code[1], again=True)
        part.flight.note_trail((job, code) for job in part.jobs)
        part.jobs = [Job(job.index, job.attempts + 1, job.line) for job in part.jobs]
        part.failed += 1
        part.flight.retried += len(part.jobs)
        part.render()


def _last_result(state: RetryCallState) -> Result | Unmade:
    assert state.outcome is not None
    result: Result | Unmade = state.outcome.result()
    return result
