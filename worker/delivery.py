"""The delivery of one batch: from a claimed flight to a settled one, in named steps.

    claimed ─► screen ─► render ─► take permits ─► mark `posting` ─► POST ─► judge ─► settle
                           ▲                                          │
                           └──── quick retry, or one half of it ──────┘

Whatever the provider and the store do ends in one `Verdicts` that names every message once. What is
settled is settled even when we are cancelled. Should a fault of our own raise, the flight's lease
brings its messages back: to the queue, or parked if they may have been posted.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt

from chatapps.answers import Answered, NoAnswer, NotSent, Refused, Result
from chatapps.codes import CodeClass, classify_request
from chatapps.rendering import BrokenJob
from store.errors import StoreError
from store.flights import mark_posting
from store.outcomes import LocalReason, Origin
from store.packing import Job
from worker.alike import Alike
from worker.breakers import Breakers
from worker.decisions import (
    Code,
    Concern,
    Verdicts,
    concern_of,
    explain_alike,
    explain_refusal,
    is_server_error,
    judge_answer,
    judge_server_error,
    judge_stop,
    request_code,
    worth_a_quick_retry,
)
from worker.flight import Flight, Sender, Tools
from worker.held_templates import HeldTemplates
from worker.landing import settle
from worker.pauses import Pauses, full_jitter
from worker.permits import PermitOffice
from worker.screening import Screen, proven_jobs
from worker.stop_points import Point
from worker.watch import check_journal

log = structlog.get_logger(__name__)

STALE = 0.25
"""Seconds after which permits and mark are no longer taken for fresh."""
ALIKE = 3
"""Single messages in a row that must be refused alike before the cause is sought in the campaign."""
BROKEN: Code = (Origin.LOCAL, LocalReason.BROKEN_JOB)
HELD: Code = (Origin.LOCAL, LocalReason.BREAKER)
IN_DOUBT: Code = (Origin.LOCAL, LocalReason.NO_ANSWER)


@dataclass(frozen=True, slots=True)
class Withheld:
    """The request was not made: the lane may not send now, or the turn did not come in time."""

    why: str


@dataclass(slots=True)
class _Part:
    """Messages that travel in one request; retried together, split when they must be."""

    flight: Flight
    jobs: Sequence[Job]  # `attempts` counts what was used up before the next request
    body: bytes = b""  # rendered for these attempts; empty = not yet


class Delivery:
    """Delivers flights. One object a process; it keeps nothing of a flight.

    Args:
        renew_key: whether a sub-account has another key now than the one that was used.
    """

    def __init__(
        self,
        tools: Tools,
        permits: PermitOffice,
        pauses: Pauses,
        renew_key: Callable[[Sender], bool] = lambda _: False,
    ) -> None:
        self._renew_key = renew_key
        self._tools = tools
        self._permits = permits
        self._pauses = pauses
        self._screen_people = Screen(tools.store)
        self._breakers = Breakers(tools)
        self._templates = HeldTemplates(tools)
        self._alike = Alike(tools.settings.breakers.refused_alike)

    async def deliver(self, flight: Flight) -> None:
        """Send a flight and settle it."""
        verdicts = await self._screen(flight)
        skipped = [job for job, _ in verdicts.skipped]
        done = {job.index for job in (*verdicts.proven, *verdicts.back, *skipped)}
        jobs = [job for job in flight.jobs if job.index not in done] if done else flight.jobs
        held = await self._hold_templates(flight, jobs)
        jobs = [job for job in jobs if job.index not in held] if held else jobs
        verdicts.failed.extend((job, HELD) for job in held.values())
        if jobs:
            verdicts.join(await self._send(_Part(flight, jobs)))
        await self._breakers.unused(flight)  # if nothing was posted after all
        await self._templates.note(flight, verdicts)
        await asyncio.shield(settle(flight, verdicts, self._tools))

    async def _screen(self, flight: Flight) -> Verdicts:
        """Step 4: what evidence knows already does not go out again, nor does what people do not want,
        may not be sent, or have no use for any more."""
        try:
            known = await self._known(flight)
            skipped = await self._screen_people.look(flight, self._tools.clock())
        except StoreError:
            return Verdicts(back=list(flight.jobs))
        return Verdicts(
            proven=[job for job in flight.jobs if job.index in known],
            skipped=[pair for pair in skipped if pair[0].index not in known],
        )

    async def _hold_templates(self, flight: Flight, jobs: Sequence[Job]) -> dict[int, Job]:
        """Messages of a notification lane whose template is held up."""
        try:
            return {job.index: job for job in await self._templates.hold(flight, jobs)}
        except StoreError:  # a breaker protects, it promises nothing
            return {}

    async def _known(self, flight: Flight) -> set[int]:
        if not flight.early_news:
            return set()
        return await proven_jobs(self._tools.store, flight.id, flight.jobs)

    async def _send(self, part: _Part) -> Verdicts:
        """Post a part of the flight, and judge every message of it."""
        broken = self._prepare(part)
        verdicts = Verdicts(rejected=[(job, BROKEN) for job in broken])
        if part.jobs:
            verdicts.join(await self._send_sound(part))
        return verdicts

    async def _send_sound(self, part: _Part) -> Verdicts:
        if len(part.body) > self._tools.settings.batch.max_bytes and len(part.jobs) > 1:
            return await self._send_halves(part)
        return await self._judge(part, await self._post(part))

    def _prepare(self, part: _Part) -> Sequence[Job]:
        """Render the request. Jobs that cannot be rendered are taken out of it, and returned."""
        try:
            self._render(part)
        except BrokenJob as error:
            log.error("jobs cannot be rendered", **self._fields(part), error=str(error))
        else:
            return ()
        jobs, sound = part.jobs, {job.index for job in part.jobs if _is_sound(part.flight, job)}
        part.jobs = [job for job in jobs if job.index in sound]
        self._render(part)
        return [job for job in jobs if job.index not in sound]

    def _render(self, part: _Part) -> None:
        jobs = [(index, attempts + 1, line) for index, attempts, line in part.jobs]
        part.body = part.flight.lane.renderer.render(part.flight.client_batch_id, jobs)

    async def _post(self, part: _Part) -> Result | Withheld:
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

    async def _post_once(self, part: _Part) -> Result | Withheld:
        withheld = await self._clear(part)
        if withheld is not None:
            return withheld
        endpoint = part.flight.lane.sender.endpoint
        result = await self._tools.client.send_many(endpoint, part.body)
        self._tools.pass_by(Point.POSTED)
        if isinstance(result, Refused) and is_server_error(result):
            await self._breakers.server_error(part.flight, result)
        return result

    async def _clear(self, part: _Part) -> Withheld | None:
        """Permits and the mark, just before the request; None if it may go. All again if much time went
        by since: the process was frozen, or the store, and neither turn nor lease may be ours now."""
        clock, request = self._tools.clock, part.flight.requests + 1
        slow = self._tools.settings.worker.lease_seconds / 2
        for patience in (STALE, STALE, slow):  # a store that is far away must not stop us
            if not await self._has_permits(part):
                return Withheld("the turn did not come in time")
            part.flight.requests, began = request, clock()
            self._tools.pass_by(Point.BEFORE_MARK)
            withheld = await self._mark(part)
            self._tools.pass_by(Point.MARKED)
            if withheld is not None or clock() < began + patience:
                return withheld
        return Withheld("the mark took too long")

    async def _mark(self, part: _Part) -> Withheld | None:
        """Step 6: write down that it is about to be posted, if it still is ours to post."""
        flight = part.flight
        try:
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
        except StoreError as error:
            return Withheld(f"the store did not answer: {type(error).__name__}")
        flight.note_mark(mark, self._tools.clock())
        return None if mark.may_post else Withheld(mark.verdict)

    async def _has_permits(self, part: _Part) -> bool:
        """The first request uses the permits of the claim while they are good; every other one takes
        its own."""
        flight, sender = part.flight, part.flight.lane.sender
        if flight.requests == 0 and flight.permits.is_good(self._tools.clock()):
            return True
        await self._breakers.unused(flight)  # what it probes may be probed by somebody else
        patience = self._tools.settings.worker.lease_seconds / 4
        try:
            permits = await self._permits.wait_for(
                sender, len(part.jobs), urgent=flight.lane.urgent, patience=patience
            )
        except StoreError:
            return False
        if permits is not None:
            flight.permits = permits
        return permits is not None

    def _use_up_attempt(self, part: _Part, state: RetryCallState) -> None:
        code = request_code(_last_result(state))
        log.warning("refused", **self._fields(part), code=code[1], again=True)
        part.flight.note_trail((job, code) for job in part.jobs)
        part.jobs = [Job(job.index, job.attempts + 1, job.line) for job in part.jobs]
        part.flight.retried += len(part.jobs)
        self._render(part)

    async def _judge(self, part: _Part, result: Result | Withheld) -> Verdicts:
        """Sort the messages of one request; the failed attempts among them leave a trail."""
        lane, sender = part.flight.lane.lane, part.flight.lane.sender
        if not isinstance(result, NotSent | Withheld):
            self._pauses.reached(sender.id)
        if isinstance(result, NotSent | NoAnswer):
            await self._breakers.answered(part.flight, result)
        match result:
            case Answered(answer=answer):
                named = [(job, f"{lane.id}.{job[0]}.{job[1] + 1}") for job in part.jobs]
                suspect = self._breakers.is_suspect(lane.id)
                verdicts = judge_answer(answer, named, lane, suspect=suspect)
                return await self._judge_answer(part, verdicts)
            case Withheld(why=why):
                log.info("not posted", **self._fields(part), why=why)
                return Verdicts(back=list(part.jobs))
            case NotSent(reason=reason):
                return self._judge_not_sent(part, reason)
            case NoAnswer(reason=reason):
                log.warning("no answer", **self._fields(part), reason=reason)
                return _with_trail(part, Verdicts(doubtful=[(job, IN_DOUBT) for job in part.jobs]))
            case Refused():
                return await self._judge_refused(part, result)

    async def _judge_answer(self, part: _Part, verdicts: Verdicts) -> Verdicts:
        flight = part.flight
        if verdicts.account:
            await self._breakers.account(flight, verdicts.account[0])
        else:
            await self._breakers.well(flight)
        if flight.lane.lane.kind == "campaign" and not verdicts.stop:
            why = self._alike.note(flight.id, verdicts, len(part.jobs))
            verdicts.stop.extend([why] if why else ())
        return _with_trail(part, verdicts)

    def _judge_not_sent(self, part: _Part, reason: str) -> Verdicts:
        """Nobody was reached: nothing is used up, but this process waits, longer each time."""
        pause = self._pauses.not_reached(part.flight.lane.sender.id)
        log.warning("not sent", **self._fields(part), reason=reason, pause=round(pause, 2))
        return Verdicts(back=list(part.jobs))

    async def _judge_refused(self, part: _Part, refused: Refused) -> Verdicts:
        jobs, lane = part.jobs, part.flight.lane.lane
        status, code = refused.status, refused.code
        log.warning("refused", **self._fields(part), status=status, code=code)
        concern = await self._tell_breakers(part, refused)
        if concern is not Concern.MESSAGES:
            return judge_stop(jobs, refused, concern)
        match classify_request(status, code):
            case CodeClass.THROTTLE:
                retry = self._tools.settings.retry
                pause = min(refused.retry_after or retry.retry_after_default, retry.retry_after_cap)
                await self._block(part, pause + self._tools.rng.uniform(0, 0.1))
                return Verdicts(back=list(jobs))
            case CodeClass.TRANSIENT:
                return _with_trail(part, judge_server_error(jobs, status, code, lane))
            case _ if len(jobs) > 1:
                return await self._send_halves(part)
            case _:
                return Verdicts(rejected=[(jobs[0], request_code(refused))])

    async def _tell_breakers(self, part: _Part, refused: Refused) -> Concern:
        """What a refused request concerns; a server error has been told at once."""
        flight = part.flight
        suspect = self._breakers.is_suspect(flight.id)
        concern = concern_of(refused, flight.lane.lane, suspect=suspect)
        if concern is Concern.ACCOUNT and self._renew_key(flight.lane.sender):
            log.warning("the key was changed meanwhile", **self._fields(part))
            await self._breakers.unused(flight)
        elif concern is Concern.ACCOUNT:
            why = explain_refusal(refused.status, refused.code)
            await self._breakers.account(flight, why)
        elif not is_server_error(refused):
            await self._breakers.answered(flight, refused)
        return concern

    async def _send_halves(self, part: _Part) -> Verdicts:
        """Find the message that the provider refuses the whole request for, or make it smaller."""
        middle = len(part.jobs) // 2
        verdicts = Verdicts()
        for half in (part.jobs[:middle], part.jobs[middle:]):
            if _fail_alike(verdicts) and part.flight.lane.lane.kind == "campaign":
                verdicts.back.extend(half)
                verdicts.stop.append(explain_alike(verdicts.rejected[-1][1]))
            elif verdicts.stop or verdicts.account:
                verdicts.back.extend(half)
            else:
                verdicts.join(await self._send(_Part(part.flight, half)))
        return verdicts

    async def _block(self, part: _Part, seconds: float) -> None:
        try:
            await self._permits.block(part.flight.lane.sender, seconds)
        except StoreError as error:
            log.warning("cannot block the sender", **self._fields(part), error=str(error))

    def _fields(self, part: _Part) -> dict[str, str | int]:
        return {
            "lane": part.flight.id,
            "batch": part.flight.batch,
            "messages": len(part.jobs),
            "attempt": part.jobs[0].attempts + 1,
        }


def _is_sound(flight: Flight, job: Job) -> bool:
    try:
        flight.lane.renderer.messages([job])
    except BrokenJob:
        return False
    return True


def _with_trail(part: _Part, verdicts: Verdicts) -> Verdicts:
    """Note the attempts that failed, so that they are not forgotten when a later one succeeds."""
    for failed in (verdicts.retry, verdicts.doubtful, verdicts.held):
        part.flight.note_trail(failed)
    return verdicts


def _fail_alike(verdicts: Verdicts) -> bool:
    if verdicts.accepted or len(verdicts.rejected) < ALIKE:
        return False
    return len({code for _, code in verdicts.rejected[-ALIKE:]}) == 1


def _last_result(state: RetryCallState) -> Result | Withheld:
    assert state.outcome is not None
    result: Result | Withheld = state.outcome.result()
    return result
