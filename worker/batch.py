"""A claimed batch and its context in the worker: tools, open lane, permits."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chatapps.client import Endpoint
from chatapps.rendering.renderer import Renderer
from chatapps.responses import Result
from config.settings import Settings
from store.client import AsyncStore
from store.lanes.lane import Lane, Priority
from store.limits.rate_limit import Limits, Permits
from store.queue.settlement import PutOff
from store.records.job_section import Job
from worker.failpoints import PassBy, go_on
from worker.metrics import Meters
from worker.outcomes import Outcomes
from worker.requests_in_air import RequestsInAir
from worker.retries import Retries
from worker.revisions import Revisions
from worker.sent_batches import SentBatches
from worker.stall_gate import Answers
from worker.stops import Stops
from worker.subscriptions import Subscriptions
from worker.template_registry import Templates

CACHE_SECONDS = 0.1
"""Seconds after their turn for which permits are valid. A late batch would add to those on time, and a
second would exceed the limit; so a late one, for example after the process was frozen, takes new
permits. Missed turns are not returned: later turns were granted behind them."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A sub-account as used by the worker."""

    id: str
    endpoint: Endpoint
    limits: Limits
    max_in_air: int
    pair_wait: float = 0.0  # seconds between two messages to a person; 0 = they are not spaced


@dataclass(frozen=True, slots=True)
class OpenLane:
    """A lane with everything needed to send from it; made once per process and lane."""

    lane: Lane
    renderer: Renderer
    sender: Sender
    needs_window: bool = False  # its one message needs a service window
    scopes: tuple[str, ...] = ()  # breakers that hold it up, besides those of its sub-account

    @property
    def urgent(self) -> bool:
        """True when it may use the reserve of its sub-account."""
        return self.lane.priority is Priority.URGENT


class Provider(Protocol):
    """The part of the provider's client that the worker uses: one request, one result, no exception."""

    async def send_many(self, endpoint: Endpoint, body: bytes) -> Result:
        """POST one batch request."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Dependencies of the worker; tests replace clock, sleep, randomness and client here."""

    store: AsyncStore
    client: Provider
    settings: Settings
    owner: str  # id of this process; batches carry it
    rng: random.Random
    clock: Callable[[], float]  # seconds, monotonic
    sleep: Callable[[float], Awaitable[None]]
    revisions: Revisions = field(default_factory=Revisions)
    meters: Meters = field(default_factory=Meters)
    templates: Templates = field(default_factory=Templates)
    answers: Answers = field(default_factory=Answers)
    air: RequestsInAir = field(default_factory=RequestsInAir)
    sent_batches: SentBatches = field(default_factory=SentBatches)
    stops: Stops = field(default_factory=Stops)
    outcomes: Outcomes = field(default_factory=Outcomes)
    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    retries: Retries = field(default_factory=Retries)
    look_for_lost: Callable[[], None] = lambda: None  # starts a backfill, if due
    applying: asyncio.Lock = field(default_factory=asyncio.Lock)  # one inbox round at a time
    pass_by: PassBy = go_on  # called at the failpoints of a delivery, for tests


@dataclass(frozen=True, slots=True)
class Reservation:
    """Result of a request for permits."""

    op: str
    n: int
    permits: Permits
    turn: float  # our clock; the permits may not be used before

    @property
    def granted(self) -> bool:
        """True when the permits are owned, from `turn` on."""
        return self.permits.granted

    def is_good(self, clock: float) -> bool:
        """True when they are owned and not too old."""
        return self.granted and clock < self.turn + CACHE_SECONDS


@dataclass(frozen=True, slots=True)
class ClaimedBatch:
    """A claimed batch with its lane and permits."""

    lane: OpenLane
    id: str
    jobs: Sequence[Job]
    permits: Reservation  # for its first request
    now_ms: int  # Redis' clock at the claim
    told_at: float  # our clock at that moment
    early_updates: int = 0  # messages of the lane with an early status update
    put_off: Sequence[PutOff] = ()  # others, whose people may not get them yet
    rules: int = 0  # revision of the rules that say so

    @property
    def size(self) -> int:
        """All messages of the claim."""
        return len(self.jobs) + len(self.put_off)

    @property
    def lane_id(self) -> str:
        return self.lane.lane.id

    @property
    def fields(self) -> dict[str, str | int]:
        """Log fields of the batch; the attempt is that of its first message."""
        first = self.jobs[0] if self.jobs else self.put_off[0].job
        return {"lane": self.lane_id, "batch": self.id, "attempt": first.attempts + 1}

    @property
    def client_batch_id(self) -> str:
        """The `clientBatchId` of its requests."""
        return f"{self.lane_id}.{self.id}"

    def now(self, clock: float) -> int:
        """Seconds since 1970 by Redis' clock, advanced by ours."""
        return int(self.now_ms / 1000 + (clock - self.told_at))
