"""Templates whose breaker is open: their messages in notification lanes are not posted.

Nothing is parsed while no such breaker is open. One message a template and interval goes out as the
probe, so that a template that was mended heals by itself.
"""

from collections.abc import Sequence

import structlog

from chatapps.job_lines import template_in
from store.breakers import close_breaker, open_breaker, read_breakers, release_probe, take_probe
from store.breakers import template_scope as scope_of
from store.packing import Job
from worker.breakers import tell
from worker.decisions import Code, Verdicts, concerns_template, explain_item
from worker.flight import Flight, Tools

log = structlog.get_logger(__name__)


def template_of(line: bytes) -> str:
    """The scope of the template that a whole message uses; empty if it uses none."""
    used = template_in(line)
    return scope_of(*used) if used else ""


class HeldTemplates:
    """Holds messages of such templates back, and learns from what the provider says of others."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def hold(self, flight: Flight, jobs: Sequence[Job]) -> list[Job]:
        """Which of these must not go out.

        Raises:
            StoreError: nobody can tell.
        """
        if flight.lane.lane.kind == "campaign" or not flight.permits.permits.templates:
            return []
        found = await self._tools.store.run(read_breakers(flight.lane.sender.id))
        still_open = {one.scope for one in found if one.is_of_template}
        held, probed = list[Job](), set[str]()
        for job in jobs:
            scope = template_of(job.line)
            if scope not in still_open:
                continue
            if scope not in probed and await self._may_probe(flight, scope):
                flight.template_probes[job.index] = scope
            else:
                held.append(job)
            probed.add(scope)
        return held

    async def note(self, flight: Flight, verdicts: Verdicts) -> None:
        """Open the breakers of templates that were refused; close those whose probe was taken."""
        if flight.lane.lane.kind == "campaign":
            return
        if not flight.template_probes and not verdicts.rejected:
            return
        refused: dict[str, Code] = {}
        for job, code in verdicts.rejected:
            if concerns_template(code) and (scope := template_of(job.line)):
                refused.setdefault(scope, code)
        for scope, code in refused.items():
            await self._open(flight, scope, explain_item(code[1]))
        taken = {job.index for job, _ in verdicts.accepted}
        for index, scope in flight.template_probes.items():
            if index in taken:
                await self._close(flight, scope)
            elif scope not in refused:
                await self._release(flight, scope)

    async def _may_probe(self, flight: Flight, scope: str) -> bool:
        lease = self._tools.settings.worker.lease_seconds
        return await self._tools.store.run(
            take_probe(flight.lane.sender.id, scope, op=flight.batch, lease=lease)
        )

    async def _open(self, flight: Flight, scope: str, reason: str) -> None:
        terms = self._tools.settings.breakers
        call = open_breaker(
            flight.lane.sender.id,
            scope,
            reason,
            by="worker",
            probe_after=terms.template_first,
            longest=terms.template_longest,
            op=flight.batch,
        )
        if await tell(self._tools.store.run, call, otherwise=False, lane=flight.id):
            log.error("template held up", lane=flight.id, breaker=scope, reason=reason)

    async def _close(self, flight: Flight, scope: str) -> None:
        call = close_breaker(flight.lane.sender.id, scope, by="worker", op=flight.batch)
        if await tell(self._tools.store.run, call, otherwise=False, lane=flight.id):
            log.info("template is well again", lane=flight.id, breaker=scope)

    async def _release(self, flight: Flight, scope: str) -> None:
        call = release_probe(flight.lane.sender.id, scope, op=flight.batch, later=True)
        await tell(self._tools.store.run, call, otherwise=False, lane=flight.id)
