"""A batch in the worker's hands, and what the worker keeps at hand for it."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chatapps.answers import Result
from chatapps.client import Endpoint
from chatapps.rendering import Renderer
from config.settings import Settings
from store.calls import AsyncStore
from store.flights import Mark, trail_entries
from store.lanes import Lane, Priority
from store.limits import Limits, Permits
from store.outcomes import Origin
from store.packing import Job
from worker.decisions import Code
from worker.journals import Journals
from worker.meters import Meters
from worker.sent_batches import SentBatches
from worker.stop_points import PassBy, go_on
from worker.stops import Stops

SHELF_LIFE = 0.1
"""Seconds after their turn for which permits are good. Batches that are late run into those that are
on time, and a second holds more than the limit: so who is late, be it that the process was frozen,
asks again. What was missed is not given back: later turns have been granted on top of it."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A sub-account as the worker uses it."""

    id: str
    endpoint: Endpoint
    limits: Limits
    max_in_air: int


@dataclass(frozen=True, slots=True)
class OpenLane:
    """A lane with all that sending from it takes; made once per process and lane."""

    lane: Lane
    renderer: Renderer
    sender: Sender
    needs_window: bool = False  # its one message goes out within the service window only
    scopes: tuple[str, ...] = ()  # breakers that hold it up, beside those of its sub-account

    @property
    def urgent(self) -> bool:
        """May use the reserve of its sub-account."""
        return self.lane.priority is Priority.URGENT


class Provider(Protocol):
    """What the worker wants of the provider's client: one request, one result, no exception."""

    async def send_many(self, endpoint: Endpoint, body: bytes) -> Result:
        """POST one batch request."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the worker works with. All that tests may want to hold still is passed in here."""

    store: AsyncStore
    client: Provider
    settings: Settings
    owner: str  # names this process; flights carry it
    rng: random.Random
    clock: Callable[[], float]  # seconds, monotonic
    sleep: Callable[[float], Awaitable[None]]
    journals: Journals = field(default_factory=Journals)
    meters: Meters = field(default_factory=Meters)
    sent_batches: SentBatches = field(default_factory=SentBatches)
    stops: Stops = field(default_factory=Stops)
    applying: asyncio.Lock = field(default_factory=asyncio.Lock)  # the inbox, one at a time
    pass_by: PassBy = go_on  # called at the named points of a delivery, for tests


@dataclass(frozen=True, slots=True)
class Reservation:
    """Answer to a request for permits."""

    op: str
    n: int
    permits: Permits
    turn: float  # our clock; before it they may not be used

    @property
    def granted(self) -> bool:
        """The permits are ours, from `turn` on."""
        return self.permits.granted

    def is_good(self, clock: float) -> bool:
        """They are ours and fresh."""
        return self.granted and clock < self.turn + SHELF_LIFE


@dataclass(slots=True)
class Flight:
    """A claimed batch on its way. Grows a trail as requests fail."""

    lane: OpenLane
    batch: str
    jobs: Sequence[Job]
    permits: Reservation  # for the next request, or those of the last one
    now_ms: int  # Redis' clock when it was last told
    told_at: float  # our clock at that moment
    early_news: int = 0  # messages of the lane that evidence knows although their jobs exist
    posted_ms: int = 0  # Redis' clock at the last request; 0 = none yet
    requests: int = 0  # sent so far
    retried: int = 0  # messages that went out again without being given back
    slowed: bool = False  # the provider fails: no quick retry
    told: str = ""  # permits whose probe needs no more word
    template_probes: dict[int, str] = field(default_factory=dict)  # message → breaker it probes
    trails: list[tuple[int, bytes]] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)  # the provider's names for its requests

    @property
    def id(self) -> str:
        """Lane id of the flight."""
        return self.lane.lane.id

    @property
    def fields(self) -> dict[str, str | int]:
        """What every line of the log about it says; the attempt of its first message."""
        return {"lane": self.id, "batch": self.batch, "attempt": self.jobs[0].attempts + 1}

    @property
    def client_batch_id(self) -> str:
        """What travels as `clientBatchId`."""
        return f"{self.id}.{self.batch}"

    @property
    def probes(self) -> tuple[str, ...]:
        """Breakers that wait for a word about the request with these permits."""
        return () if self.told == self.permits.op else self.permits.permits.probes

    def probe_told(self) -> None:
        """The breakers know how it went."""
        self.told = self.permits.op

    def note_mark(self, mark: Mark, clock: float) -> None:
        """Remember Redis' clock, so that times can be told without asking again."""
        self.now_ms, self.told_at = mark.now_ms, clock
        if mark.may_post:
            self.posted_ms = mark.now_ms

    def note_trail(self, marked: Iterable[tuple[Job, Code]]) -> None:
        """Keep what befell these messages in an attempt that may not be their last."""
        alike: dict[tuple[int, Code], list[Job]] = {}
        for job, code in marked:
            alike.setdefault((job.attempts + 1, code), []).append(job)
        for (attempt, (origin, number)), jobs in alike.items():
            whose = Origin(origin).name.lower()
            entry = f"{attempt} {whose} {number} {self.posted_at()} {self.batch}"
            self.trails.extend(trail_entries(jobs, entry))

    def posted_at(self) -> int:
        """When the last request was posted, s since 1970 by Redis' clock; 0 = not yet."""
        return self.posted_ms // 1000

    def now(self, clock: float) -> int:
        """Seconds since 1970 by Redis' clock, carried on by ours."""
        return int(self.now_ms / 1000 + (clock - self.told_at))
