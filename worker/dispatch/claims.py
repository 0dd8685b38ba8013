"""Selects a lane, takes permits for its jobs, then claims the jobs."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from typing import Any

import structlog
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt

from config.sections import SettingsError
from store.client import Call, command
from store.errors import StoreError, StoreUnavailable
from store.keys import lane_keys
from store.lanes.lane import SPREAD, Lane, LaneStatus, Priority, announce, read_status
from store.limits.breakers import ACCOUNT, STALL
from store.queue.settlement import Claim, claim_batch
from store.states import State
from store.workers.presence import forget_ready, ready_lanes, wake_workers
from worker.batch import ClaimedBatch, OpenLane, Reservation, Sender, Tools
from worker.delivery.write_settlement import settle
from worker.dispatch.lane_cache import LaneCache, note_trouble
from worker.dispatch.lane_hours import LaneHours
from worker.dispatch.lane_selection import Turns
from worker.dispatch.pair_spacing import space
from worker.dispatch.tier_budget import TierBudget
from worker.failpoints import Point
from worker.pacing.backoff import Backoff, full_jitter
from worker.pacing.permits import PermitOffice
from worker.requests import BatchOutcome
from worker.revision_check import check_revision

log = structlog.get_logger(__name__)

LONGEST_PAUSE = 1.0
"""Most seconds before permits are requested again, however distant the turn is: limits may change."""
BREAKER_PAUSE = 0.25
"""The same for a breaker: closing it by hand wakes no process."""
LOOK_EVERY = 0.02
"""Seconds for which the list of ready lanes is cached, unless a wake-up comes."""
CALL_EVERY = 0.05
"""Seconds between two requests for help with lanes of one priority."""
NEVER = float("-inf")
LOOK_AGAIN = 30.0
"""Seconds before a lane that this worker cannot send from is tried again."""
SORTING_SECONDS = 0.5
"""Seconds after which a claim ends that finds only messages whose people may not get them yet."""
TRIES = 5
USUAL_PACE: tuple[float, int] = (0, 1)
"""Rate, messages/s (0: that of the sub-account), and weight of a lane without a pace of its own."""


class Claims:
    """Steps 1 to 3 of a batch."""

    def __init__(self, tools: Tools, permits: PermitOffice, backoff: Backoff) -> None:
        self._tools = tools
        self._permits = permits
        self._backoff = backoff
        self._hours = LaneHours(tools)
        self._budget = TierBudget(tools)
        self._cache = LaneCache(tools.store, tools.settings)
        self._turns = Turns()
        self._paces: dict[str, tuple[float, int]] = {}  # lane → messages/s and weight, if not usual
        self._ready: list[tuple[str, int]] = []
        self._looked_at = NEVER
        self._stalled: set[str] = set()  # sub-accounts whose stall was logged
        self._called_at: dict[Priority, float] = {}
        self._foreign: dict[
            str, float
        ] = {}  # lane that cannot be sent from here → next try, our clock

    async def choose(
        self, has_room: Callable[[OpenLane], bool], claiming: Container[str] = ()
    ) -> OpenLane | None:
        """Step 1: the most urgent lane that may be sent from now, or None."""

        def may_send(lane_id: str) -> bool:
            lane = self._cache.known(lane_id)
            return (
                lane is not None
                and has_room(lane)
                and self._backoff.is_free(lane.sender.id, urgent=lane.urgent)
                and self._backoff.lane_is_free(lane_id)
                and not self._tools.stops.holds(lane.lane)
                and not self._gives_way(lane)
            )

        chosen = None
        if self._tools.clock() < self._looked_at + LOOK_EVERY:
            chosen = self._turns.choose(self._ready, may_send)
        if chosen is None:
            await self._look()
            chosen = self._turns.choose(self._ready, may_send)
        if chosen is None or (self._paces and self._waits_for_another(chosen, claiming)):
            return None
        return self._cache.known(chosen)

    def _waits_for_another(self, chosen: str, claiming: Container[str]) -> bool:
        """True when an equal lane of the sub-account is to go first, and is just claiming: with weights,
        its turn is not given to others meanwhile."""
        urgency = dict(self._ready)
        lane = self._cache.known(chosen)
        return lane is not None and any(
            one in claiming
            and urgency.get(one) == urgency.get(chosen)
            and self._turns.is_due_before(one, chosen)
            for one in self._ready_of(lane.sender.id)
        )

    def look_again(self) -> None:
        """Invalidate the list of ready lanes."""
        self._looked_at = NEVER

    async def _look(self) -> None:
        """Read the ready lanes; cached, since there may be a thousand."""
        served = {Priority(name).urgency for name in self._tools.settings.worker.priorities}
        looked_at = self._tools.clock()
        await self._tools.stops.refresh(self._tools.store, looked_at, self._tools.settings)
        found = await self._tools.store.run(ready_lanes())
        self._ready, self._looked_at = [pair for pair in found if pair[1] in served], looked_at
        for lane_id, _ in self._ready:
            if self._cache.known(lane_id) is None:
                await self._open(lane_id)

    async def reserve(self, lane: OpenLane) -> Reservation | None:
        """Step 2: permits for the queued jobs, at most one batch; None = not now."""
        queued = await self._queued(lane)
        if queued <= 0:
            await self._forget(lane)
            return None
        cap = self._tools.settings.batch.max_messages
        rate, weight = self._pace_of(lane.lane)
        if rate == SPREAD:
            rate = self._spread_rate(lane.lane)
        if rate > 0:
            cap = max(1, min(cap, int(rate / 2)))
        most = self._permits.limits(lane.sender).largest_batch(urgent=lane.urgent, cap=cap)
        reservation = await self._permits.reserve(
            lane.sender,
            min(queued, most),
            urgent=lane.urgent,
            scopes=lane.scopes,
            lane=lane.lane.id,
        )
        if reservation.granted:
            self._turns.charge(lane.lane.id, reservation.n, weight)
            if STALL not in reservation.permits.probes:
                self._stalled.discard(lane.sender.id)
            if ACCOUNT not in reservation.permits.probes:
                self._backoff.goes_on(lane.sender.id)
            if queued > reservation.n and not reservation.permits.probes:
                await self._seek_help_for(lane.lane.priority)
            return reservation
        held_by = reservation.permits.held_by
        if held_by == STALL and lane.sender.id not in self._stalled:
            self._stalled.add(lane.sender.id)
            log.warning("stall_breaker_open", sub_account=lane.sender.id)
        pause = min(reservation.permits.wait, BREAKER_PAUSE if held_by else LONGEST_PAUSE)
        if held_by in lane.scopes:  # other lanes of the sub-account go on
            self._backoff.hold_lane(lane.lane.id, pause)
            return None
        self._backoff.hold(lane.sender.id, pause, urgent=lane.urgent)
        if held_by == ACCOUNT:  # its key may have been replaced meanwhile
            self.renew_key(lane.sender)
        return None

    async def claim(
        self, lane: OpenLane, reservation: Reservation, stopping: asyncio.Event
    ) -> ClaimedBatch | None:
        """Step 3: claim jobs for the permits when their turn has come; None if there are none.

        Raises:
            StoreError: jobs that were claimed nevertheless are recovered when their lease runs out.
        """
        await self._permits.await_turn(reservation)
        if stopping.is_set():
            await self._permits.give_back(lane.sender, reservation, reservation.n)
            return None
        known = self._tools.revisions.known(lane.lane.id)
        batch, claim = await self._claim_open(lane, reservation, stopping)
        self._note_pace(lane.lane, claim)
        if claim.status is not LaneStatus.GONE:  # if it halts, marking returns the jobs
            await check_revision(self._tools, lane.lane.id, known=known, revision=claim.revision)
        with contextlib.suppress(StoreError):  # the jobs are claimed already
            await self._tidy_up(lane, reservation, claim, len(batch.jobs))
        if not batch.jobs:
            return None
        self._tools.meters.claimed(lane.lane.priority, len(batch.jobs))
        return batch

    async def _claim_open(
        self, lane: OpenLane, reservation: Reservation, stopping: asyncio.Event
    ) -> tuple[ClaimedBatch, Claim]:
        """Claim jobs for the permits that may go now by the hours of their people and by the tier.

        Those that may not are put off at once: a crash of a later request leaves only its own in doubt.
        The others go back to the front of the queue and are claimed again, with further ones where they
        are few: so permits, and turns of the lane's rate, are not spent on those that wait.
        """
        n = most = reservation.n
        began, paid = self._tools.clock(), False
        while True:
            id_ = secrets.token_hex(6)
            claim = await self._claim(lane, id_, most, at_any_rate=paid)
            paid = True
            self._tools.pass_by(Point.CLAIMED)
            rules = self._tools.stops.revision
            try:
                open_, later = await self._hours.split(lane, claim.jobs, claim.now_ms)
            except ValueError as error:  # hours that only another version can read
                batch = ClaimedBatch(lane, id_, claim.jobs, reservation, claim.now_ms, began)
                await self._put_back(batch)
                self._cache.forget(lane.lane.id)
                await self._leave_to_others(lane.lane.id, str(error))
                return replace(batch, jobs=()), claim
            open_, over = await self._budget.split(lane, open_)
            later += over
            if reservation.permits.shared:
                open_, soon = await space(self._tools, lane, open_)
                later += soon
            batch = ClaimedBatch(
                lane, id_, open_, reservation, claim.now_ms, self._tools.clock(),
                claim.early_updates, later, rules,
            )  # fmt: skip
            if len(claim.jobs) <= n and not later:
                return batch, claim
            await self._put_back(batch)
            if stopping.is_set() or self._tools.clock() > began + SORTING_SECONDS:
                return replace(batch, jobs=(), put_off=()), claim
            most = n if open_ else self._tools.settings.batch.max_messages
            if n <= 2 * len(open_):
                most = min(n, len(open_))

    async def _put_back(self, batch: ClaimedBatch) -> None:
        """Return the jobs of a batch to the front of the queue; those that wait are put off."""
        outcome = BatchOutcome(batch)
        outcome.verdicts.back.extend(batch.jobs)
        await asyncio.shield(settle(outcome, self._tools))

    async def _claim(self, lane: OpenLane, batch: str, most: int, *, at_any_rate: bool) -> Claim:
        """Claim up to `most` jobs; after a lost reply the claim is repeated with the same result."""
        settings = self._tools.settings
        call = claim_batch(
            lane.lane.id,
            batch,
            owner=self._tools.owner,
            most=most,
            most_bytes=settings.batch.max_bytes,
            lease_ms=int(settings.worker.lease_seconds * 1000),
            at_any_rate=at_any_rate,
            spread_rate=self._spread_rate(lane.lane),
        )
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(StoreUnavailable),
            stop=stop_after_attempt(TRIES),
            wait=full_jitter(settings.retry.quick_base, settings.retry.quick_cap, self._tools.rng),
            sleep=self._tools.sleep,
            reraise=True,
        )
        claim: Claim = await retrying(self._tools.store.run, call)
        return claim

    def _pace_of(self, lane: Lane) -> tuple[float, int]:
        """The rate, messages/s, and weight of a lane, as last known."""
        return self._paces.get(lane.id, (lane.rate, lane.weight))

    def _spread_rate(self, lane: Lane) -> float:
        """Messages/s of a lane if it is spread, by its weight beside others; 0: it has no tier."""
        stops, settings = self._tools.stops, self._tools.settings
        budget = stops.tiers.budget(settings, lane.sub_account)
        if budget is None or not budget.even_rate:
            return 0
        own = self._pace_of(lane)[1]
        weights = {lane.id: own}
        for lane_id, _ in self._ready:
            other = self._cache.known(lane_id)
            if other is None or stops.holds(other.lane):
                continue
            rate, weight = self._pace_of(other.lane)
            if rate == SPREAD and settings.portfolio_of(other.lane.sub_account) == budget.portfolio:
                weights[lane_id] = weight
        return budget.even_rate * own / sum(weights.values())

    def _note_pace(self, lane: Lane, claim: Claim) -> None:
        """Remember the pace of the lane, and wait for its own rate."""
        pace = (claim.rate, claim.weight)
        if pace != USUAL_PACE or pace != self._pace_of(lane):
            self._paces[lane.id] = pace
        if claim.wait_ms > 0:
            self._backoff.hold_lane(lane.id, min(claim.wait_ms / 1000, LONGEST_PAUSE))

    async def _tidy_up(
        self, lane: OpenLane, reservation: Reservation, claim: Claim, used: int
    ) -> None:
        await self._permits.give_back(lane.sender, reservation, reservation.n - used)
        if not claim.jobs and not claim.wait_ms:
            await self._forget(lane)

    def renew_key(self, sender: Sender) -> bool:
        """Use the sub-account's current key from now on; True if it is another one than this."""
        return self._cache.renew(sender)

    async def _seek_help_for(self, priority: Priority) -> None:
        """Request help at most every `CALL_EVERY` seconds, not with every batch."""
        if self._tools.clock() >= self._called_at.get(priority, NEVER) + CALL_EVERY:
            self._called_at[priority] = self._tools.clock()
            await self.seek_help(priority)

    async def seek_help(self, priority: Priority | None = None) -> None:
        """Wake idle processes: there is more than this one takes."""
        await self._tools.store.run(wake_workers(0, for_=priority))

    async def _open(self, lane_id: str) -> None:
        if self._foreign.get(lane_id, 0.0) > self._tools.clock():
            return
        try:
            if await self._cache.get(lane_id) is None:
                await self._tools.store.run(forget_ready(lane_id))
            self._foreign.pop(lane_id, None)
        except (SettingsError, ValueError) as error:
            await self._leave_to_others(lane_id, str(error))

    async def _leave_to_others(self, lane_id: str, why: str) -> None:
        """Leave a lane that this worker cannot send from to others: it is reported, not stopped."""
        log.error("lane_not_sendable", lane=lane_id, error=why)
        now = self._tools.clock()
        self._foreign = {one: at for one, at in self._foreign.items() if at > now}
        self._foreign[lane_id] = now + LOOK_AGAIN
        host = self._tools.owner.split(":")[0]
        await self._tools.store.run(
            note_trouble(lane_id, f"The worker on {host} cannot send: {why}")
        )

    def _gives_way(self, lane: OpenLane) -> bool:
        """True when another lane of the sub-account should probe next; lanes are read only if needed."""
        sender = lane.sender.id
        return self._backoff.gives_way(sender, lane.lane.id, self._ready_of(sender))

    def _ready_of(self, sender: str) -> Iterator[str]:
        for lane_id, _ in self._ready:
            known = self._cache.known(lane_id)
            if known is not None and known.sender.id == sender:
                yield lane_id

    async def _queued(self, lane: OpenLane) -> int:
        key = lane_keys(lane.lane.id).counts
        return await self._tools.store.run(
            command("HGET", key, State.QUEUED, parse=lambda reply: int(reply or 0))
        )

    async def _forget(self, lane: OpenLane) -> None:
        """Remove the hint that the lane is ready, and check again for a job that has just come."""
        lane_id = lane.lane.id
        self._ready = [pair for pair in self._ready if pair[0] != lane_id]
        calls: list[Call[Any]] = [forget_ready(lane_id), read_status(lane_id)]
        _, status = await self._tools.store.run_all(calls)
        if status is LaneStatus.SENDING and await self._queued(lane) > 0:
            self.look_again()
            await self._tools.store.run(announce(lane_id, lane.lane.priority))
        if status.ended:
            self._cache.forget(lane_id)
            self._turns.forget(lane_id)
            self._paces.pop(lane_id, None)
