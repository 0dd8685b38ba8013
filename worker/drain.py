"""The drain loop: claims batch after batch of whatever is most urgent, many of them in the air at once.

One loop runs in a process at a time, for a slice; what it has in the air at the end of its slice goes
on by itself. Permits come first, jobs second, so that a claimed batch never waits for its turn. The
loop itself waits for nobody: a batch that must wait for its turn does so by itself.
"""

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Callable, Sequence

import structlog
from structlog.contextvars import bound_contextvars

from config.priorities import served_by
from store.drains import await_wake, enter_drain, leave_drain, ready_lanes
from store.errors import StoreError
from worker.choice import share
from worker.claims import Claims
from worker.delivery import Delivery
from worker.flight import Flight, OpenLane, Reservation, Tools
from worker.pauses import Pauses
from worker.permits import PermitOffice
from worker.sweep import Swept, sweep
from worker.watch import watch_lanes

log = structlog.get_logger(__name__)

IDLE_WAIT = 1.0
"""Seconds between looks when nobody wakes us."""
LEASE_MS = 15_000
CANCEL_AGAIN = 0.2


class Drain:
    """The drain loop of one process.

    Args:
        call_for_help: sends a drain task to whoever is free.
    """

    def __init__(self, tools: Tools, call_for_help: Callable[[], None]) -> None:
        self._tools = tools
        self._served = served_by(tools.settings.worker.priorities)
        permits, self._pauses = PermitOffice(tools), Pauses(tools.clock, tools.rng)
        self._claims = Claims(tools, permits, self._pauses, call_for_help)
        self._delivery = Delivery(tools, permits, self._pauses, self._claims.renew_key)
        self._in_air: set[asyncio.Task[None]] = set()
        self._in_air_of: Counter[str] = Counter()  # sub-account → batches
        self._claiming: set[str] = set()  # lanes, one claim at a time each
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
            asyncio.create_task(self._wake_on(stopping)),
        ]
        try:
            while self._tools.clock() < until and not stopping.is_set():
                await self._step(stopping)
        finally:
            await _end(listeners)
            with contextlib.suppress(StoreError):
                await self._tools.store.run(leave_drain(loop_id, served=self._served))
        return self._unfinished or bool(self._in_air) or await self.has_ready()

    async def land(self) -> None:
        """Wait until nothing is in the air."""
        while self._in_air:
            await asyncio.wait(self._in_air)

    async def has_ready(self) -> bool:
        """Whether a lane is said to have something to claim; also True if nobody can tell."""
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
            await self._rest()

    async def _rest(self) -> None:
        """Sleep until something happens: a wake-up, a landing, the end of a pause, the stop."""
        pause = min(IDLE_WAIT, self._pauses.next_end() or IDLE_WAIT)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._awake.wait()
        self._awake.clear()

    async def _launch_next(self, stopping: asyncio.Event) -> bool:
        """Let one more batch take off; False if nothing can be sent now."""
        lane = await self._claims.choose(self._has_room)
        if lane is None:
            return False
        reservation = await self._claims.reserve(lane)
        if reservation is not None:
            self._launch(lane, reservation, stopping)
        return True

    def _has_room(self, lane: OpenLane) -> bool:
        sender, urgent, slots = lane.sender, lane.urgent, self._tools.settings.worker.max_in_air
        return (
            lane.lane.id not in self._claiming
            and len(self._in_air) < share(slots, urgent=urgent)
            and self._in_air_of[sender.id] < share(sender.max_in_air, urgent=urgent)
        )

    def _launch(self, lane: OpenLane, reservation: Reservation, stopping: asyncio.Event) -> None:
        sender = lane.sender.id
        self._claiming.add(lane.lane.id)
        task = asyncio.create_task(self._fly(lane, reservation, stopping))
        self._in_air.add(task)
        self._in_air_of[sender] += 1
        task.add_done_callback(lambda done: self._landed(done, sender))

    async def _fly(self, lane: OpenLane, reservation: Reservation, stopping: asyncio.Event) -> None:
        """Wait for the turn, claim, deliver."""
        try:
            flight = await self._claims.claim(lane, reservation, stopping)
        except StoreError as error:
            log.warning("the claim failed", lane=lane.lane.id, error=str(error))
            await self._tools.sleep(IDLE_WAIT)  # until then nothing else is claimed from this lane
            return
        finally:
            self._claiming.discard(lane.lane.id)
            self._awake.set()
        if flight is not None:
            await self._deliver(flight)

    async def _deliver(self, flight: Flight) -> None:
        """Whatever is logged meanwhile, by whomever, says which batch it is about."""
        with bound_contextvars(**flight.fields):
            try:
                await self._delivery.deliver(flight)
            except Exception:
                log.exception("a delivery failed; its lease will bring it back")

    def _landed(self, task: asyncio.Task[None], sender: str) -> None:
        self._in_air.discard(task)
        self._in_air_of[sender] -= 1
        self._awake.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("a claim failed; its lease will bring it back", exc_info=task.exception())

    async def _listen(self, stopping: asyncio.Event) -> None:
        """Pass wake-ups on to the loop."""
        while not stopping.is_set():
            try:
                if await self._tools.store.run(await_wake(5, served=self._served)):
                    self._claims.look_again()
                    self._awake.set()
            except StoreError:
                await _wait(stopping, IDLE_WAIT)

    async def _wake_on(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._awake.set()

    async def _tend(self, loop_id: str, stopping: asyncio.Event) -> None:
        """Renew the loop's registration, and sweep when nobody else does."""
        starts = True
        while not stopping.is_set():
            pause = self._tools.settings.worker.sweep_seconds
            try:
                await self._tools.store.run(
                    enter_drain(loop_id, lease_ms=LEASE_MS, starts=starts, served=self._served)
                )
                starts = False
                await watch_lanes(self._tools)
                began, swept = self._tools.clock(), await sweep(self._tools)
                took, busy = self._tools.clock() - began, bool(self._in_air)
                pause = pause_after(swept, took, usual=pause, busy=busy)
                await self._note(swept)
            except StoreError as error:
                log.warning("sweeping waits for the store", error=str(error))
            except Exception:  # else nobody would renew the registration, or sweep, in this slice
                log.exception("a sweep failed; another one follows")
            await self._tools.meters.flush(self._tools.store)
            await _wait(stopping, pause)

    async def _note(self, swept: Swept | None) -> None:
        if swept is None:
            return
        self._unfinished = swept.unfinished > 0
        if swept.announced:
            self._claims.look_again()
            self._awake.set()
            if self._served:  # it may be for others
                await self._claims.seek_help()


def pause_after(swept: Swept | None, took: float, *, usual: float, busy: bool) -> float:
    """Seconds until the next sweep: none while much comes in, but sending gets as much time as sweeps.

    Args:
        swept: what the last one found; None = somebody else was at it.
        took: seconds that it took.
        busy: batches are in the air.
    """
    if swept is None or not swept.more:
        return usual
    return min(usual, took) if busy else 0


async def _wait(stopping: asyncio.Event, seconds: float) -> None:
    """Sleep, but not past the stop."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()


async def _end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended. Once is not enough: a cancellation that comes just when the
    client of the store has sent a command is lost in `asyncio.wait_for` of Python 3.11."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=CANCEL_AGAIN)
    await asyncio.gather(*tasks, return_exceptions=True)
