"""Divides claimed jobs: those that may go now by the hours of their people, and those that wait."""

from collections.abc import Sequence

from store.people.quiet_hours import HoursInForce, LocalHours, LocalStart
from store.purposes import Purpose
from store.queue.settlement import PutOff
from store.records.job_section import Job
from worker.batch import OpenLane, Tools

MOST_LANES = 1024
"""Lanes whose hours are kept."""


class LaneHours:
    """The quiet hours in force, and those of each lane. One object per process."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._in_force = HoursInForce(tools.settings.quiet_hours)
        self._of: dict[tuple[str, bool], LocalHours | None] = {}  # lane, of marketing

    async def split(
        self, lane: OpenLane, jobs: Sequence[Job], now_ms: int
    ) -> tuple[Sequence[Job], list[PutOff]]:
        """The jobs that may go now, and the others."""
        live = self._tools.stops.live_hours
        if live.revision != self._in_force.revision:
            self._in_force = HoursInForce(self._tools.settings.quiet_hours, live)
            self._of.clear()
        if not (self._in_force.on or lane.lane.local_start):
            return jobs, []
        await self._tools.templates.look(
            self._tools.store, lane.lane.sub_account, self._tools.clock()
        )
        purposes, now = self._tools.templates.purposes(lane.lane), now_ms / 1000
        of_marketing = self._hours_of(lane, not lane.urgent)
        of_others = self._hours_of(lane, False)
        open_, later = list[Job](), list[PutOff]()
        for job in jobs:
            purpose = purposes.of_all or purposes.of(job.line)
            hours = of_marketing if purpose is Purpose.MARKETING else of_others
            due = hours.due(job.line, now) if hours else 0
            if due:
                later.append(PutOff(job, due))
            else:
                open_.append(job)
        return open_, later

    def _hours_of(self, lane: OpenLane, marketing: bool) -> LocalHours | None:
        place = (lane.lane.id, marketing)
        if place not in self._of:
            if len(self._of) >= MOST_LANES:
                self._of.clear()
            start = LocalStart.load(lane.lane.local_start)
            self._of[place] = LocalHours.of(
                self._in_force, start, lane.lane.zone_place, marketing=marketing
            )
        return self._of[place]
