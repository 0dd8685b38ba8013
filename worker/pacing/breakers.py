"""The breakers of a sub-account as seen by one process, for its `FailurePolicy` alone.

Breakers are best-effort: when the store does not answer, sending goes on, and the lease of a probe ends
by itself.
"""

import json
from collections.abc import Sequence
from typing import TypeVar

import structlog

from chatapps.responses import Answered, NotSent, Result
from store.client import Call
from store.errors import StoreError
from store.limits.breakers import (
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
from store.limits.unreached import forget_unreached, note_unreached
from store.records.job_section import Job
from worker.batch import ClaimedBatch, Reservation, Tools
from worker.requests import BatchOutcome
from worker.results.classify import (
    Code,
    explain_failure,
    explain_item,
    is_about_template,
    is_server_error,
    is_silence,
)
from worker.stall_gate import request_name

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Breakers:
    """Reports the results of this process's requests to the store, where the breakers need them."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._failing: set[str] = set()  # sub-accounts whose last request from here failed
        self._unreached: set[str] = set()  # sub-accounts whose last request could not be sent

    async def note_reach(self, batch: ClaimedBatch, result: Result) -> None:
        """Report why requests cannot be sent from this host, until one is sent."""
        sender, host = batch.lane.sender.id, self._tools.owner.split(":")[0]
        if isinstance(result, NotSent):
            self._unreached.add(sender)
            now = batch.now(self._tools.clock())
            await self._tell(note_unreached(sender, host, result.reason, now), otherwise=None)
            return
        if sender in self._unreached:
            self._unreached.discard(sender)
            await self._tell(forget_unreached(sender, host), otherwise=None)

    async def count(
        self, batch: ClaimedBatch, messages: int, result: Result, permits: Reservation, took: float
    ) -> bool:
        """Count a request with a server error or without an answer; True if `server` is open.

        Args:
            took: seconds.
        """
        sender, terms, answers = (
            batch.lane.sender.id,
            self._tools.settings.breakers,
            self._tools.answers,
        )
        failed, silent = is_server_error(result), is_silence(result, batch.lane_id)
        trusted = not (failed or silent or isinstance(result, NotSent))
        counted = Counted(server=False, stalled=False)
        if failed or silent:
            self._failing.add(sender)
            reason = explain_failure(result)
            call = count_server_error(
                sender,
                reason,
                op=permits.op,
                messages=messages,
                silent=silent,
                in_a_row=terms.server_errors,
                probing=Probing(terms.server_first, terms.server_longest),
            )
            counted = await self._tell(call, otherwise=counted)
            if counted.stalled:
                log.warning("stall_breaker_opened", **batch.fields, reason=reason)
            if counted.server:
                log.warning("server_breaker_opened", lane=batch.lane_id, batch=batch.id)
            await self.release(batch, permits, later=True, but=(SERVER, STALL))
        elif isinstance(result, Answered):
            answers.took(sender, took)
        answers.ended(sender, request_name(permits.op, messages), trusted=trusted)
        return counted.server

    async def hold_templates(self, outcome: BatchOutcome, jobs: Sequence[Job]) -> list[Job]:
        """Messages of a notification lane with a held-up template. One per template and interval is let
        through as a probe. Nothing is parsed while no breaker is open."""
        batch = outcome.batch
        if batch.lane.lane.kind == "campaign" or not batch.permits.permits.templates:
            return []
        sender, held, probed = batch.lane.sender.id, list[Job](), set[str]()
        found = await self._tell(read_breakers(sender), otherwise=[])
        still_open = {one.scope for one in found if one.is_of_template}
        lease = self._tools.settings.worker.lease_seconds
        for job in jobs if still_open else ():
            scope = template_of(job.line)
            if scope not in still_open:
                continue
            probe = take_probe(sender, scope, op=batch.id, lease=lease)
            if scope not in probed and await self._tell(probe, otherwise=True):
                outcome.template_probes[job.index] = scope
            else:
                held.append(job)
            probed.add(scope)
        return held

    async def note_templates(self, outcome: BatchOutcome) -> None:
        """Open the breakers of refused templates; close those whose probe was accepted."""
        batch, verdicts, terms = outcome.batch, outcome.verdicts, self._tools.settings.breakers
        probing = Probing(terms.template_first, terms.template_longest)
        refused: dict[str, Code] = {}
        for job, code in verdicts.rejected:
            if is_about_template(code) and (scope := template_of(job.line)):
                refused.setdefault(scope, code)
        for scope, code in refused.items():
            reason = explain_item(code[1])
            if await self._open(batch, scope, reason, batch.id, probing):
                log.error(
                    "template_breaker_opened", lane=batch.lane_id, breaker=scope, reason=reason
                )
        taken = {job.index for job, _ in verdicts.accepted}
        for index, scope in outcome.template_probes.items():
            if index in taken:
                if await self._close(batch, scope, batch.id):
                    log.info("template_breaker_closed", lane=batch.lane_id, breaker=scope)
            elif scope not in refused:
                sender = batch.lane.sender.id
                call = release_probe(sender, scope, op=batch.id, later=True)
                await self._tell(call, otherwise=False)

    async def hold_up(self, batch: ClaimedBatch, permits: Reservation | None, why: str) -> None:
        """Hold up the sub-account for its key, account or channel."""
        sender, terms = batch.lane.sender.id, self._tools.settings.breakers
        probing = Probing(terms.account_first, terms.account_longest)
        op = permits.op if permits else ""
        if await self._open(batch, ACCOUNT, why, op, probing):
            log.error("account_breaker_opened", lane=batch.lane_id, sub_account=sender, reason=why)
        if permits is not None and self._is_news(batch, permits):
            await self._close(batch, SERVER, op)

    async def well(self, batch: ClaimedBatch, permits: Reservation) -> None:
        """Close the breakers that a successful request proves closed."""
        if not self._is_news(batch, permits):
            return
        await self._close(batch, SERVER, permits.op)
        if ACCOUNT in permits.permits.probes and await self._close(batch, ACCOUNT, permits.op):
            log.warning("account_breaker_closed", lane=batch.lane_id)

    async def let_go(self, batch: ClaimedBatch, permits: Reservation) -> None:
        """Close the lane's own breakers after a successful probe."""
        for scope in permits.permits.probes:
            if scope not in (ACCOUNT, SERVER) and await self._close(batch, scope, permits.op):
                log.warning("breaker_closed", lane=batch.lane_id, breaker=scope)

    def _is_news(self, batch: ClaimedBatch, permits: Reservation) -> bool:
        return permits.permits.news or batch.lane.sender.id in self._failing

    async def _open(
        self, batch: ClaimedBatch, scope: str, reason: str, op: str, probing: Probing
    ) -> bool:
        call = open_breaker(
            batch.lane.sender.id,
            scope,
            reason,
            by="worker",
            probe_after=probing.first,
            longest=probing.longest,
            op=op,
        )
        return await self._tell(call, otherwise=False)

    async def _close(self, batch: ClaimedBatch, scope: str, op: str) -> bool:
        sender = batch.lane.sender.id
        if scope in WHOLE:
            self._failing.discard(sender)
        return await self._tell(close_breaker(sender, scope, by="worker", op=op), otherwise=False)

    async def release(
        self, batch: ClaimedBatch, permits: Reservation, *, later: bool, but: Sequence[str] = ()
    ) -> None:
        """End the probes of these breakers without a result."""
        for scope in permits.permits.probes:
            if scope not in but:
                sender = batch.lane.sender.id
                call = release_probe(sender, scope, op=permits.op, later=later)
                await self._tell(call, otherwise=False)

    async def _tell(self, call: Call[T], *, otherwise: T) -> T:
        """Run a call that must not delay a batch; `otherwise` if the store does not answer."""
        try:
            return await self._tools.store.run(call)
        except StoreError as error:
            log.warning("breaker_not_updated", error=str(error))
            return otherwise


def template_of(line: bytes) -> str:
    """The scope of a single message's template; empty for none."""
    if b'"template"' not in line:
        return ""
    try:
        template = json.loads(line.split(b"\t", 2)[1])["content"]["template"]
        return template_scope(template["name"], template["language"])
    except (ValueError, LookupError, TypeError):  # invalid content is left to the provider
        return ""
