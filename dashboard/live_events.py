"""Live events: polls Redis once a second, whatever the number of listeners.

Changes are numbered and the last `KEPT` of them are kept. A listener holds only a position, so a slow
one costs no memory: when its next change is no longer kept, it gets a fresh snapshot. The same holds for
one that reconnects with the last number it has seen. Polling pauses without listeners, and changes are
missed meanwhile: a listener from before the pause gets a fresh snapshot, too.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog

from dashboard.schemas import breaker_out, lane_out
from store.client import AsyncStore
from store.errors import StoreError
from store.limits.breakers import read_breakers
from store.reports.lane_report import LaneReport, read_lane_report
from store.workers.presence import active_lanes

log = structlog.get_logger(__name__)

KEPT: Final = 2000
"""Changes kept for listeners to catch up."""
MOST_LANES: Final = 500
"""Lanes that are polled; further unfinished ones can be read one by one."""
AT_ONCE: Final = 16
BEAT_SECONDS: Final = 15.0
"""Heartbeat interval, seconds."""
LONGEST_SECONDS: Final = 3600.0
"""Longest stream, seconds; bounds how long a revoked token keeps listening."""
Kind = Literal["campaign", "lane", "breakers"]


@dataclass(frozen=True, slots=True)
class Change:
    """The present state of a lane, or of the breakers of a sub-account."""

    number: int
    kind: Kind
    key: str  # lane id, or sub-account
    sub_account: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One event of the stream."""

    id: str
    kind: Kind | Literal["snapshot"]
    data: Any


Wanted = Callable[[Change], bool]


