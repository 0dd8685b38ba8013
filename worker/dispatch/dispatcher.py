"""The dispatcher: claims batch after batch of the most urgent lanes, many of them in flight at once.

One loop runs in a process, from its start to its end. Work is noticed in two ways: by a blocking key in
Redis, to which producers push, and by one timer, which sweeps. A Celery task fires the timer at once.
Permits are taken before jobs, so that a claimed batch never waits for its turn. The loop itself never
blocks: waiting for a turn happens in a task of its own.
"""

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Sequence

import structlog
from structlog.contextvars import bound_contextvars

from config.priorities import served_by
from store.errors import StoreError
from store.workers.presence import await_wake, register_worker, unregister_worker
from worker.batch import ClaimedBatch, OpenLane, Reservation, Tools
from worker.delivery.deliver import Delivery
from worker.dispatch.claims import Claims
from worker.dispatch.lane_selection import share
from worker.maintenance.due_lanes import IDLE_SECONDS
from worker.maintenance.sweep import Swept, sweep
from worker.pacing.backoff import Backoff
from worker.pacing.permits import PermitOffice
from worker.revision_check import watch_lanes

log = structlog.get_logger(__name__)

STORE_RETRY_SECONDS = 1.0
"""Pause after a failure of the store."""
BUSY_SECONDS = 30.0
"""For so long after the last work the timer still fires every `worker.sweep_seconds`: receipts
follow."""
LEASE_MS = 15_000
CANCEL_AGAIN = 0.2


