"""Collects changes of messages from the outboxes of lanes into the outcome streams.

Each worker collects the lanes that it has written to, once a second. The sweep looks at all lanes every
`SURVEY_SECONDS`: for what another process wrote, for new statuses of campaigns, for lanes that began
or ceased to be wanted, and for events of people. Nothing is done while no stream is wanted.
"""

from store.batched import by_hundred
from store.client import AsyncStore, command
from store.keys import PEOPLE_SHARDS, outcome_stream
from store.lanes.lane import LaneStatus
from store.outcomes.stream import (
    AT_ONCE,
    DAY_MS,
    LaneFacts,
    all_wanted,
    collect,
    collect_person_events,
    follow_lane,
    forget_stream,
    last_person_event,
    listed_lanes,
    outbox_size,
    read_facts,
    read_outbox,
)
from store.people.events import person_events_after
from store.people.suppressions import EVERYWHERE
from store.reports.waiting import now_ms

SURVEY_SECONDS = 5.0


class Outcomes:
    """The lanes to collect from. One object per process.

    Args:
        keep_days: days for which changes are kept.
        most_bytes: size of the stream of a sub-account.
    """

    def __init__(self, keep_days: float = 7, most_bytes: int = 1 << 30) -> None:
        self._keep_ms = int(keep_days * DAY_MS)
        self._most_bytes = most_bytes
        self._is_wanted = False
        self._written: set[str] = set()
        self._told: dict[str, tuple[str, LaneStatus]] = {}  # lane → sub-account, status
        self._survey_at = float("-inf")  # our clock

    def note(self, lane: str) -> None:
        """Note that this process has changed messages of a lane."""
        if self._is_wanted:
            self._written.add(lane)

    async def collect_written(self, store: AsyncStore) -> None:
        """Collect from the lanes that this process has written to."""
        wanted = await store.run(all_wanted())
        self._is_wanted = bool(wanted)
        while self._written:
            lane = self._written.pop()
            try:
                await self._collect(store, await store.run(read_facts(lane)))
            except BaseException:
                self._written.add(lane)
                raise

    async def survey(self, store: AsyncStore, clock: float) -> None:
        """Look at all lanes if it is time to."""
        if clock < self._survey_at + SURVEY_SECONDS:
            return
        until, now = await store.run(all_wanted()), await store.run(now_ms())
        wanted = {name for name, end in until.items() if end > now}
        listed = await store.run(listed_lanes()) if until else []
        for lanes in by_hundred(listed):
            sizes = await store.run_all([outbox_size(lane) for lane in lanes])
            facts = await store.run_all([read_facts(lane) for lane in lanes])
            for size, one in zip(sizes, facts, strict=True):
                await self._attend(store, one, size, wanted=one.sub_account in wanted)
        for name in wanted:
            await self._collect_person_events(store, name)
        for name in until.keys() - wanted:
            await store.run_all(forget_stream(name, now))
        for lane in self._told.keys() - set(listed):
            name, _ = self._told.pop(lane)
            await store.run(command("HDEL", outcome_stream(name)[2], lane, parse=int))
        self._survey_at = clock

    async def _attend(
        self, store: AsyncStore, facts: LaneFacts, size: int, *, wanted: bool
    ) -> None:
        if facts.followed != wanted and facts.sub_account:
            await store.run(follow_lane(facts.lane, wanted=wanted))
        if not wanted:
            self._told.pop(facts.lane, None)
        elif size or self._told.get(facts.lane) != (facts.sub_account, facts.status):
            await self._collect(store, facts)

    async def _collect_person_events(self, store: AsyncStore, sub_account: str) -> None:
        """Move references to events of people, a thousand of each shard at a time."""
        shards = [(one, n) for one in (sub_account, EVERYWHERE) for n in range(PEOPLE_SHARDS)]
        lasts = await store.run_all([last_person_event(sub_account, *shard) for shard in shards])
        begun = zip(shards, lasts, strict=True)
        found = await store.run_all([person_events_after(*shard, last) for shard, last in begun])
        for shard, events in zip(shards, found, strict=True):
            if events:
                await store.run(
                    collect_person_events(
                        sub_account, *shard, events, self._keep_ms, self._most_bytes
                    )
                )

    async def _collect(self, store: AsyncStore, facts: LaneFacts) -> None:
        full = facts.followed
        while full:
            entries = await store.run(read_outbox(facts.lane))
            full = len(entries) == AT_ONCE
            event = None if full else facts.event
            call = collect(
                facts, entries, keep_ms=self._keep_ms, most_bytes=self._most_bytes, event=event
            )
            await store.run(call)
            if not full:
                self._told[facts.lane] = (facts.sub_account, facts.status)
