"""Divides claimed jobs by the tier of their portfolio: those with a place go, others wait for one."""

from collections.abc import Sequence

from store.limits.tier import UNLIMITED, reserve_places
from store.people.service_windows import (
    SUPPRESSED,
    SUPPRESSED_EVERYWHERE,
    WINDOWS,
    find_ineligible,
    united,
)
from store.queue.settlement import PutOff, WaitCause
from store.records.job_section import Job
from worker.batch import OpenLane, Tools
from worker.delivery.eligibility import people_of


class TierBudget:
    """Takes places for people outside a service window; suppressed ones need none. One object per
    process. Costs two round trips a batch where a tier is in force, and nothing elsewhere."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def split(
        self, lane: OpenLane, jobs: Sequence[Job]
    ) -> tuple[Sequence[Job], list[PutOff]]:
        """The jobs that may go now, and the others. Urgent ones always go, and are counted."""
        budget = self._tools.stops.tiers.budget(self._tools.settings, lane.lane.sub_account)
        if budget is None or budget.tier == UNLIMITED:
            return jobs, []
        people = await self._outside(lane, jobs) if jobs else []
        if not people:
            return jobs, []
        is_campaign = lane.lane.kind == "campaign"
        names = people_of([jobs[at] for at in people], normal=is_campaign)
        share = budget.share if is_campaign else 1
        call = reserve_places(budget.portfolio, budget.tier, names, None if lane.urgent else share)
        over = await self._tools.store.run(call)
        late = {people[at] for at in over.positions}
        waiting = [PutOff(jobs[at], over.until, WaitCause.TIER) for at in sorted(late)]
        return [job for at, job in enumerate(jobs) if at not in late], waiting

    async def _outside(self, lane: OpenLane, jobs: Sequence[Job]) -> list[int]:
        """Positions of jobs whose people have no open service window, and are not suppressed."""
        await self._tools.templates.look(
            self._tools.store, lane.lane.sub_account, self._tools.clock()
        )
        purposes = self._tools.templates.purposes(lane.lane)
        of_each = [purposes.of_all] if purposes.of_all else [purposes.of(job.line) for job in jobs]
        names = people_of(jobs, normal=lane.lane.kind == "campaign")
        rules = SUPPRESSED | SUPPRESSED_EVERYWHERE | WINDOWS
        calls = find_ineligible(lane.lane.sub_account, names, of_each, rules)
        found = united(await self._tools.store.run_all(calls))
        return sorted(set(found.closed).difference(found.suppressed))
