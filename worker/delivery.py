"""The delivery of one batch: from a claimed flight to a settled one, in named steps.

    claimed ─► render ─► take permits ─► mark `posting` ─► POST ─► judge ─► settle
                 ▲                                          │
                 └──── quick retry, or one half of it ──────┘

Whatever happens ends in one `Verdicts` that names every message once. No exception leaves but
cancellation, and what is settled is settled even then.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    retry_if_result,
    stop_after_attempt,
    wait_random_exponential,
)

from chatapps.answers import Answered, NoAnswer, NotSent, Refused, Result
from chatapps.codes import CodeClass, classify_request
from store.errors import StoreError, StoreUnavailable
from store.flights import Settled, mark_posting, settle_batch, settle_park, trail_entries
from store.outcomes import LocalReason, Origin
from store.packing import Job
from worker.decisions import (
    Code,
    Verdicts,
    judge_answer,
    judge_server_error,
    judge_stop,
    request_code,
    stops_lane,
    worth_a_quick_retry,
)
from worker.flight import Flight, Tools
from worker.permits import PermitOffice
from worker.settlement import settlement_of

log = structlog.get_logger(__name__)

ALIKE = 3
"""Single messages in a row that must be refused alike before the cause is sought in the campaign."""
BACKOFF_CAP = 30.0


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
    """Delivers flights. One object a process; it keeps nothing of a flight but how senders fare."""

    def __init__(self, tools: Tools, permits: PermitOffice) -> None:
        self._tools = tools
        self._permits = permits
        self._unreachable: dict[str, int] = {}  # sub-account → refused connections in a row

    async def deliver(self, flight: Flight) -> None:
        """Send a flight and settle it."""
        verdicts = await self._send(_Part(flight, flight.jobs))
        await asyncio.shield(self._settle(flight, verdicts))

    async def _send(self, part: _Part) -> Verdicts:
        """Post a part of the flight, and judge every message of it."""
        self._render(part)
        if len(part.body) > self._tools.settings.batch.max_bytes and len(part.jobs) > 1:
            return await self._send_halves(part)
        result = await self._post(part)
        return await self._judge(part, result)

    def _render(self, part: _Part) -> None:
        jobs = [(index, attempts + 1, line) for index, attempts, line in part.jobs]
        part.body = part.flight.lane.renderer.render(part.flight.client_batch_id, jobs)

    async def _post(self, part: _Part) -> Result | Withheld:
        """Post, and post again a few times at once if the failure is likely to pass."""
        retry = self._tools.settings.retry
        fresh = all(job.attempts == 0 for job in part.jobs)
        lane = part.flight.lane.lane
        retrying = AsyncRetrying(
            stop=stop_after_attempt(retry.quick_attempts if fresh else 1),
            wait=wait_random_exponential(multiplier=retry.quick_base, max=retry.quick_cap),
            retry=retry_if_result(lambda result: worth_a_quick_retry(result, lane)),
            before_sleep=lambda state: self._use_up_attempt(part, state),
            retry_error_callback=_last_result,
            sleep=self._tools.sleep,
        )
        return await retrying(self._post_once, part)

    async def _post_once(self, part: _Part) -> Result | Withheld:
        flight = part.flight
        try:
            if not await self._has_permits(part):
                return Withheld("the turn did not come in time")
            flight.requests += 1
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
        except StoreError as error:
            return Withheld(f"the store did not answer: {type(error).__name__}")
        flight.note_mark(mark, self._tools.clock())
        if not mark.may_post:
            return Withheld(mark.verdict)
        return await self._tools.client.send_many(flight.lane.sender.endpoint, part.body)

    async def _has_permits(self, part: _Part) -> bool:
        """The first request uses the permits of the claim; every other one takes its own."""
        flight = part.flight
        if flight.requests == 0 and self._tools.clock() < flight.permits_until:
            return True
        patience = self._tools.settings.worker.lease_seconds / 4
        return await self._permits.wait_for(
            flight.lane.sender, len(part.jobs), urgent=flight.lane.urgent, patience=patience
        )

    def _use_up_attempt(self, part: _Part, state: RetryCallState) -> None:
        result = _last_result(state)
        self._note_trail(
            part, request_code(result) if isinstance(result, Refused) else (Origin.NONE, 0)
        )
        part.jobs = [Job(job.index, job.attempts + 1, job.line) for job in part.jobs]
        part.flight.retried += len(part.jobs)
        self._render(part)

    async def _judge(self, part: _Part, result: Result | Withheld) -> Verdicts:
        jobs, lane, sender = part.jobs, part.flight.lane.lane, part.flight.lane.sender
        if not isinstance(result, NotSent | Withheld):
            self._unreachable.pop(sender.id, None)
        match result:
            case Answered(answer=answer):
                named = [(job, f"{lane.id}.{job.index}.{job.attempts + 1}") for job in jobs]
                return judge_answer(answer, named, lane)
            case Withheld():
                return Verdicts(back=list(jobs))
            case NotSent(reason=reason):
                return await self._judge_not_sent(part, reason)
            case NoAnswer(reason=reason):
                log.warning("no answer", **self._fields(part), reason=reason)
                doubt: Code = (Origin.LOCAL, LocalReason.NO_ANSWER)
                self._note_trail(part, doubt)
                return Verdicts(doubtful=[(job, doubt) for job in jobs])
            case Refused():
                return await self._judge_refused(part, result)

    async def _judge_not_sent(self, part: _Part, reason: str) -> Verdicts:
        """Nobody was reached: nothing is used up, but everyone waits, longer each time."""
        sender = part.flight.lane.sender
        tries = self._unreachable[sender.id] = self._unreachable.get(sender.id, 0) + 1
        pause = min(BACKOFF_CAP, 0.25 * 2.0 ** min(tries, 10)) * self._tools.rng.uniform(0.5, 1)
        log.warning("not sent", **self._fields(part), reason=reason, pause=round(pause, 2))
        await self._block(part, pause)
        return Verdicts(back=list(part.jobs))

    async def _judge_refused(self, part: _Part, refused: Refused) -> Verdicts:
        jobs, lane = part.jobs, part.flight.lane.lane
        status, code = refused.status, refused.code
        log.warning("refused", **self._fields(part), status=status, code=code)
        if stops_lane(refused, lane):
            return judge_stop(jobs, status, code)
        match classify_request(status, code):
            case CodeClass.THROTTLE:
                retry = self._tools.settings.retry
                pause = min(refused.retry_after or retry.retry_after_default, retry.retry_after_cap)
                await self._block(part, pause + self._tools.rng.uniform(0, 0.1))
                return Verdicts(back=list(jobs))
            case CodeClass.TRANSIENT:
                self._note_trail(part, request_code(refused))
                return judge_server_error(jobs, status, code, lane)
            case _ if len(jobs) > 1:
                return await self._send_halves(part)
            case _:
                return Verdicts(rejected=[(jobs[0], request_code(refused))])

    async def _send_halves(self, part: _Part) -> Verdicts:
        """Find the message that the provider refuses the whole request for, or make it smaller."""
        middle = len(part.jobs) // 2
        verdicts = Verdicts()
        for half in (part.jobs[:middle], part.jobs[middle:]):
            if _fail_alike(verdicts) and part.flight.lane.lane.kind == "campaign":
                verdicts.back.extend(half)
                verdicts.stop.append(
                    f"message after message is refused with code {verdicts.rejected[-1][1][1]}"
                )
            elif verdicts.stop:
                verdicts.back.extend(half)
            else:
                verdicts.join(await self._send(_Part(part.flight, half)))
        return verdicts

    async def _block(self, part: _Part, seconds: float) -> None:
        try:
            await self._permits.block(part.flight.lane.sender, seconds)
        except StoreError as error:
            log.warning("cannot block the sender", **self._fields(part), error=str(error))

    def _note_trail(self, part: _Part, code: Code) -> None:
        flight, attempt = part.flight, part.jobs[0].attempts + 1
        entry = f"{attempt} {code[0].name.lower()} {code[1]} {flight.posted_at()} {flight.batch}"
        flight.trails.extend(trail_entries(part.jobs, entry))

    async def _settle(self, flight: Flight, verdicts: Verdicts) -> None:
        """Write down what became of every message; an answer in hand waits until Redis takes it."""
        what = settlement_of(flight, verdicts, self._tools)
        n = len(flight.jobs)
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(StoreUnavailable),
            wait=wait_random_exponential(multiplier=0.05, max=5),
            before_sleep=lambda _: log.warning("settling waits for the store", **_ids(flight)),
            sleep=self._tools.sleep,
        )
        try:
            call = settle_batch(flight.id, flight.batch, n, self._tools.owner, what)
            settled: Settled = await retrying(self._tools.store.run, call)
            if settled.lost:  # the lease ran out: the flight lies parked under its own id
                settled = await retrying(
                    self._tools.store.run, settle_park(flight.id, flight.batch, n, what)
                )
        except StoreError:
            log.exception(
                "a batch could not be settled; its lease will bring it back", **_ids(flight)
            )
            return
        if settled.lost:
            log.error("the flight was lost before its answer could be written", **_ids(flight))
        elif what.stop:
            log.error("lane stopped", **_ids(flight), reason=what.stop)

    def _fields(self, part: _Part) -> dict[str, str | int]:
        return {
            **_ids(part.flight),
            "messages": len(part.jobs),
            "attempt": part.jobs[0].attempts + 1,
        }


def _ids(flight: Flight) -> dict[str, str | int]:
    return {"lane": flight.id, "batch": flight.batch}


def _fail_alike(verdicts: Verdicts) -> bool:
    if verdicts.accepted or len(verdicts.rejected) < ALIKE:
        return False
    return len({code for _, code in verdicts.rejected[-ALIKE:]}) == 1


def _last_result(state: RetryCallState) -> Result | Withheld:
    assert state.outcome is not None
    result: Result | Withheld = state.outcome.result()
    return result
