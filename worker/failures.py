"""What the failures of requests mean, and how it goes on: the one policy, and the only one that talks to
the breakers of the store.

    concerns                 then
    a message                it is rejected, tried again or in doubt (`worker.decisions`)
    one request              the same once more in a moment, or halves of it
    what a campaign says     refusal after refusal alike: it stops
    a template               its breaker, in notification lanes
    key, account, channel    the breaker `account`
    the provider             the breaker `server`; without an answer `stall`; a pause that it asks for
    the way to the provider  this process pauses, and says why

A breaker protects, and promises nothing: where the store does not answer, sending goes on, and the lease
of a probe ends by itself.
"""

import json
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from chatapps.answers import Answered, NoAnswer, NotSent, Refused
from chatapps.codes import CodeClass, classify_request
from store.breakers import (
    ACCOUNT,
    SERVER,
    STALL,
    WHOLE,
    Counted,
    Probing,
    close_breaker,
    count_server_error,
    open_breaker,
    read_breakers,
    release_probe,
    take_probe,
    template_scope,
)
from store.calls import Call
from store.errors import StoreError
from store.packing import Job
from store.unreached import forget_unreached, note_unreached
from worker.answers import request_name
from worker.decisions import (
    Code,
    Concern,
    Unmade,
    Verdict,
    Verdicts,
    Withheld,
    concerns_template,
    explain_alike,
    explain_failure,
    explain_item,
    is_server_error,
    is_silence,
    judge_stop,
    pause_asked_for,
    request_code,
    worth_a_quick_retry,
)
from worker.flight import Flight, Reservation, Sender, Tools
from worker.pauses import Pauses, longest_wait
from worker.permits import PermitOffice
from worker.refusals import Alike, Suspects, decide, is_hopeless
from worker.requests import BatchOutcome, Decision, Request, Response

log = structlog.get_logger(__name__)
T = TypeVar("T")

ALIKE = 3
"""Single messages in a row that must be refused alike before the cause is sought in the campaign."""


