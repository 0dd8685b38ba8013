"""A batch in the worker's hands, and what the worker keeps at hand for it."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from chatapps.client import ChatAppsClient, Endpoint
from chatapps.rendering import Renderer
from config.settings import Settings
from store.calls import AsyncStore
from store.flights import Mark
from store.lanes import Lane, Priority
from store.limits import Limits
from store.packing import Job


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

    @property
    def urgent(self) -> bool:
        """May use the reserve of its sub-account."""
        return self.lane.priority is Priority.URGENT


@dataclass(frozen=True, slots=True)
class Tools:
    """What the worker works with. All that tests may want to hold still is passed in here."""

    store: AsyncStore
    client: ChatAppsClient
    settings: Settings
    owner: str  # names this process; flights carry it
    rng: random.Random
    clock: Callable[[], float]  # seconds, monotonic
    sleep: Callable[[float], Awaitable[None]]


@dataclass(slots=True)
class Flight:
    """A claimed batch on its way. Grows a trail as requests fail."""

    lane: OpenLane
    batch: str
    jobs: Sequence[Job]
    permits_until: float  # clock: afterwards permits must be taken again
    requests: int = 0  # sent so far
    retried: int = 0  # messages that went out again without being given back
    now_ms: int = 0  # Redis' clock when the flight was last marked
    marked_at: float = 0  # our clock at that moment
    lost: bool = False  # the lease ran out: it is not ours any more
    trails: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def id(self) -> str:
        """Lane id of the flight."""
        return self.lane.lane.id

    @property
    def client_batch_id(self) -> str:
        """What travels as `clientBatchId`."""
        return f"{self.id}.{self.batch}"

    def note_mark(self, mark: Mark, clock: float) -> None:
        """Remember Redis' clock, so that times can be told without asking again."""
        self.now_ms, self.marked_at = mark.now_ms, clock
        self.lost = self.lost or mark.lost

    def posted_at(self) -> int:
        """When the last request was posted, s since 1970 by Redis' clock."""
        return self.now_ms // 1000

    def now(self, clock: float) -> int:
        """Seconds since 1970 by Redis' clock, carried on by ours."""
        return int(self.now_ms / 1000 + (clock - self.marked_at))
