"""A worker's parts on a real server: lanes to send from, a scripted provider, a controlled clock."""

import asyncio
import inspect
import json
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pydantic import SecretStr

from chatapps.client import Endpoint
from chatapps.rendering.compiled import compile_content
from chatapps.responses import Answered, AnswerItem, BatchAnswer, ItemStatus, Result
from config.sections import SubAccount
from config.settings import Settings
from store.client import AsyncStore, Call, Store, command
from store.keys import SWEEP, lane_keys
from store.lanes.lane import Lane, Policies, Priority, announce, find_lane, finish_loading
from store.lanes.open import CampaignPlan, open_campaign, open_notifications
from store.limits.breakers import STALL, close_breaker
from store.limits.rate_limit import Permits
from store.purposes import Purpose
from store.queue.enqueue import NewMessage, Place, enqueue_messages, enqueue_rows
from store.queue.settlement import claim_batch
from store.records.job_section import Job, unpack
from store.reports.lane_report import LaneReport, MessageReport, message_report, report
from store.reports.recount import recount
from store.states import State
from worker.batch import ClaimedBatch, Reservation, Tools
from worker.delivery.deliver import Delivery
from worker.dispatch.dispatcher import Dispatcher
from worker.dispatch.lane_cache import LaneCache
from worker.failpoints import PassBy, go_on
from worker.maintenance.sweep import Swept, sweep
from worker.metrics import Meters
from worker.pacing.backoff import Backoff
from worker.pacing.permits import PermitOffice
from worker.process.engine import TimedProvider
from worker.revisions import Revisions

T = TypeVar("T")
PATIENCE = 40.0  # s; timeout of a condition
MESSAGE = {"type": "text", "content": {"text": "Hello {{name}}"}}

RECOUNTS = 20


@dataclass(frozen=True)
class Post:
    """A request as received by the provider."""

    sub_account: str
    ids: list[str]
    body: dict[str, Any]
    size: int

    @property
    def indexes(self) -> list[int]:
        """Indexes of its messages."""
        return [int(id_.split(".")[1]) for id_ in self.ids]

    @property
    def attempts(self) -> set[int]:
        """Attempts of its messages."""
        return {int(id_.split(".")[2]) for id_ in self.ids}


Step = Result | Callable[[Post], Result] | Callable[[Post], Awaitable[Result]]


def taken(post: Post) -> Result:
    """The provider accepts all of them."""
    return said({}, post)


def said(codes: dict[int, int], post: Post) -> Result:
    """The provider accepts all except those with a code, by index."""
    items = []
    for index, id_ in zip(post.indexes, post.ids, strict=True):
        code = codes.get(index)
        status = ItemStatus("rejected", code) if code else ItemStatus("queued")
        items.append(AnswerItem(status, f"5c1a7a4c-0000-4000-8000-{index:012x}", id_))
    return Answered(BatchAnswer(len(items) - len(codes), len(codes), None, items))


def refuses(codes: dict[int, int]) -> Callable[[Post], Result]:
    """An answer that refuses these messages."""
    return lambda post: said(codes, post)


@dataclass
class Provider:
    """Answers by a script, one step per request; then always the same."""

    steps: list[Step] = field(default_factory=list)
    otherwise: Step = taken
    posts: list[Post] = field(default_factory=list)

    async def send_many(self, endpoint: Endpoint, body: bytes) -> Result:
        data = json.loads(body)
        ids = [message["clientMessageId"] for message in data["messages"]]
        post = Post(endpoint.sub_account_id, ids, data, len(body))
        self.posts.append(post)
        step = self.steps.pop(0) if self.steps else self.otherwise
        if not callable(step):
            return step
        result = step(post)
        return await result if inspect.isawaitable(result) else result


class WatchedStore(AsyncStore):
    """Records calls, and fails on demand."""

    def __init__(self, url: str) -> None:
        super().__init__(AsyncStore.connect(url).client)
        self.ran: list[str] = []
        self.ran_together: list[str] = []  # in round trips of `run_all`
        self.failures: dict[str, list[BaseException]] = {}  # script → errors of its next calls
        self.after: dict[str, list[BaseException]] = {}  # the same, but the call takes effect first

    async def run(self, call: Call[T]) -> T:
        name = call.script or str(call.args[0])
        self.ran.append(name)
        if self.failures.get(name):
            raise self.failures[name].pop(0)
        result = await super().run(call)
        if self.after.get(name):
            raise self.after[name].pop(0)
        return result

    async def run_all(self, calls: Sequence[Call[T]]) -> list[T]:
        for name in [call.script or str(call.args[0]) for call in calls]:
            self.ran_together.append(name)
            if self.failures.get(name):
                raise self.failures[name].pop(0)
        results = await super().run_all(calls)
        for name in [call.script or "" for call in calls]:
            if self.after.get(name):
                raise self.after[name].pop(0)
        return results