class Dispatcher:
    """The dispatcher of one process."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._served = served_by(tools.settings.worker.priorities)
        permits, self._backoff = PermitOffice(tools), Backoff(tools.clock, tools.rng)
        self._claims = Claims(tools, permits, self._backoff)
        self._delivery = Delivery(tools, permits, self._backoff, self._claims.renew_key)
        self._in_air: set[asyncio.Task[None]] = set()
        self._in_air_of: Counter[str] = Counter()  # sub-account → batches
        self._claiming: set[str] = set()  # lanes; one claim at a time each
        self._awake = asyncio.Event()
        self._timer = asyncio.Event()  # set: fires at once
        self._called = True  # by a Celery task, or at the start
        self._busy_until = float("-inf")  # our clock

    async def serve(self, stopping: asyncio.Event) -> None:
        """Claim and send until `stopping` is set."""
        loop_id = f"{self._tools.owner}:{secrets.token_hex(3)}"
        listeners = [
            asyncio.create_task(self._listen(stopping)),
            asyncio.create_task(self._tend(loop_id, stopping)),
            asyncio.create_task(self._wake_on(stopping)),
        ]
        try:
            while not stopping.is_set():
                await self._step(stopping)
        finally:
            await _end(listeners)
            with contextlib.suppress(StoreError):
                await self._tools.store.run(unregister_worker(loop_id, served=self._served))

    def look(self) -> None:
        """Register, sweep and look for work now, for a Celery task. Call it in the loop's thread."""
        self._called = True
        self._timer.set()

    async def land(self) -> None:
        """Wait until no batch is in flight."""
        while self._in_air:
            await asyncio.wait(self._in_air)

    async def _step(self, stopping: asyncio.Event) -> None:
        try:
            launched = await self._launch_next(stopping)
        except StoreError as error:
            log.warning("store_unavailable", error=str(error))
            await _wait(stopping, STORE_RETRY_SECONDS)
            return
        if not launched:
            await self._rest()

    async def _rest(self) -> None:
        """Sleep until a wake-up, the timer, the end of a batch or a pause, or the stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._backoff.next_end()):
                await self._awake.wait()
        self._awake.clear()

    async def _launch_next(self, stopping: asyncio.Event) -> bool:
        """Start one more batch; False if nothing can be sent now."""
        lane = await self._claims.choose(self._has_room, self._claiming)
        if lane is None:
            return False
        reservation = await self._claims.reserve(lane)
        if reservation is not None:
            self._launch(lane, reservation, stopping)
        return True

    def _has_room(self, lane: OpenLane) -> bool:
        sender, urgent, slots = lane.sender, lane.urgent, self._tools.settings.worker.max_in_air
        own = self._tools.air.limit(sender.id, sender.max_in_air)
        return (
            lane.lane.id not in self._claiming
            and len(self._in_air) < share(slots, urgent=urgent)
            and self._in_air_of[sender.id] < share(own, urgent=urgent)
        )

    def _launch(self, lane: OpenLane, reservation: Reservation, stopping: asyncio.Event) -> None:
        sender = lane.sender.id
        self._note_work()
        self._claiming.add(lane.lane.id)
        task = asyncio.create_task(self._fly(lane, reservation, stopping))
        self._in_air.add(task)
        self._in_air_of[sender] += 1
        task.add_done_callback(lambda done: self._landed(done, sender))

    async def _fly(self, lane: OpenLane, reservation: Reservation, stopping: asyncio.Event) -> None:
        """Wait for the turn, claim, deliver."""
        try:
            batch = await self._claims.claim(lane, reservation, stopping)
        except StoreError as error:
            log.warning("claim_failed", lane=lane.lane.id, error=str(error))
            await self._tools.sleep(STORE_RETRY_SECONDS)  # no other claim from this lane meanwhile
            return
        finally:
            self._claiming.discard(lane.lane.id)
            self._awake.set()
        if batch is not None:
            await self._deliver(batch)

    async def _deliver(self, batch: ClaimedBatch) -> None:
        """Deliver a batch, with its fields bound to all log lines."""
        with bound_contextvars(**batch.fields):
            try:
                await self._delivery.deliver(batch)
            except Exception:
                log.exception("delivery_failed")

    def _landed(self, task: asyncio.Task[None], sender: str) -> None:
        self._in_air.discard(task)
        self._in_air_of[sender] -= 1
        self._awake.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("batch_task_failed", exc_info=task.exception())

    async def _listen(self, stopping: asyncio.Event) -> None:
        """Pass wake-ups on to the loop."""
        while not stopping.is_set():
            try:
                if await self._tools.store.run(await_wake(5, served=self._served)):
                    self._claims.look_again()
                    self._awake.set()
                    self._note_work()
            except StoreError:
                await _wait(stopping, STORE_RETRY_SECONDS)

    async def _wake_on(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._awake.set()
        self._timer.set()

    async def _tend(self, loop_id: str, stopping: asyncio.Event) -> None:
        """The timer: renews the registration, sweeps unless another process has just done so, and wakes
        the loop."""
        while not stopping.is_set():
            self._timer.clear()
            called, self._called = self._called, False
            pause = self._tools.settings.worker.sweep_seconds
            try:
                await self._tools.store.run(
                    register_worker(loop_id, lease_ms=LEASE_MS, starts=called, served=self._served)
                )
                await watch_lanes(self._tools)
                pause = await self._sweep()
                await self._tools.outcomes.collect_written(self._tools.store)
                await self._tools.subscriptions.look(self._tools.store)
            except StoreError as error:
                log.warning("sweep_waits_for_store", error=str(error))
            except Exception:  # the timer must go on: it renews the registration
                log.exception("sweep_failed")
            self._claims.look_again()
            self._awake.set()
            await self._tools.meters.flush(self._tools.store)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._timer.wait()

    async def _sweep(self) -> float:
        """Sweep once; returns the seconds until the next sweep."""
        began = self._tools.clock()
        swept = await sweep(self._tools)
        now = self._tools.clock()
        if swept is not None and swept.announced and self._served:  # for others, too
            await self._claims.seek_help()
        if self._in_air or (swept is not None and (swept.busy or swept.applied)):
            self._busy_until = now + BUSY_SECONDS
        return pause_after(
            swept,
            now - began,
            usual=self._tools.settings.worker.sweep_seconds,
            idle=now >= self._busy_until,
            in_air=bool(self._in_air),
        )

    def _note_work(self) -> None:
        """Note work: an idle, slow timer fires at once."""
        now = self._tools.clock()
        if now >= self._busy_until:
            self._timer.set()
        self._busy_until = now + BUSY_SECONDS


def pause_after(
    swept: Swept | None, took: float, *, usual: float, idle: bool, in_air: bool
) -> float:
    """Seconds until the next sweep: none while much comes in, but sending gets as much time as sweeps.

    Args:
        swept: result of the last sweep; None = another process swept.
        took: its duration in seconds.
        usual: `worker.sweep_seconds`.
        idle: there has been no work for `BUSY_SECONDS`.
        in_air: this process has batches in flight.
    """
    if swept is None or not swept.more:
        pause = max(usual, IDLE_SECONDS) if idle else usual
        return pause if swept is None else min(pause, swept.starts_in_ms / 1000)
    return min(usual, took) if in_air else 0


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    """Sleep, at most until the stop."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended. Once is not enough: `asyncio.wait_for` of Python 3.11 loses a
    cancellation that comes just after the client of the store has sent a command."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCEL_AGAIN)
    await asyncio.gather(*tasks, return_exceptions=True)