class FailurePolicy:
    """Decides, request by request, how a batch goes on. One object a process.

    Args:
        renew_key: whether a sub-account has another key now than the one that was used.
    """

    def __init__(
        self,
        tools: Tools,
        permits: PermitOffice,
        pauses: Pauses,
        renew_key: Callable[[Sender], bool],
    ) -> None:
        self._tools = tools
        self._permits = permits
        self._pauses = pauses
        self._renew_key = renew_key
        self._suspects = Suspects(tools.clock)
        self._alike = Alike(tools.settings.breakers.refused_alike)
        self._failing: set[str] = set()  # sub-accounts whose last request from here has failed
        self._unreached: set[str] = set()  # sub-accounts whose last request was not sent

    def is_suspect(self, flight: Flight) -> bool:
        """Its lane had the whole sub-account held up of late."""
        return self._suspects.has(flight.id)

    async def observe(
        self, flight: Flight, request: Request, response: Response, verdict: Verdict
    ) -> Decision:
        """Tell the store what the end of a request means, and decide how it goes on."""
        result, permits = response.result, response.permits
        if isinstance(result, Unmade):
            return await self._unmade(flight, request, response, verdict)
        assert permits is not None
        is_told = True
        await self._note_reach(flight, result)
        server_is_open = await self._count(flight, request, response)
        match result:
            case NotSent():
                pause = self._pauses.not_reached(flight.lane.sender.id)
                fields = {"reason": result.reason, "pause": round(pause, 2)}
                log.warning("not sent", **request.fields(flight), **fields)
                await self._release(flight, permits, later=False)
            case NoAnswer():
                log.warning("no answer", **request.fields(flight), reason=result.reason)
            case Answered():
                is_told = await self._answered(flight, request, permits, verdict.messages)
            case Refused():
                return await self._refused(
                    flight, request, response, verdict, server_is_open=server_is_open
                )
        return Decision(verdict.messages, _following(request, verdict), is_told=is_told)

    def spare(self, flight: Flight, request: Request) -> Verdicts | None:
        """What becomes of a request that others of its batch have made pointless, or None."""
        halved = request.within[-1] if request.within else Verdicts()
        if flight.lane.lane.kind == "campaign" and _fail_alike(halved):
            why = explain_alike(halved.rejected[-1][1])
            return Verdicts(back=list(request.jobs), stop=[why])
        if halved.stop or halved.account or is_hopeless(halved):
            return Verdicts(back=list(request.jobs))
        return None

    async def conclude(self, outcome: BatchOutcome) -> None:
        """All requests of a batch have ended."""
        flight, verdicts = outcome.flight, outcome.verdicts
        if verdicts.denied:
            await self._decide_denied(outcome)
        if outcome.permits is not None:
            await self._release(flight, outcome.permits, later=False)
        if flight.lane.lane.kind != "campaign" and (outcome.template_probes or verdicts.rejected):
            await self._note_templates(outcome)

    # Templates: while no breaker of one is open nothing is parsed

    async def hold_templates(self, outcome: BatchOutcome, jobs: Sequence[Job]) -> list[Job]:
        """Messages of a notification lane whose template is held up. One a template and interval is not,
        so that a template that was mended heals by itself."""
        flight = outcome.flight
        if flight.lane.lane.kind == "campaign" or not flight.permits.permits.templates:
            return []
        sender, held, probed = flight.lane.sender.id, list[Job](), set[str]()
        found = await self._tell(read_breakers(sender), otherwise=[])
        still_open = {one.scope for one in found if one.is_of_template}
        lease = self._tools.settings.worker.lease_seconds
        for job in jobs if still_open else ():
            scope = template_of(job.line)
            if scope not in still_open:
                continue
            probe = take_probe(sender, scope, op=flight.batch, lease=lease)
            if scope not in probed and await self._tell(probe, otherwise=True):
                outcome.template_probes[job.index] = scope
            else:
                held.append(job)
            probed.add(scope)
        return held

    async def _note_templates(self, outcome: BatchOutcome) -> None:
        """Open the breakers of templates that were refused; close those whose probe was taken."""
        flight, verdicts, terms = outcome.flight, outcome.verdicts, self._tools.settings.breakers
        refused: dict[str, Code] = {}
        for job, code in verdicts.rejected:
            if concerns_template(code) and (scope := template_of(job.line)):
                refused.setdefault(scope, code)
        for scope, code in refused.items():
            probing, reason = (
                Probing(terms.template_first, terms.template_longest),
                explain_item(code[1]),
            )
            if await self._open(flight, scope, reason, flight.batch, probing):
                log.error("template held up", lane=flight.id, breaker=scope, reason=reason)
        taken = {job.index for job, _ in verdicts.accepted}
        for index, scope in outcome.template_probes.items():
            if index in taken:
                if await self._close(flight, scope, flight.batch):
                    log.info("template is well again", lane=flight.id, breaker=scope)
            elif scope not in refused:
                sender = flight.lane.sender.id
                call = release_probe(sender, scope, op=flight.batch, later=True)
                await self._tell(call, otherwise=False)

    # One request

    async def _unmade(
        self, flight: Flight, request: Request, response: Response, verdict: Verdict
    ) -> Decision:
        if isinstance(response.result, Withheld):
            log.info("not posted", **request.fields(flight), why=response.result.why)
        elif not verdict.split:
            why = type(response.result).__name__.lower()
            log.warning("not posted again", **request.fields(flight), why=why)
        if response.permits is not None:
            await self._release(flight, response.permits, later=False)
        return Decision(verdict.messages, _following(request, verdict))

    async def _note_reach(self, flight: Flight, result: object) -> None:
        """Show why requests are not sent from this host, until one is."""
        sender, host = flight.lane.sender.id, self._tools.owner.split(":")[0]
        if isinstance(result, NotSent):
            self._unreached.add(sender)
            now = flight.now(self._tools.clock())
            await self._tell(note_unreached(sender, host, result.reason, now), otherwise=None)
            return
        self._pauses.reached(sender)
        if sender in self._unreached:
            self._unreached.discard(sender)
            await self._tell(forget_unreached(sender, host), otherwise=None)

    async def _count(self, flight: Flight, request: Request, response: Response) -> bool:
        """Count a request that met an error of the provider or no answer; True if `server` is open."""
        result, permits, answers = response.result, response.permits, self._tools.answers
        assert permits is not None
        sender, n, terms = flight.lane.sender.id, len(request.jobs), self._tools.settings.breakers
        failed, silent = is_server_error(result), is_silence(result, flight.id)
        trusted = not (failed or silent or isinstance(result, NotSent))
        counted = Counted(server=False, stalled=False)
        if failed or silent:
            self._failing.add(sender)
            reason = explain_failure(result)
            call = count_server_error(
                sender,
                reason,
                op=permits.op,
                messages=n,
                silent=silent,
                in_a_row=terms.server_errors,
                probing=Probing(terms.server_first, terms.server_longest),
            )
            counted = await self._tell(call, otherwise=counted)
            if counted.stalled:
                log.warning("answers fail to come; only probing", **flight.fields, reason=reason)
            if counted.server:
                log.warning("the provider fails; going slow", lane=flight.id, batch=flight.batch)
            await self._release(flight, permits, later=True, but=(SERVER, STALL))
        elif isinstance(result, Answered):
            answers.took(sender, response.took)
        answers.ended(sender, request_name(permits.op, n), trusted=trusted)
        return counted.server

    async def _answered(
        self, flight: Flight, request: Request, permits: Reservation, found: Verdicts
    ) -> bool:
        """True if the breakers know how it fared; else that is decided at the end of the batch."""
        if found.accepted:
            self._suspects.note_taken(flight.lane.sender.id)
            for scope in permits.permits.probes:
                if scope not in (ACCOUNT, SERVER) and await self._close(flight, scope, permits.op):
                    log.warning("what was held up goes on", lane=flight.id, breaker=scope)
        is_told = bool(found.account or found.accepted or not found.denied)
        if found.account:
            await self._hold_up(flight, permits, found.account[0])
        elif is_told and len(found.doubtful) < len(request.jobs):
            await self._well(flight, permits)
        if flight.lane.lane.kind == "campaign" and not found.stop:
            why = self._alike.note(flight.id, found, len(request.jobs))
            found.stop.extend([why] if why else ())
        return is_told

    async def _refused(
        self,
        flight: Flight,
        request: Request,
        response: Response,
        verdict: Verdict,
        *,
        server_is_open: bool,
    ) -> Decision:
        refused, permits, settings = response.result, response.permits, self._tools.settings
        assert isinstance(refused, Refused)
        assert permits is not None
        fields, sender = request.fields(flight), flight.lane.sender
        again = not server_is_open and self._is_worth_another(flight, request, refused)
        log.warning("refused", **fields, status=refused.status, code=refused.code, again=again)
        if again:
            most = longest_wait(settings.retry.quick_base, settings.retry.quick_cap, request.failed)
            another = request.again(self._tools.rng.uniform(0, most))
            return Decision(next=(another,), again=request_code(refused))
        concern, is_told = verdict.concern, True
        if concern in (Concern.ACCOUNT, Concern.DENIED) and self._renew_key(sender):
            log.warning("the key was changed meanwhile", **fields)
            await self._release(flight, permits, later=False)
            return Decision(judge_stop(request.jobs, refused, Concern.ACCOUNT))
        if concern is Concern.ACCOUNT:
            await self._hold_up(flight, permits, verdict.messages.account[0])
        elif concern is Concern.DENIED:
            is_told = False  # what it means is decided when all of the batch has been asked
        elif classify_request(refused.status, refused.code) is CodeClass.THROTTLE:
            await self._release(flight, permits, later=False)
        elif not is_server_error(refused):
            await self._well(flight, permits)
        if pause := pause_asked_for(refused, settings.retry):
            await self._block(sender, pause + self._tools.rng.uniform(0, 0.1), fields)
        return Decision(verdict.messages, _following(request, verdict), is_told=is_told)

    def _is_worth_another(self, flight: Flight, request: Request, refused: Refused) -> bool:
        """A few attempts follow at once where messages are new, and the failure is likely to pass."""
        retry = self._tools.settings.retry
        is_new = all(job.attempts == request.failed for job in request.jobs)
        attempts = min(retry.quick_attempts, retry.max_attempts) if is_new else 0
        return request.failed + 1 < attempts and worth_a_quick_retry(refused, flight.lane.lane)

    async def _decide_denied(self, outcome: BatchOutcome) -> None:
        """Messages that were refused alone: it is they, or the account."""
        flight, verdicts, denied = outcome.flight, outcome.verdicts, list(outcome.verdicts.denied)
        since = self._suspects.is_well_since(flight.id, flight.lane.sender.id)
        if decide(verdicts, taken_since=since):
            outcome.note_trail(denied)
            self._suspects.add(flight.id)
            log.error("messages are forbidden", **flight.fields, messages=len(denied))
        elif not verdicts.account:
            verdicts.account.append(explain_alike(denied[0][1]))
            await self._hold_up(flight, outcome.permits, verdicts.account[0])
            outcome.permits = None

    async def _block(self, sender: Sender, seconds: float, fields: dict[str, str | int]) -> None:
        try:
            await self._permits.block(sender, seconds)
        except StoreError as error:
            log.warning("cannot block the sender", **fields, error=str(error))

    # Breakers

    async def _hold_up(self, flight: Flight, permits: Reservation | None, why: str) -> None:
        """Key, account or channel: nothing of this sub-account can pass until that is mended. If this
        was the probe, another lane makes the next one."""
        sender, terms = flight.lane.sender.id, self._tools.settings.breakers
        if permits is not None and ACCOUNT in permits.permits.probes:
            self._pauses.probe_failed(sender, flight.id)
        self._suspects.add(flight.id)
        probing, op = (
            Probing(terms.account_first, terms.account_longest),
            permits.op if permits else "",
        )
        if await self._open(flight, ACCOUNT, why, op, probing):
            log.error("sub-account held up", lane=flight.id, sub_account=sender, reason=why)
        if permits is not None and self._is_news(flight, permits):
            await self._close(flight, SERVER, op)

    async def _well(self, flight: Flight, permits: Reservation) -> None:
        """The provider serves this sub-account: what that proves closed is closed."""
        if not self._is_news(flight, permits):
            return
        await self._close(flight, SERVER, permits.op)
        if ACCOUNT in permits.permits.probes and await self._close(flight, ACCOUNT, permits.op):
            log.warning("the sub-account is well again", lane=flight.id)

    def _is_news(self, flight: Flight, permits: Reservation) -> bool:
        return permits.permits.news or flight.lane.sender.id in self._failing

    async def _open(
        self, flight: Flight, scope: str, reason: str, op: str, probing: Probing
    ) -> bool:
        call = open_breaker(
            flight.lane.sender.id,
            scope,
            reason,
            by="worker",
            probe_after=probing.first,
            longest=probing.longest,
            op=op,
        )
        return await self._tell(call, otherwise=False)

    async def _close(self, flight: Flight, scope: str, op: str) -> bool:
        sender = flight.lane.sender.id
        if scope in WHOLE:
            self._failing.discard(sender)
        return await self._tell(close_breaker(sender, scope, by="worker", op=op), otherwise=False)

    async def _release(
        self, flight: Flight, permits: Reservation, *, later: bool, but: Sequence[str] = ()
    ) -> None:
        """A probe has told nothing about these breakers."""
        for scope in permits.permits.probes:
            if scope not in but:
                sender = flight.lane.sender.id
                call = release_probe(sender, scope, op=permits.op, later=later)
                await self._tell(call, otherwise=False)

    async def _tell(self, call: Call[T], *, otherwise: T) -> T:
        """Run a call that must not hold up a batch; `otherwise` where the store does not answer."""
        try:
            return await self._tools.store.run(call)
        except StoreError as error:
            log.warning("a breaker could not be told", error=str(error))
            return otherwise


def template_of(line: bytes) -> str:
    """The scope of the template that a whole message uses; empty if it uses none."""
    if b'"template"' not in line:
        return ""
    try:
        template = json.loads(line.split(b"\t", 2)[1])["content"]["template"]
        return template_scope(template["name"], template["language"])
    except (ValueError, LookupError, TypeError):  # not ours to judge: the provider does
        return ""


def _following(request: Request, verdict: Verdict) -> tuple[Request, ...]:
    if verdict.split:
        return request.halves()
    return (request.of(verdict.rest),) if verdict.rest else ()


def _fail_alike(verdicts: Verdicts) -> bool:
    if verdicts.accepted or len(verdicts.rejected) < ALIKE:
        return False
    return len({code for _, code in verdicts.rejected[-ALIKE:]}) == 1