class Rig:
    """One worker process, in parts."""

    def __init__(self, store: Store, url: str, owner: str = "host-1:1:abc") -> None:
        self.store = store
        self.url = url
        self.provider = Provider()
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None
        self.really_sleeps = False
        self.ahead = 0.0  # s; offset of our clock
        self.watched = WatchedStore(url)
        self.settings = Settings(sub_accounts={"shop": account(), "bank": account()})
        self.owner = owner
        self.stopping = asyncio.Event()
        self._drain: Dispatcher | None = None
        self.revisions = Revisions()
        self.meters = Meters()
        self.pass_by: PassBy = go_on

    def configure(self, **sections: dict[str, Any]) -> None:
        """Change settings, section by section."""
        changes: dict[str, Any] = {}
        for name, values in sections.items():
            section = getattr(self.settings, name)
            if name == "sub_accounts":
                changes[name] = {**section, **values}
            else:
                changes[name] = section.model_copy(update=values)
        self.settings = self.settings.model_copy(update=changes)

    def resend_at_once(self) -> None:
        """The next sweep resends messages in doubt in lanes that resend."""
        self.configure(policies={"resend_floor": 0, "resend_pauses": [0]})

    @property
    def tools(self) -> Tools:
        """The worker's tools: real store, scripted provider, no real sleep."""
        return Tools(
            store=self.watched,
            client=TimedProvider(self.provider, self.meters, time.monotonic),
            settings=self.settings,
            owner=self.owner,
            rng=random.Random(7),
            clock=lambda: time.monotonic() + self.ahead,
            sleep=self._sleep,
            revisions=self.revisions,
            meters=self.meters,
            pass_by=self.pass_by,
        )

    # Lanes

    def campaign(
        self,
        n: int,
        name: str = "Spring",
        *,
        sub_account: str = "shop",
        priority: Priority = Priority.BULK,
        lines: Sequence[bytes] = (),
        message: dict[str, Any] | None = None,
        purpose: Purpose | None = None,
        template: str = "",
        extra: Sequence[str] = (),
        **policies: Any,
    ) -> str:
        """A campaign of n people, ready to be sent."""
        return launch_campaign(
            self.store,
            n,
            name,
            sub_account=sub_account,
            priority=priority,
            lines=lines,
            policies=Policies(**policies),
            message=message or MESSAGE,
            purpose=purpose,
            template=template,
            extra=extra,
        )

    def notifications(self, lane: str, texts: Iterable[str], **policies: Any) -> str:
        """A notification lane with these messages; urgent if its id says so."""
        priority = Priority.URGENT if "-u" in lane else Priority.NORMAL
        open_notifications(self.store, lane, "shop", priority, Policies(**policies))
        messages = [
            NewMessage(
                b'447700900%03d\t{"type":"text","content":{"text":"%b"}}' % (i, text.encode()),
                b"",
                b"",
            )
            for i, text in enumerate(texts)
        ]
        self.store.run(enqueue_messages(lane, messages))
        self.store.run(announce(lane, priority))
        return lane

    # What a worker does

    async def deliver(self, lane: str, most: int = 1000, *, lease_ms: int = 60_000) -> ClaimedBatch:
        """Claim one batch and deliver it, as the dispatcher does."""
        batch = await self.claim(lane, most, lease_ms=lease_ms)
        await self.delivery().deliver(batch)
        return batch

    async def deliver_with_permits(self, lane: str, most: int = 1000) -> ClaimedBatch:
        """The same with real permits, which reveal open breakers."""
        batch = await self.claim(lane, most)
        tools, opened = self.tools, batch.lane
        permits = await PermitOffice(tools).reserve(
            opened.sender, len(batch.jobs), urgent=opened.urgent
        )
        batch = replace(batch, permits=permits)
        await self.delivery().deliver(batch)
        return batch

    async def claim(
        self, lane: str, most: int = 1000, *, lease_ms: int = 60_000, batch: str = ""
    ) -> ClaimedBatch:
        """Claim one batch, with permits and without obstacles."""
        cache = LaneCache(self.watched, self.settings)
        opened = await cache.get(lane)
        assert opened is not None
        self.store.run(close_breaker(opened.sender.id, STALL))
        batch = batch or f"b{len(self.watched.ran):011d}"
        claim = self.store.run(
            claim_batch(
                lane, batch, owner=self.owner, most=most, most_bytes=1 << 21, lease_ms=lease_ms
            )
        )
        now = time.monotonic()
        permits = Reservation(batch, len(claim.jobs), Permits(True, 0), turn=now + 60)
        return ClaimedBatch(opened, batch, claim.jobs, permits, claim.now_ms, now)

    def delivery(self, backoff: Backoff | None = None) -> Delivery:
        """A delivery of batches."""
        tools = self.tools
        return Delivery(tools, PermitOffice(tools), backoff or Backoff(tools.clock, tools.rng))

    async def sweep(self) -> Swept:
        """Sweep, ignoring the lock of the last sweep."""
        self.store.run(command("DEL", SWEEP, parse=int))
        swept = await sweep(self.tools)
        assert swept is not None
        return swept

    @property
    def drain(self) -> Dispatcher:
        """The dispatcher; created with the settings at its first use."""
        if self._drain is None:
            self._drain = Dispatcher(self.tools)
        return self._drain

    @asynccontextmanager
    async def dispatching(self) -> Any:
        """Run a dispatcher in the background; waits for its batches at the end."""
        task = asyncio.create_task(self.drain.serve(self.stopping))
        try:
            yield
        finally:
            self.stopping.set()
            await task
            await self.drain.land()
            self.stopping = asyncio.Event()

    async def drain_until(self, condition: Callable[[], bool]) -> None:
        """Run the dispatcher until a condition is true."""
        async with self.dispatching():
            await until(condition)

    async def close(self) -> None:
        """Close the connections."""
        await self.watched.close()

    # Results

    def report(self, lane: str) -> LaneReport:
        """The lane's figures; asserts that they add up."""
        found = report(self.store, lane)
        assert found.balanced, found
        recounted = recount(self.store, lane)
        for _ in range(RECOUNTS):  # what is under way may change between two reads
            if recounted.balanced:
                break
            recounted = recount(self.store, lane)
        assert recounted.balanced, recounted
        return found

    def counts(self, lane: str) -> dict[State, int]:
        """How many messages are in each state."""
        return self.report(lane).counts

    def lane(self, lane: str) -> Lane:
        """The lane as it is."""
        return find_lane(self.store, lane)

    def message(self, lane: str, index: int) -> MessageReport:
        """Report of one message."""
        return message_report(self.store, f"{lane}.{index}")

    def queue(self, lane: str) -> list[Job]:
        """The queued jobs, in order."""
        return [job for blob in self._list(lane_keys(lane).queue) for job in unpack(blob)]

    def dead(self, lane: str) -> list[tuple[bytes, list[Job]]]:
        """The dead letters: reasons and jobs."""
        parts = (entry.split(b"\n", 1) for entry in self._list(lane_keys(lane).dead))
        return [(reason, unpack(blob)) for reason, blob in parts]

    def due(self, lane: str) -> None:
        """Make everything due: retry batches, in-doubt batches, leases."""
        keys = lane_keys(lane)
        for key in (keys.retries, keys.in_doubt, keys.claimed_batches):
            for member in self.store.run(command("ZRANGE", key, 0, -1, parse=list)):
                self.store.run(command("ZADD", key, 0, member, parse=int))

    def _list(self, key: str) -> list[bytes]:
        return self.store.run(command("LRANGE", key, 0, -1, parse=list))

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.on_sleep()
        await asyncio.sleep(seconds if self.really_sleeps else 0)


