"""The delivery of one batch: from a claimed flight to a settled one, in named steps.

    claimed ─► screen ─► render ─► take permits ─► mark `posting` ─► POST ─► judge ─► settle
                           ▲                                          │
                           └──── quick retry, or one half of it ──────┘

Whatever the provider and the store do ends in one `Verdicts` that names every message once. What is
settled is settled even when we are cancelled. Should a fault of our own raise, the flight's lease
brings its messages back: to the queue, or parked if they may have been posted.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence

import structlog

from chatapps.answers import Answered, NoAnswer, NotSent, Refused, Result
from chatapps.codes import CodeClass, classify_request
from chatapps.rendering import BrokenJob
from store.breakers import ACCOUNT
from store.errors import StoreError
from store.outcomes import LocalReason, Origin
from store.packing import Job
from worker.alike import Alike
from worker.breakers import Breakers
from worker.decisions import (
    SENT_TOO_SOON,
    Code,
    Concern,
    Verdicts,
    concern_of,
    explain_alike,
    explain_refusal,
    is_server_error,
    judge_alone,
    judge_answer,
    judge_server_error,
    judge_stop,
    pause_asked_for,
    request_code,
    silence_code,
)
from worker.denied import decide, is_hopeless
from worker.flight import Flight, Sender, Tools
from worker.held_templates import HeldTemplates
from worker.landing import settle
from worker.pauses import Pauses
from worker.permits import PermitOffice
from worker.posting import Known, Named, Part, Posting, Unmade, Withheld
from worker.screening import Screen, proven_jobs

log = structlog.get_logger(__name__)

ALIKE = 3
"""Single messages in a row that must be refused alike before the cause is sought in the campaign."""
BROKEN: Code = (Origin.LOCAL, LocalReason.BROKEN_JOB)
HELD: Code = (Origin.LOCAL, LocalReason.BREAKER)
IN_DOUBT: Code = (Origin.LOCAL, LocalReason.NO_ANSWER)


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
        self._screen_people = Screen(tools.store, tools.templates)
        self._breakers = Breakers(tools)
        self._posting = Posting(tools, permits, self._breakers)
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
            verdicts.join(await self._send(Part(flight, jobs)))
        if verdicts.denied:
            await self._decide_denied(flight, verdicts)
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

    async def _send(self, part: Part) -> Verdicts:
        """Post a part of the flight, and judge every message of it."""
        broken = self._prepare(part)
        verdicts = Verdicts(rejected=[(job, BROKEN) for job in broken])
        if part.jobs:
            verdicts.join(await self._send_sound(part))
        return verdicts

    async def _send_sound(self, part: Part) -> Verdicts:
        if len(part.body) > self._tools.settings.batch.max_bytes and len(part.jobs) > 1:
            return await self._send_halves(part)
        return await self._judge(part, await self._posting.post(part))

    def _prepare(self, part: Part) -> Sequence[Job]:
        """Render the request. Jobs that cannot be rendered are taken out of it, and returned."""
        try:
            part.render()
        except BrokenJob as error:
            log.error("jobs cannot be rendered", **part.fields, error=str(error))
        else:
            return ()
        jobs, sound = part.jobs, {job.index for job in part.jobs if _is_sound(part.flight, job)}
        part.jobs = [job for job in jobs if job.index in sound]
        part.render()
        return [job for job in jobs if job.index not in sound]

    async def _judge(self, part: Part, result: Result | Unmade) -> Verdicts:
        """Sort the messages of one request; the failed attempts among them leave a trail."""
        lane, sender = part.flight.lane.lane, part.flight.lane.sender
        if not isinstance(result, NotSent | Unmade):
            self._pauses.reached(sender.id)
        if isinstance(result, NotSent):
            await self._breakers.answered(part.flight, result)
        match result:
            case Answered(answer=answer):
                part.flight.answered.extend([answer.batch_id] if answer.batch_id else ())
                named = [(job, f"{lane.id}.{job[0]}.{job[1] + 1}") for job in part.jobs]
                suspect = self._breakers.is_suspect(lane.id)
                verdicts = judge_answer(answer, named, lane, suspect=suspect)
                return await self._judge_answer(part, verdicts)
            case Withheld(why=why):
                log.info("not posted", **part.fields, why=why)
                return Verdicts(back=list(part.jobs))
            case Known(indexes=indexes):
                return await self._send_the_others(part, indexes)
            case Named():
                log.warning("a batch in doubt is held", **part.fields)
                return Verdicts(held=[(_before_failure(job), IN_DOUBT) for job in part.jobs])
            case NotSent(reason=reason):
                return self._judge_not_sent(part, reason)
            case NoAnswer(reason=reason):
                log.warning("no answer", **part.fields, reason=reason)
                code = silence_code(result)
                return _with_trail(part, Verdicts(doubtful=[(job, code) for job in part.jobs]))
            case Refused():
                return await self._judge_refused(part, result)

    async def _send_the_others(self, part: Part, known: Collection[int]) -> Verdicts:
        """Post what is left of a request without those that the provider has had."""
        log.warning("known by evidence", **part.fields, known=len(known))
        verdicts = Verdicts(proven=[job for job in part.jobs if job.index in known])
        others = [job for job in part.jobs if job.index not in known]
        if others:
            verdicts.join(await self._send(Part(part.flight, others, part.failed)))
        return verdicts

    async def _judge_answer(self, part: Part, verdicts: Verdicts) -> Verdicts:
        flight = part.flight
        if verdicts.accepted:
            self._breakers.taken(flight)
            await self._breakers.let_go(flight)
        if verdicts.account:
            await self._hold_up(flight, verdicts.account[0])
        elif verdicts.accepted or not (verdicts.denied or len(verdicts.doubtful) == len(part.jobs)):
            await self._breakers.well(flight)
        if flight.lane.lane.kind == "campaign" and not verdicts.stop:
            why = self._alike.note(flight.id, verdicts, len(part.jobs))
            verdicts.stop.extend([why] if why else ())
        return _with_trail(part, verdicts)

    def _judge_not_sent(self, part: Part, reason: str) -> Verdicts:
        """Nobody was reached: nothing is used up, but this process waits, longer each time."""
        part.flight.unsent.append(len(part.jobs))
        pause = self._pauses.not_reached(part.flight.lane.sender.id)
        log.warning("not sent", **part.fields, reason=reason, pause=round(pause, 2))
        return Verdicts(back=list(part.jobs))

    async def _judge_refused(self, part: Part, refused: Refused) -> Verdicts:
        jobs, lane = part.jobs, part.flight.lane.lane
        status, code = refused.status, refused.code
        log.warning("refused", **part.fields, status=status, code=code)
        concern = await self._tell_breakers(part, refused)
        if concern is Concern.DENIED:
            if len(jobs) > 1:
                return await self._send_halves(part)
            return Verdicts(denied=[(jobs[0], request_code(refused))])
        if concern is not Concern.MESSAGES:
            return judge_stop(jobs, refused, concern)
        if pause := pause_asked_for(refused, self._tools.settings.retry):
            await self._block(part, pause + self._tools.rng.uniform(0, 0.1))
        match classify_request(status, code):
            case CodeClass.THROTTLE:
                return Verdicts(back=list(jobs))
            case CodeClass.TRANSIENT:
                return _with_trail(part, judge_server_error(jobs, status, code, lane))
            case _ if len(jobs) > 1:
                return await self._send_halves(part)
            case _:
                return _with_trail(part, judge_alone(jobs[0], refused, lane))

    async def _tell_breakers(self, part: Part, refused: Refused) -> Concern:
        """What a refused request concerns; a server error has been told at once."""
        flight = part.flight
        suspect = self._breakers.is_suspect(flight.id)
        concern = concern_of(refused, flight.lane.lane, suspect=suspect)
        if concern in (Concern.ACCOUNT, Concern.DENIED) and self._renew_key(flight.lane.sender):
            log.warning("the key was changed meanwhile", **part.fields)
            await self._breakers.unused(flight)
            return Concern.ACCOUNT
        if concern is Concern.ACCOUNT:
            await self._hold_up(flight, explain_refusal(refused.status, refused.code))
        elif concern is not Concern.DENIED and not is_server_error(refused):
            await self._breakers.answered(flight, refused)
        return concern

    async def _decide_denied(self, flight: Flight, verdicts: Verdicts) -> None:
        """Messages that were refused alone: it is they, or the account."""
        denied = list(verdicts.denied)
        if decide(verdicts, taken_since=self._breakers.is_well_since(flight)):
            flight.note_trail(denied)
            self._breakers.suspect(flight.id)
            log.error("messages are forbidden", **flight.fields, messages=len(denied))
        elif not verdicts.account:
            verdicts.account.append(explain_alike(denied[0][1]))
            await self._hold_up(flight, verdicts.account[0])

    async def _hold_up(self, flight: Flight, why: str) -> None:
        """The sub-account waits; if this was the probe, another lane makes the next one."""
        if ACCOUNT in flight.probes:
            self._pauses.probe_failed(flight.lane.sender.id, flight.id)
        await self._breakers.account(flight, why)

    async def _send_halves(self, part: Part) -> Verdicts:
        """Find the message that the provider refuses the whole request for, or make it smaller."""
        middle = len(part.jobs) // 2
        verdicts = Verdicts()
        for half in (part.jobs[:middle], part.jobs[middle:]):
            if _fail_alike(verdicts) and part.flight.lane.lane.kind == "campaign":
                verdicts.back.extend(half)
                verdicts.stop.append(explain_alike(verdicts.rejected[-1][1]))
            elif verdicts.stop or verdicts.account or is_hopeless(verdicts):
                verdicts.back.extend(half)
            else:
                verdicts.join(await self._send(Part(part.flight, half)))
        return verdicts

    async def _block(self, part: Part, seconds: float) -> None:
        try:
            await self._permits.block(part.flight.lane.sender, seconds)
        except StoreError as error:
            log.warning("cannot block the sender", **part.fields, error=str(error))


def _before_failure(job: Job) -> Job:
    """As it was before its last attempt, which is the one that its end counts."""
    return job._replace(attempts=job.attempts - 1)


def _is_sound(flight: Flight, job: Job) -> bool:
    try:
        flight.lane.renderer.messages([job[:3]])
    except BrokenJob:
        return False
    return True


def _with_trail(part: Part, verdicts: Verdicts) -> Verdicts:
    """Note the attempts that failed, so that they are not forgotten when a later one succeeds."""
    for failed in (verdicts.retry, verdicts.doubtful, verdicts.held):
        part.flight.note_trail(failed)
    part.flight.note_trail((job, SENT_TOO_SOON) for job in verdicts.proven)
    return verdicts


def _fail_alike(verdicts: Verdicts) -> bool:
    if verdicts.accepted or len(verdicts.rejected) < ALIKE:
        return False
    return len({code for _, code in verdicts.rejected[-ALIKE:]}) == 1
