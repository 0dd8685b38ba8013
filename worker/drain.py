"""The drain loop: claims batch after batch of whatever is most urgent, many of them in the air at once.

One loop runs in a process at a time, for a slice; what it has in the air at the end of its slice goes
on by itself. It claims only what may be sent at once: permits come first, jobs second.
"""

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Callable

import structlog

from config.settings import SettingsError
from store.calls import command
from store.drains import (
    await_wake,
    enter_drain,
    forget_ready,
    leave_drain,
    ready_lanes,
    wake_drain,
)
from store.errors import StoreError
from store.flights import claim_batch
from store.keys import lane_keys
from store.lanes import LaneStatus, Priority, announce, move_lane, read_status
from store.states import State
from worker.choice import Turns
from worker.delivery import Delivery
from worker.flight import Flight, OpenLane, Tools
from worker.lanes import LaneShelf
from worker.permits import SHELF_LIFE, PermitOffice, Reservation
from worker.sweep import Swept, sweep

log = structlog.get_logger(__name__)

IDLE_WAIT = 1.0
"""Seconds between looks when nobody wakes us."""
MANY = 1_000_000
LEASE_MS = 15_000


class Drain:
    """The drain loop of one process.

    Args:
        call_for_help: sends a drain task to whoever is free.
    """

    def __init__(self, tools: Tools, call_for_help: Callable[[], None]) -> None:
        self._tools = tools
        self._call_for_help = call_for_help
        self._permits = PermitOffice(tools)
        self._delivery = Delivery(tools, self._permits)
        self._shelf = LaneShelf(tools.store, tools.settings)
        self._turns = Turns()
        self._room = asyncio.Semaphore(tools.settings.worker.max_in_air)
        self._in_air: set[asyncio.Task[None]] = set()
        self._in_air_of: Counter[str] = Counter()
        self._free_at: dict[str, float] = {}  # sub-account → our clock
        self._awake = asyncio.Event()
        self._unfinished = False

    async def serve(self, seconds: float, stopping: asyncio.Event) -> bool:
        """Claim and send for a slice of time, or until `stopping` is set.

        Returns:
            Whether there is unfinished work that another slice should see to.
        """
        loop_id = f"{self._tools.owner}:{secrets.token_hex(3)}"
        until = self._tools.clock() + seconds
        self._unfinished = False
        listeners = [
            asyncio.create_task(self._listen(stopping)),
            asyncio.create_task(self._tend(loop_id, stopping)),
        ]
        try:
            while self._tools.clock() < until and not stopping.is_set():
                await self._step(stopping)
        finally:
            for task in listeners:
                task.cancel()
            await asyncio.gather(*listeners, return_exceptions=True)
            with contextlib.suppress(StoreError):
                await self._tools.store.run(leave_drain(loop_id))
        return self._unfinished or bool(self._in_air) or await self._has_ready()

    async def land(self) -> None:
        """Wait until nothing is in the air."""
        while self._in_air:
            await asyncio.wait(self._in_air)

    async def _has_ready(self) -> bool:
        with contextlib.suppress(StoreError):
            ready = await self._tools.store.run(ready_lanes(1))
            return len(ready) > 0
        return True

    async def _step(self, stopping: asyncio.Event) -> None:
        try:
            launched = await self._launch_next(stopping)
        except StoreError as error:
            log.warning("the store is away; waiting", error=str(error))
            await _wait(stopping, IDLE_WAIT)
            return
        if not launched:
            await self._rest(stopping)

    async def _rest(self, stopping: asyncio.Event) -> None:
        """Sleep until something happens: a wake-up, a free sender, the stop."""
        waits = [at - self._tools.clock() for at in self._free_at.values()]
        pause = min([IDLE_WAIT, *(wait for wait in waits if wait > 0)])
        awake = asyncio.create_task(self._awake.wait())
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait({awake, stop}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        awake.cancel()
        stop.cancel()
        self._awake.clear()

    async def _launch_next(self, stopping: asyncio.Event) -> bool:
        """Claim one batch and let it fly; False if there is nothing to claim now."""
        await self._room.acquire()
        flight = None
        try:
            lane = None if stopping.is_set() else await self._choose()
            flight = None if lane is None else await self._claim(lane, stopping)
        finally:
            if flight is None:
                self._room.release()
        if flight is not None:
            self._launch(flight)
        return lane is not None

    async def _choose(self) -> OpenLane | None:
        """Step 1: the most urgent lane whose sub-account is free."""
        served = {Priority(name).urgency for name in self._tools.settings.worker.priorities}
        ready = [pair for pair in await self._tools.store.run(ready_lanes()) if pair[1] in served]
        for lane_id, _ in ready:
            if self._shelf.known(lane_id) is None:
                await self._open(lane_id)
        chosen = self._turns.choose(ready, self._may_send)
        return None if chosen is None else self._shelf.known(chosen)

    async def _open(self, lane_id: str) -> None:
        try:
            if await self._shelf.get(lane_id) is None:
                await self._tools.store.run(forget_ready(lane_id))
        except (SettingsError, ValueError) as error:
            log.error("lane cannot be sent from here", lane=lane_id, error=str(error))
            await self._tools.store.run(move_lane(lane_id, "stop", str(error)))
            await self._tools.store.run(forget_ready(lane_id))

    def _may_send(self, lane_id: str) -> bool:
        lane = self._shelf.known(lane_id)
        if lane is None:
            return False
        sender = lane.sender
        return (
            self._in_air_of[sender.id] < sender.max_in_air
            and self._free_at.get(sender.id, 0) <= self._tools.clock()
        )

    async def _claim(self, lane: OpenLane, stopping: asyncio.Event) -> Flight | None:
        """Steps 2 and 3: permits, then jobs."""
        queued = await self._queued(lane)
        if queued <= 0:
            await self._forget(lane)
            return None
        cap = self._tools.settings.batch.max_messages
        most = lane.sender.limits.largest_batch(urgent=lane.urgent, cap=cap)
        wanted = min(queued, most)
        permits = await self._permits.reserve(lane.sender, wanted, urgent=lane.urgent)
        if not permits.granted:
            pause = min(permits.permits.wait, IDLE_WAIT)
            self._free_at[lane.sender.id] = self._tools.clock() + pause
            return None
        if permits.permits.wait > 0:
            await _wait(stopping, permits.permits.wait)
        return await self._claim_with(lane, permits)

    async def _claim_with(self, lane: OpenLane, permits: Reservation) -> Flight | None:
        settings, batch = self._tools.settings, secrets.token_hex(6)
        claim = await self._tools.store.run(
            claim_batch(
                lane.lane.id,
                batch,
                owner=self._tools.owner,
                most=permits.n,
                most_bytes=settings.batch.max_bytes,
                lease_ms=int(settings.worker.lease_seconds * 1000),
            )
        )
        await self._permits.give_back(lane.sender, permits, permits.n - len(claim.jobs))
        if claim.status is not LaneStatus.SENDING or not claim.jobs:
            await self._forget(lane)
            return None
        if claim.waiting:
            await self._seek_help()
        return Flight(lane, batch, claim.jobs, self._tools.clock() + SHELF_LIFE)

    async def _seek_help(self) -> None:
        """There is more than this batch: see that idle processes join in."""
        nobody_called = await self._tools.store.run(wake_drain(MANY))
        if nobody_called:
            self._call_for_help()

    async def _queued(self, lane: OpenLane) -> int:
        key = lane_keys(lane.lane.id).counts
        return await self._tools.store.run(
            command("HGET", key, State.QUEUED, parse=lambda reply: int(reply or 0))
        )

    async def _forget(self, lane: OpenLane) -> None:
        """Take back the hint that the lane is ready; look again, since a job may just have come."""
        await self._tools.store.run(forget_ready(lane.lane.id))
        status = await self._tools.store.run(read_status(lane.lane.id))
        if status is LaneStatus.SENDING and await self._queued(lane) > 0:
            await self._tools.store.run(announce(lane.lane.id, lane.lane.priority))
        if status.ended:
            self._shelf.forget(lane.lane.id)
            self._turns.forget(lane.lane.id)

    def _launch(self, flight: Flight) -> None:
        sender = flight.lane.sender.id
        task = asyncio.create_task(self._delivery.deliver(flight))
        self._in_air.add(task)
        self._in_air_of[sender] += 1
        task.add_done_callback(lambda done: self._landed(done, sender))

    def _landed(self, task: asyncio.Task[None], sender: str) -> None:
        self._in_air.discard(task)
        self._in_air_of[sender] -= 1
        self._room.release()
        self._awake.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("a delivery failed; its lease will bring it back", exc_info=task.exception())

    async def _listen(self, stopping: asyncio.Event) -> None:
        """Pass wake-ups on to the loop."""
        while not stopping.is_set():
            try:
                if await self._tools.store.run(await_wake(5)):
                    self._awake.set()
            except StoreError:
                await _wait(stopping, IDLE_WAIT)

    async def _tend(self, loop_id: str, stopping: asyncio.Event) -> None:
        """Renew the loop's registration, and sweep when nobody else does."""
        starts = True
        while not stopping.is_set():
            try:
                await self._tools.store.run(enter_drain(loop_id, lease_ms=LEASE_MS, starts=starts))
                starts = False
                self._note(await sweep(self._tools))
            except StoreError as error:
                log.warning("sweeping waits for the store", error=str(error))
            await _wait(stopping, self._tools.settings.worker.sweep_seconds)

    def _note(self, swept: Swept | None) -> None:
        if swept is None:
            return
        self._unfinished = swept.unfinished > 0
        if swept.announced:
            self._awake.set()


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    """Sleep, but not past the stop."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
