"""Interprets failed requests and decides how a batch goes on; the only caller of the breakers.

    concerns                 then
    a message                it is rejected, retried or in doubt (`worker.results.classify`)
    one request              the same again after a moment, or in halves
    a campaign's content     a streak of equal refusals: it stops
    a template               its breaker, in notification lanes
    key, account, channel    the breaker `account`
    the provider             the breaker `server`; without an answer `stall`; a pause that it asks for
    the way to the provider  this process pauses, and says why

Everything but a stopped campaign resumes by itself: with a probe, or when the pause is over.
"""

from collections.abc import Callable, Sequence

import structlog

from chatapps.codes import CodeClass, classify_request
from chatapps.responses import Answered, NoAnswer, NotSent, Refused
from store.errors import StoreError
from store.limits.breakers import ACCOUNT
from store.records.job_section import Job
from worker.batch import ClaimedBatch, Reservation, Sender, Tools
from worker.pacing.backoff import Backoff, longest_wait
from worker.pacing.breakers import Breakers
from worker.pacing.permits import PermitOffice
from worker.requests import BatchOutcome, Decision, Request, Response
from worker.results.classify import (
    FailureScope,
    Known,
    Named,
    Unmade,
    Verdict,
    Verdicts,
    Withheld,
    explain_refusal_streak,
    is_server_error,
    judge_stop,
    pause_asked_for,
    request_code,
    worth_a_quick_retry,
)
from worker.results.refusal_streaks import RefusalStreaks, Suspects, decide, is_hopeless

log = structlog.get_logger(__name__)

STREAK = 3
"""Consecutive single messages with the same refusal before the campaign is suspected."""