def launch_campaign(
    store: Store,
    n: int,
    name: str = "Spring",
    *,
    sub_account: str = "shop",
    priority: Priority = Priority.BULK,
    lines: Sequence[bytes] = (),
    policies: Policies = Policies(),
    message: dict[str, Any] = MESSAGE,
    purpose: Purpose | None = None,
    template: str = "",
    extra: Sequence[str] = (),
) -> str:
    """Store a campaign of n people, as the producer does."""
    content = compile_content(message, ["name", *extra], extra=extra)
    plan = CampaignPlan(
        name=name,
        sub_account=sub_account,
        content=content.dump(),
        content_digest=content.digest,
        source="file",
        priority=priority,
        policies=policies,
        purpose=purpose,
        template=template,
    )
    lane, _ = open_campaign(store, plan)
    lines = lines or [b"%d\tGuest %d" % (447700900000 + i, i) for i in range(n)]
    for first in range(0, len(lines), 1000):
        part = lines[first : first + 1000]
        end = first + len(part)
        store.run(enqueue_rows(lane, Place(first), Place(end, end, end), part, 0))
    store.run(finish_loading(lane))
    store.run(announce(lane, priority))
    return lane


def account(**limits: Any) -> SubAccount:
    """A sub-account, without limits by default."""
    limits = {"messages_per_second": 0, "requests_per_second": 0, "pair_seconds": 0, **limits}
    return SubAccount(api_key=SecretStr("key"), **limits)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition is true."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up, "it never came true"
        await asyncio.sleep(0.005)