class Events:
    """Polls while there are listeners.

    Args:
        sub_accounts: those whose breakers are polled.
        every: seconds between two polls.
        boot: distinguishes the numbers of this process from those of others.
    """

    def __init__(
        self,
        store: AsyncStore,
        sub_accounts: Sequence[str],
        *,
        every: float = 1.0,
        kept: int = KEPT,
        boot: str = "",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._sub_accounts = sub_accounts
        self._every = every
        self._boot = boot or secrets.token_hex(4)
        self._sleep = sleep
        self._monotonic = monotonic
        self._now: dict[tuple[Kind, str], Change] = {}
        self._kept: deque[Change] = deque(maxlen=kept)
        self._number = 0
        self._from = 0  # numbers below are from before polling paused
        self._news = asyncio.Event()
        self._looking = asyncio.Lock()
        self._listeners = 0
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Start polling unless it runs. Raises StoreUnavailable."""
        if self._task is None:
            await self._look()

    async def follow(
        self, wanted: Wanted, last_id: str = "", lane: str = "", beat: float = BEAT_SECONDS
    ) -> AsyncGenerator[Event | None]:
        """A snapshot, or the changes since `last_id`; then each change, for `LONGEST_SECONDS`.

        Args:
            wanted: filter of changes.
            lane: a lane included in each snapshot, even if it has ended; if it cannot be read, the
                stream ends.
            beat: heartbeat interval in seconds; yields None.
        """
        self._enter()
        try:
            at, quiet_since = self._place(last_id), self._monotonic()
            end = quiet_since + LONGEST_SECONDS
            while not self._closed and self._monotonic() < end:
                events, at = await self._since(at, wanted, lane)
                for event in events:
                    yield event
                    quiet_since = self._monotonic()
                patience = quiet_since + beat - self._monotonic()
                if patience <= 0:
                    yield None
                    quiet_since = self._monotonic()
                else:
                    await self._wait(at, patience)
        except StoreError as error:
            log.warning("event_snapshot_failed", error=type(error).__name__)
        finally:
            self._leave()

    @property
    def closed(self) -> bool:
        """True when all streams should end."""
        return self._closed

    def close(self) -> None:
        """End all streams for good. Call it in the event loop."""
        self._closed = True
        self._wake()
        self._stop_looking()

    def _enter(self) -> None:
        self._listeners += 1
        if self._task is None:
            self._task = asyncio.create_task(self._keep_looking(), name="events")

    def _leave(self) -> None:
        self._listeners -= 1
        if not self._listeners:
            self._stop_looking()

    def _stop_looking(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
            self._number += 1
            self._from = self._number

    def _place(self, last_id: str) -> int:
        """The number in `last_id`; -1 if it is invalid or of another process."""
        boot, _, number = last_id.partition("-")
        known = boot == self._boot and number.isascii() and number.isdigit() and len(number) < 16
        return int(number) if known and int(number) <= self._number else -1

    async def _since(self, at: int, wanted: Wanted, lane: str) -> tuple[list[Event], int]:
        """The events after `at`, and the new position."""
        oldest = self._kept[0].number if self._kept else self._number + 1
        if at < max(oldest - 1, self._from):
            ended = await self._ended(lane)
            return [self._snapshot(wanted, ended)], self._number
        news = [change for change in self._kept if change.number > at and wanted(change)]
        return [Event(self._id(one.number), one.kind, one.data) for one in news], self._number

    async def _ended(self, lane: str) -> list[Change]:
        """The lane's state if it has ended and so is not polled."""
        unseen = lane and not any(key == lane for _, key in self._now)
        found = await self._reports([lane]) if unseen else []
        return [Change(self._number, *_told_of(report)) for report in found]

    def _snapshot(self, wanted: Wanted, ended: Sequence[Change]) -> Event:
        data: dict[str, list[Any]] = {"campaigns": [], "lanes": [], "breakers": []}
        seen = {(change.kind, change.key): change for change in ended} | self._now
        for change in seen.values():
            if wanted(change):
                name = {"campaign": "campaigns", "lane": "lanes"}.get(change.kind, "breakers")
                data[name].append(change.data)
        return Event(self._id(self._number), "snapshot", data)

    def _id(self, number: int) -> str:
        return f"{self._boot}-{number}"

    async def _wait(self, at: int, seconds: float) -> None:
        """Wait for a change, at most so many seconds."""
        if self._number != at or self._closed:
            return
        news = self._news
        try:
            async with asyncio.timeout(seconds):
                await news.wait()
        except TimeoutError:
            return

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _keep_looking(self) -> None:
        away = False
        while self._task is asyncio.current_task():  # a library may swallow the cancellation
            try:
                await self._look()
                away = False
            except StoreError as error:
                if not away:
                    log.warning("event_polling_failed", error=type(error).__name__)
                away = True
            await self._sleep(self._every)

    async def _look(self) -> None:
        """Poll everything and number the changes. An ended lane is reported once more and then
        dropped."""
        async with self._looking:
            before = self._number
            active = set((await self._store.run(active_lanes()))[:MOST_LANES])
            known = {key for kind, key in self._now if kind != "breakers"}
            for report in await self._reports(sorted(active | known)):
                self._note(*_told_of(report))
            for name in self._sub_accounts:
                await self._check_breakers(name)
            for key in known - active:
                self._now.pop(("campaign", key), None)
                self._now.pop(("lane", key), None)
            if self._number != before:
                self._wake()

    async def _reports(self, lanes: Sequence[str]) -> list[LaneReport]:
        found: list[LaneReport | None] = []
        for first in range(0, len(lanes), AT_ONCE):
            part = lanes[first : first + AT_ONCE]
            found += await asyncio.gather(
                *(self._store.run(read_lane_report(lane)) for lane in part)
            )
        return [report for report in found if report is not None]

    async def _check_breakers(self, name: str) -> None:
        items = await self._store.run(read_breakers(name))
        if items or ("breakers", name) in self._now:
            shown = [breaker_out(one).model_dump(mode="json") for one in items]
            self._note("breakers", name, name, {"sub_account": name, "items": shown})

    def _note(self, kind: Kind, key: str, sub_account: str, data: dict[str, Any]) -> None:
        known = self._now.get((kind, key))
        if known is None or known.data != data:
            self._number += 1
            change = Change(self._number, kind, key, sub_account, data)
            self._now[kind, key] = change
            self._kept.append(change)


def _told_of(report: LaneReport) -> tuple[Kind, str, str, dict[str, Any]]:
    """Kind, key, sub-account and data of a lane's change."""
    lane = report.lane
    kind: Kind = "campaign" if lane.kind == "campaign" else "lane"
    return kind, lane.id, lane.sub_account, lane_out(report).model_dump(mode="json")
