"""Lanes, jobs and batches for tests of the worker; without a server."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from chatapps.client import Endpoint
from chatapps.rendering.renderer import MessageRenderer
from chatapps.responses import AnswerItem, BatchAnswer, ItemStatus, NotSent, Result
from config.sections import Retry
from config.settings import Settings
from store.client import AsyncStore, Call
from store.lanes.lane import Lane, LaneStatus, Priority
from store.limits.rate_limit import Limits, Permits
from store.records.job_section import Job
from worker.batch import ClaimedBatch, OpenLane, Reservation, Sender, Tools
from worker.requests import BatchOutcome
from worker.results.classify import Verdicts

NOW = 1_750_000_000  # s
CAMPAIGN = Lane(
    id="spring-a1b2c3",
    name="Spring",
    kind="campaign",
    sub_account="shop",
    priority=Priority.BULK,
    status=LaneStatus.SENDING,
    reason="",
    content=b"",
    on_unconfirmed="hold",
    on_server_error="retry",
    settle_after=0,
    next_index=1000,
    loaded=True,
    offset=0,
    line=0,
    row=0,
    invalid_rows=0,
    duplicates=0,
    opened_at=0,
    started_at=0,
    finished_at=0,
)
ENDPOINT = Endpoint("https://provider.test", "shop", SecretStr("key"))
NO_LIMITS = Limits(messages_per_second=0, burst=1, urgent_reserve=0, requests_per_second=0)


def lane(kind: str = "campaign", **changes: Any) -> Lane:
    """A lane of this kind."""
    return replace(CAMPAIGN, kind=kind, **changes)


def job(index: int, attempts: int = 0, recipient: bytes = b"", doubt: int = 0) -> Job:
    """A job whose recipient's number contains the index."""
    return Job(index, attempts, (recipient or b"%d" % (447700900000 + index)) + b"\tGuest", doubt)


def jobs(n: int, attempts: int = 0) -> list[Job]:
    """Jobs 0 to n - 1."""
    return [job(index, attempts) for index in range(n)]


def named(those: Sequence[Job]) -> list[tuple[Job, str]]:
    """Jobs with the ids of their next attempt."""
    return [(job_, message_id(job_.index, job_.attempts + 1)) for job_ in those]


def message_id(index: int, attempt: int = 1) -> str:
    """The `clientMessageId` of an attempt."""
    return f"{CAMPAIGN.id}.{index}.{attempt}"


def item(
    id_: str | None, state: str = "queued", code: int | None = None, umid: str | None = None
) -> AnswerItem:
    """An answer's item about one message."""
    return AnswerItem(ItemStatus(state, code), umid, id_)


def answer(*items: AnswerItem) -> BatchAnswer:
    """An answer with these items; its counts are not used."""
    return BatchAnswer(0, 0, None, list(items))


class NoProvider:
    """A provider that must not be called."""

    async def send_many(self, endpoint: Endpoint, body: bytes) -> Result:
        return NotSent("nobody there")


class FakeStore(AsyncStore):
    """Answers each call with the next reply, unparsed, and records the calls."""

    def __init__(self, *replies: Any) -> None:
        self.replies = list(replies)
        self.calls: list[Call[Any]] = []

    async def run(self, call: Call[Any]) -> Any:
        self.calls.append(call)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


class Time:
    """A clock that only sleeping advances."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def tools(
    store: AsyncStore | None = None,
    time: Time | None = None,
    *,
    sleep: Callable[[float], Awaitable[None]] | None = None,
    **retry: Any,
) -> Tools:
    """The worker's tools, all fake."""
    time = time or Time()
    return Tools(
        store=store or FakeStore(),
        client=NoProvider(),
        settings=Settings(retry=Retry(**retry)),
        owner="host:1:abc",
        rng=random.Random(1),
        clock=time,
        sleep=sleep or time.sleep,
    )


def open_lane(of: Lane = CAMPAIGN) -> OpenLane:
    """A lane with a sender without limits."""
    return OpenLane(of, MessageRenderer(of.id), Sender("shop", ENDPOINT, NO_LIMITS, 8))


def batch(those: Sequence[Job], of: Lane = CAMPAIGN) -> ClaimedBatch:
    """A batch with these jobs, claimed now."""
    permits = Reservation("op", len(those), Permits(True, 0), turn=0.0)
    return ClaimedBatch(open_lane(of), "b1b1b1b1b1b1", those, permits, NOW * 1000, 0.0)


def outcome(
    those: Sequence[Job], verdicts: Verdicts | None = None, of: Lane = CAMPAIGN
) -> BatchOutcome:
    """The outcome of a batch with these jobs, which was posted now."""
    return BatchOutcome(batch(those, of), verdicts or Verdicts(), posted_ms=NOW * 1000)
