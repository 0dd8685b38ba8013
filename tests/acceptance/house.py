"""A set of real processes: a server, the sandbox, workers; and queries for tests."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from celery import Celery

from config.celery_app import DISPATCH_TASK, create_app
from config.settings import Settings
from producer.wake import wake
from sendmany.local.stack import SANDBOX_ID, Local, LocalPlan, Receiver, Sandbox
from store.client import Store, command, text
from store.keys import lane_keys
from store.lanes.lane import Policies, Priority, move_lane
from store.records.outcome import Outcome
from store.reports.lane_report import LaneReport, outcomes, report
from store.reports.recount import recount
from store.states import State
from tests.acceptance.command import NO_REACTIONS
from tests.integration.worker.rig import launch_campaign

PATIENCE = 40.0  # s; a slow machine is no failure
SMALL = ("SENDMANY_BATCH__MAX_MESSAGES", "100")
SHORT_LEASE = ("SENDMANY_WORKER__LEASE_SECONDS", "2")
NOBODY_BLOCKS = ("SENDMANY_REACTIONS", NO_REACTIONS)
"""Receipts of the sandbox are about some people, whom later campaigns would skip."""
QUICK_RETRIES = ("SENDMANY_RETRY__BASE_DELAY", "0.5")
RESEND_AT_ONCE = (
    ("SENDMANY_POLICIES__RESEND_FLOOR", "0"),
    ("SENDMANY_POLICIES__RESEND_PAUSES", "[0]"),
)
"""Messages of a resending lane stay in doubt for its `settle_after` only."""


@dataclass
class House:
    """A server, a sandbox, and the workers that a test starts."""

    local: Local
    store: Store
    celery: Celery

    def launch(
        self,
        n: int,
        name: str = "Spring",
        policies: Policies = Policies(),
        priority: Priority = Priority.BULK,
    ) -> str:
        """Launch a campaign and wake the workers."""
        lane = launch_campaign(
            self.store, n, name, sub_account=SANDBOX_ID, priority=priority, policies=policies
        )
        wake(self.store, self.send_wake_up, priority)
        return lane

    def send_wake_up(self) -> None:
        """Send one wake-up by Celery."""
        self.celery.send_task(DISPATCH_TASK, retry=False)

    def ledger(self) -> dict[str, Any]:
        """Counts of the provider."""
        found: dict[str, Any] = httpx.get(f"{self.local.sandbox_url}/sandbox/ledger").json()
        return found

    def report(self, lane: str) -> LaneReport:
        """The lane's figures; asserts that they add up."""
        found = report(self.store, lane)
        assert found.balanced, found
        return found

    def count(self, lane: str, state: State) -> int:
        """Messages in this state."""
        return self.report(lane).counts.get(state, 0)

    def has_ended(self, lane: str) -> bool:
        """True when the lane has ended."""
        return self.report(lane).lane.status.ended

    def check(self, lane: str) -> LaneReport:
        """Assert that no message is missing or sent twice, and that accepted ones reached the
        provider."""
        counted = recount(self.store, lane)
        assert counted.balanced, counted
        taken = self.taken(lane)
        assert set(taken.values()) <= {1}
        accepted = {one.index for one in self.outcomes(lane) if one.state is State.ACCEPTED}
        assert accepted <= set(taken)
        return self.report(lane)

    def taken(self, lane: str) -> dict[int, int]:
        """Index → how often the provider accepted it."""
        url = f"{self.local.sandbox_url}/sandbox/ledger/messages"
        lines = httpx.get(url, params={"lane": lane}).text.splitlines()
        entries = (line.strip("[]").split(",") for line in lines)
        return {int(stem.strip('"').split(".")[1]): int(times) for stem, times in entries}

    def senders(self, lane: str) -> Iterator[int]:
        """Process ids with batches in flight."""
        keys = lane_keys(lane)
        for batch in self.store.run(command("ZRANGE", keys.claimed_batches, 0, -1, parse=list)):
            owner = self.store.run(
                command("HGET", keys.claimed_batch(batch.decode()), "owner", parse=text)
            )
            if owner:
                yield int(owner.split(":")[1])

    def outcomes(self, lane: str) -> list[Outcome]:
        """The records of the lane."""
        return list(outcomes(self.store, lane))

    def move(self, lane: str, action: str) -> float:
        """Pause, resume or cancel; returns the time (monotonic)."""
        assert self.store.run(move_lane(lane, action))[0]
        return time.monotonic()

    def last_request_within(self, start: float, seconds: float) -> float:
        """Watch the provider for so many seconds; returns the time of its last request after `start`."""
        seen, last = self.ledger()["requests"], 0.0
        while time.monotonic() < start + seconds:
            now = self.ledger()["requests"]
            if now > seen:
                seen, last = now, time.monotonic() - start
            time.sleep(0.01)
        return last


@contextmanager
def open_house(
    home: Path,
    sandbox: Sandbox,
    *environment: tuple[str, str],
    workers: int = 1,
    fsync: str = "everysec",
    receiver: Receiver | None = None,
    redis_url: str = "",
) -> Iterator[House]:
    """Start all processes, with a server of their own if none is given; stop all of them at the end."""
    plan = LocalPlan(
        home,
        embedded=not redis_url,
        receiver=receiver,
        sandbox=sandbox,
        environment=(
            QUICK_RETRIES,
            NOBODY_BLOCKS,
            *RESEND_AT_ONCE,
            *_within_lease(environment),
            *environment,
            *([("SENDMANY_REDIS_URL", redis_url)] if redis_url else []),
        ),
        fsync=fsync,
    )
    with Local(plan) as local:
        more = [local.start_worker() for _ in range(workers - 1)]
        url = local.environment["SENDMANY_REDIS_URL"]
        broker = local.environment.get("SENDMANY_BROKER_URL")
        celery = create_app(Settings(redis_url=url, broker_url=broker))
        store = Store.connect(url)
        try:
            yield House(local, store, celery)
        finally:
            for worker in more:
                worker.stop(10)
            celery.close()
            store.close()


def _within_lease(environment: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """A request must end before its lease; a short lease needs a shorter deadline."""
    lease = dict(environment).get(SHORT_LEASE[0])
    return [("SENDMANY_HTTP__DEADLINE", str(float(lease) * 0.8))] if lease else []


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> float:
    """Wait until a condition is true; returns the seconds it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() < start + seconds, "it never came true"
        time.sleep(0.02)
    return time.monotonic() - start


def children(pid: int) -> list[int]:
    """Child processes."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def runs(pid: int) -> bool:
    """True when a process runs; False for a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
