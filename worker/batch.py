"""A batch in the worker's hands, and what the worker keeps at hand for it."""

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
from store.records.job_section import Job
from worker.failpoints import PassBy, go_on
from worker.metrics import Meters
from worker.revisions import Revisions
from worker.sent_batches import SentBatches
from worker.stall_gate import Answers
from worker.stops import Stops
from worker.template_registry import Templates

CACHE_SECONDS = 0.1
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
    owner: str  # names this process; batches carry it
    rng: random.Random
    clock: Callable[[], float]  # seconds, monotonic
    sleep: Callable[[float], Awaitable[None]]
    revisions: Revisions = field(default_factory=Revisions)
    meters: Meters = field(default_factory=Meters)
    templates: Templates = field(default_factory=Templates)
    answers: Answers = field(default_factory=Answers)
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
        return self.granted and clock < self.turn + CACHE_SECONDS


@dataclass(frozen=True, slots=True)
class ClaimedBatch:
    """A claimed batch."""

    lane: OpenLane
    id: str
    jobs: Sequence[Job]
    permits: Reservation  # for its first request
    now_ms: int  # Redis' clock at the claim
    told_at: float  # our clock at that moment
    early_updates: int = (
        0  # messages of the lane that status updates knows although their jobs exist
    )

    @property
    def lane_id(self) -> str:
        """Lane id of the batch."""
        return self.lane.lane.id

    @property
    def fields(self) -> dict[str, str | int]:
        """What every line of the log about it says; the attempt of its first message."""
        return {"lane": self.lane_id, "batch": self.id, "attempt": self.jobs[0].attempts + 1}

    @property
    def client_batch_id(self) -> str:
        """What travels as `clientBatchId`."""
        return f"{self.lane_id}.{self.id}"

    def now(self, clock: float) -> int:
        """Seconds since 1970 by Redis' clock, carried on by ours."""
        return int(self.now_ms / 1000 + (clock - self.told_at))