class FailurePolicy:
    """Decides, request by request, how a batch goes on. One object per process.

    Args:
        renew_key: returns True when a sub-account has another key now than the one that was used.
    """

    def __init__(
        self,
        tools: Tools,
        permits: PermitOffice,
        backoff: Backoff,
        renew_key: Callable[[Sender], bool],
    ) -> None:
        self._tools = tools
        self._permits = permits
        self._backoff = backoff
        self._renew_key = renew_key
        self._suspects = Suspects(tools.clock)
        self._streaks = RefusalStreaks(tools.settings.breakers.refused_with_one_code)
        self._breakers = Breakers(tools)

    def is_suspect(self, batch: ClaimedBatch) -> bool:
        """True when its lane recently had the whole sub-account held up."""
        return self._suspects.has(batch.lane_id)

    async def observe(
        self, batch: ClaimedBatch, request: Request, response: Response, verdict: Verdict
    ) -> Decision:
        """Report the result of a request to the store, and decide how it goes on."""
        result, permits = response.result, response.permits
        if isinstance(result, Unmade):
            return await self._unmade(batch, request, response, verdict)
        assert permits is not None
        is_told = True
        await self._breakers.note_reach(batch, result)
        n = len(request.jobs)
        server_is_open = await self._breakers.count(batch, n, result, permits, response.took)
        if not isinstance(result, NotSent):
            self._backoff.reached(batch.lane.sender.id)
        match result:
            case NotSent():
                pause = self._backoff.not_reached(batch.lane.sender.id)
                fields = {"reason": result.reason, "pause": round(pause, 2)}
                log.warning("request_not_sent", **request.fields(batch), **fields)
                await self._breakers.release(batch, permits, later=False)
            case NoAnswer():
                log.warning("request_unanswered", **request.fields(batch), reason=result.reason)
            case Answered():
                is_told = await self._answered(batch, request, permits, verdict.messages)
            case Refused():
                return await self._refused(
                    batch, request, response, verdict, server_is_open=server_is_open
                )
        return Decision(verdict.messages, _following(request, verdict), is_told=is_told)

    async def hold_templates(self, outcome: BatchOutcome, jobs: Sequence[Job]) -> list[Job]:
        """Those jobs that must not be sent because their template is held up."""
        return await self._breakers.hold_templates(outcome, jobs)

    def spare(self, batch: ClaimedBatch, request: Request) -> Verdicts | None:
        """The verdicts of a request that others of its batch have made pointless, or None."""
        halved = request.within[-1] if request.within else Verdicts()
        if batch.lane.lane.kind == "campaign" and _fail_with_one_code(halved):
            why = explain_refusal_streak(halved.rejected[-1][1])
            return Verdicts(back=list(request.jobs), stop=[why])
        if halved.stop or halved.account or is_hopeless(halved):
            return Verdicts(back=list(request.jobs))
        return None

    async def conclude(self, outcome: BatchOutcome) -> None:
        """Handle the end of all requests of a batch."""
        batch, verdicts = outcome.batch, outcome.verdicts
        if verdicts.denied:
            await self._decide_denied(outcome)
        if outcome.permits is not None:
            await self._breakers.release(batch, outcome.permits, later=False)
        if batch.lane.lane.kind != "campaign" and (outcome.template_probes or verdicts.rejected):
            await self._breakers.note_templates(outcome)

    async def _unmade(
        self, batch: ClaimedBatch, request: Request, response: Response, verdict: Verdict
    ) -> Decision:
        if isinstance(response.result, Withheld):
            log.info("request_not_posted", **request.fields(batch), why=response.result.why)
        elif isinstance(response.result, Known | Named):
            why = type(response.result).__name__.lower()
            log.warning("request_not_posted_again", **request.fields(batch), why=why)
        if response.permits is not None:
            await self._breakers.release(batch, response.permits, later=False)
        return Decision(verdict.messages, _following(request, verdict))

    async def _answered(
        self, batch: ClaimedBatch, request: Request, permits: Reservation, found: Verdicts
    ) -> bool:
        """True if the result was reported to the breakers; else the end of the batch decides."""
        if found.accepted:
            self._suspects.note_taken(batch.lane.sender.id)
            await self._breakers.let_go(batch, permits)
        is_told = bool(found.account or found.accepted or not found.denied)
        if found.account:
            await self._hold_up(batch, permits, found.account[0])
        elif is_told and len(found.doubtful) < len(request.jobs):
            await self._breakers.well(batch, permits)
        if batch.lane.lane.kind == "campaign" and not found.stop:
            why = self._streaks.note(batch.lane_id, found, len(request.jobs))
            found.stop.extend([why] if why else ())
        return is_told

    async def _refused(
        self,
        batch: ClaimedBatch,
        request: Request,
        response: Response,
        verdict: Verdict,
        *,
        server_is_open: bool,
    ) -> Decision:
        refused, permits, settings = response.result, response.permits, self._tools.settings
        assert isinstance(refused, Refused)
        assert permits is not None
        fields, sender = request.fields(batch), batch.lane.sender
        throttled = classify_request(refused.status, refused.code) is CodeClass.THROTTLE
        tally = self._tools.meters.signals_of(sender.id)
        if tally is not None and (throttled or is_server_error(refused)):
            posted = batch.now(self._tools.clock() - response.took)
            tally.refused(posted, throttled=throttled)
        again = not server_is_open and self._is_worth_another(batch, request, refused)
        log.warning(
            "request_refused", **fields, status=refused.status, code=refused.code, again=again
        )
        if again:
            most = longest_wait(settings.retry.quick_base, settings.retry.quick_cap, request.failed)
            another = request.again(self._tools.rng.uniform(0, most))
            return Decision(next=(another,), again=request_code(refused))
        scope, is_told = verdict.scope, True
        if scope in (FailureScope.ACCOUNT, FailureScope.DENIED) and self._renew_key(sender):
            log.warning("api_key_changed", **fields)
            await self._breakers.release(batch, permits, later=False)
            return Decision(judge_stop(request.jobs, refused, FailureScope.ACCOUNT))
        if scope is FailureScope.ACCOUNT:
            await self._hold_up(batch, permits, verdict.messages.account[0])
        elif scope is FailureScope.DENIED:
            is_told = False  # decided at the end of the batch
        elif throttled:
            await self._breakers.release(batch, permits, later=False)
        elif not is_server_error(refused):
            await self._breakers.well(batch, permits)
        if pause := pause_asked_for(refused, settings.retry):
            await self._block(sender, pause + self._tools.rng.uniform(0, 0.1), fields)
        return Decision(verdict.messages, _following(request, verdict), is_told=is_told)

    def _is_worth_another(self, batch: ClaimedBatch, request: Request, refused: Refused) -> bool:
        """True for new messages whose failure is likely to pass: a few attempts follow at once."""
        retry = self._tools.settings.retry
        is_new = all(job.attempts == request.failed for job in request.jobs)
        attempts = min(retry.quick_attempts, retry.max_attempts) if is_new else 0
        return request.failed + 1 < attempts and worth_a_quick_retry(refused, batch.lane.lane)

    async def _decide_denied(self, outcome: BatchOutcome) -> None:
        """Decide whether refused single messages are at fault, or the account."""
        batch, verdicts, denied = outcome.batch, outcome.verdicts, list(outcome.verdicts.denied)
        since = self._suspects.is_well_since(batch.lane_id, batch.lane.sender.id)
        if decide(verdicts, taken_since=since):
            outcome.log_attempts(denied)
            self._suspects.add(batch.lane_id)
            log.error("messages_forbidden", **batch.fields, messages=len(denied))
        elif not verdicts.account:
            verdicts.account.append(explain_refusal_streak(denied[0][1]))
            await self._hold_up(batch, outcome.permits, verdicts.account[0])
            outcome.permits = None

    async def _hold_up(self, batch: ClaimedBatch, permits: Reservation | None, why: str) -> None:
        """Hold up the sub-account; if this was the probe, another lane probes next."""
        if permits is not None and ACCOUNT in permits.permits.probes:
            self._backoff.probe_failed(batch.lane.sender.id, batch.lane_id)
        self._suspects.add(batch.lane_id)
        await self._breakers.hold_up(batch, permits, why)

    async def _block(self, sender: Sender, seconds: float, fields: dict[str, str | int]) -> None:
        try:
            await self._permits.block(sender, seconds)
        except StoreError as error:
            log.warning("sub_account_not_paused", **fields, error=str(error))


def _following(request: Request, verdict: Verdict) -> tuple[Request, ...]:
    if verdict.split:
        return request.halves()
    return (request.of(verdict.rest),) if verdict.rest else ()


def _fail_with_one_code(verdicts: Verdicts) -> bool:
    if verdicts.accepted or len(verdicts.rejected) < STREAK:
        return False
    return len({code for _, code in verdicts.rejected[-STREAK:]}) == 1
