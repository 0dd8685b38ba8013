"""Real worker processes: stopped, killed, frozen, paused, limited. Nobody is lost or sent to twice."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery

from config.celery_app import DRAIN_TASK, QUEUE, create_app
from config.settings import Settings
from producer.wake import wake
from sendmany.local import SANDBOX_ID, Local, LocalPlan, Sandbox
from sendmany.processes import Child
from store.calls import Store, command, text
from store.drains import wake_drain
from store.keys import lane_keys
from store.lanes import LaneStatus, Policies, move_lane
from store.ledger import recount
from store.outcomes import Outcome
from store.reports import LaneReport, outcomes, report
from store.states import State
from tests.integration.worker.rig import launch_campaign

MANY = 1000
PATIENCE = 40.0  # s; a slow machine is no failure
SMALL = ("SENDMANY_BATCH__MAX_MESSAGES", "100")
SHORT_LEASE = ("SENDMANY_WORKER__LEASE_SECONDS", "2")
QUICK_WAVES = ("SENDMANY_RETRY__WAVE_BASE", "0.5")


@dataclass
class House:
    """A server, a sandbox, and the workers that a test starts."""

    local: Local
    store: Store
    celery: Celery

    def launch(self, n: int, name: str = "Spring", policies: Policies = Policies()) -> str:
        """Launch a campaign and wake the workers."""
        lane = launch_campaign(self.store, n, name, sub_account=SANDBOX_ID, policies=policies)
        wake(self.store, self.send_drain)
        return lane

    def send_drain(self) -> None:
        """Send one wake-up by Celery."""
        self.celery.send_task(DRAIN_TASK, retry=False)

    def ledger(self) -> dict[str, Any]:
        """What the provider has seen, in numbers."""
        found: dict[str, Any] = httpx.get(f"{self.local.sandbox_url}/sandbox/ledger").json()
        return found

    def report(self, lane: str) -> LaneReport:
        """The lane's figures, which add up at every moment."""
        found = report(self.store, lane)
        assert found.balanced, found
        return found

    def count(self, lane: str, state: State) -> int:
        """Messages in this state."""
        return self.report(lane).counts.get(state, 0)

    def has_ended(self, lane: str) -> bool:
        """Nothing more will happen in the lane."""
        return self.report(lane).lane.status.ended

    def check(self, lane: str) -> LaneReport:
        """Nothing is missing, nothing was sent twice, and who is accepted was taken."""
        counted = recount(self.store, lane)
        assert counted.balanced, counted
        taken = self.taken(lane)
        assert set(taken.values()) <= {1}
        accepted = {one.index for one in self.outcomes(lane) if one.state is State.ACCEPTED}
        assert accepted <= set(taken)
        return self.report(lane)

    def taken(self, lane: str) -> dict[int, int]:
        """Index → how often the provider took it."""
        url = f"{self.local.sandbox_url}/sandbox/ledger/messages"
        lines = httpx.get(url, params={"lane": lane}).text.splitlines()
        entries = (line.strip("[]").split(",") for line in lines)
        return {int(stem.strip('"').split(".")[1]): int(times) for stem, times in entries}

    def senders(self, lane: str) -> Iterator[int]:
        """Process ids of those who have batches in the air."""
        keys = lane_keys(lane)
        for batch in self.store.run(command("ZRANGE", keys.flights, 0, -1, parse=list)):
            owner = self.store.run(
                command("HGET", keys.flight(batch.decode()), "owner", parse=text)
            )
            if owner:
                yield int(owner.split(":")[1])

    def outcomes(self, lane: str) -> list[Outcome]:
        """The records of the lane."""
        return list(outcomes(self.store, lane))

    def move(self, lane: str, action: str) -> float:
        """Pause, resume or cancel; returns when (monotonic)."""
        assert self.store.run(move_lane(lane, action))[0]
        return time.monotonic()

    def last_request_within(self, start: float, seconds: float) -> float:
        """Watch the provider for so long; how long after `start` it saw another request."""
        seen, last = self.ledger()["requests"], 0.0
        while time.monotonic() < start + seconds:
            now = self.ledger()["requests"]
            if now > seen:
                seen, last = now, time.monotonic() - start
            time.sleep(0.01)
        return last


@contextmanager
def open_house(
    home: Path, sandbox: Sandbox, *environment: tuple[str, str], workers: int = 1
) -> Iterator[House]:
    """Start all of it; leave no process behind."""
    plan = LocalPlan(home, sandbox=sandbox, environment=(QUICK_WAVES, *environment))
    with Local(plan) as local:
        more = [local.start_worker() for _ in range(workers - 1)]
        url = local.environment["SENDMANY_REDIS_URL"]
        celery, store = create_app(Settings(redis_url=url)), Store.connect(url)
        try:
            yield House(local, store, celery)
        finally:
            for worker in more:
                worker.stop(10)
            celery.close()
            store.close()


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> float:
    """Wait until something is true; returns the seconds it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() < start + seconds, "it never came true"
        time.sleep(0.02)
    return time.monotonic() - start


def children(pid: int) -> list[int]:
    """Processes whose parent this is."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def runs(pid: int) -> bool:
    """Whether a process is there, and not only its name on the tombstone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Two workers of two processes each, for tests that leave them alive."""
    home = tmp_path_factory.mktemp("two")
    with open_house(home, Sandbox(latency_ms=100), SMALL, workers=2) as house:
        yield house


def log_of(house: House, tmp_path: Path) -> str:
    return (tmp_path / "logs" / "worker.log").read_text()


def worker_of(house: House) -> Child:
    assert house.local.worker is not None
    return house.local.worker


def in_the_middle(house: House, lane: str) -> None:
    """Wait until the run is well under way, with requests in the air."""
    until(lambda: house.report(lane).accepted >= 1000 and house.count(lane, State.IN_FLIGHT) > 0)


# Told to stop


@pytest.mark.parametrize("whom", ["main process", "whole group"])
def test_a_worker_that_is_told_to_stop_settles_what_is_in_the_air(
    tmp_path: Path, whom: str
) -> None:
    with open_house(tmp_path, Sandbox(latency_ms=300), SMALL) as house:
        lane, worker = house.launch(12_000), worker_of(house)
        in_the_middle(house, lane)
        if whom == "main process":
            worker.signal(signal.SIGTERM)
        else:
            os.killpg(worker.pid, signal.SIGTERM)
        until(lambda: worker.exit_code() is not None)
        assert worker.exit_code() == 0, log_of(house, tmp_path)
        found = house.check(lane)
        assert found.counts.get(State.IN_FLIGHT, 0) == 0
        assert found.counts.get(State.PARKED, 0) == 0
        assert found.counts[State.QUEUED] > 0
        assert found.accepted == house.ledger()["distinct"]
        house.local.worker = house.local.start_worker()
        until(lambda: house.has_ended(lane))
        assert house.check(lane).counts == {State.ACCEPTED: 12_000}
        assert house.ledger()["duplicates"] == 0


# Killed


def test_a_pool_child_that_is_killed_is_replaced_and_its_messages_are_unknown(
    tmp_path: Path,
) -> None:
    with open_house(tmp_path, Sandbox(latency_ms=200), SMALL, SHORT_LEASE) as house:
        lane, worker = house.launch(15_000), worker_of(house)
        in_the_middle(house, lane)
        before, victim = children(worker.pid), next(iter(house.senders(lane)))
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(set(children(worker.pid)) - set(before)) == 1)
        until(lambda: house.has_ended(lane))
        found = house.check(lane)
        assert 0 < found.counts[State.UNKNOWN] <= 32 * 100
        assert found.accepted + found.counts[State.UNKNOWN] == 15_000
        assert worker.exit_code() is None


def test_children_of_a_killed_worker_settle_what_is_in_the_air_and_end(tmp_path: Path) -> None:
    with open_house(tmp_path, Sandbox(latency_ms=200), SMALL, SHORT_LEASE) as house:
        lane, worker = house.launch(12_000), worker_of(house)
        in_the_middle(house, lane)
        orphans = children(worker.pid)
        assert len(orphans) == 2
        worker.signal(signal.SIGKILL)
        assert until(lambda: not any(map(runs, orphans))) < 8
        assert worker.exit_code() == -signal.SIGKILL
        assert house.check(lane).counts.get(State.IN_FLIGHT, 0) == 0
        house.local.worker = house.local.start_worker()
        sent = house.report(lane).accepted
        assert until(lambda: house.report(lane).accepted > sent) < 15  # though a wake-up was lost
        until(lambda: house.has_ended(lane))
        assert house.check(lane).counts == {State.ACCEPTED: 12_000}


# Paused, cancelled


def test_a_pause_takes_effect_within_a_second_on_all_workers(two_workers: House) -> None:
    house = two_workers
    lane = house.launch(40_000, "To be paused")
    in_the_middle(house, lane)
    paused = house.move(lane, "pause")
    assert house.last_request_within(paused, 2) <= 1
    found = house.check(lane)
    assert found.lane.status is LaneStatus.PAUSED
    assert found.counts[State.QUEUED] == found.open > 0
    house.move(lane, "resume")
    until(lambda: house.report(lane).accepted > found.accepted)
    house.move(lane, "cancel")
    until(lambda: house.has_ended(lane))


def test_a_cancelled_campaign_sends_nothing_after_a_second_and_ends(two_workers: House) -> None:
    house = two_workers
    lane = house.launch(40_000, "To be cancelled")
    in_the_middle(house, lane)
    cancelled = house.move(lane, "cancel")
    assert house.last_request_within(cancelled, 2) <= 1
    until(lambda: house.has_ended(lane))
    found = house.check(lane)
    assert found.lane.status is LaneStatus.CANCELLED
    assert found.accepted + found.counts[State.CANCELLED] == 40_000


# Limited


def test_two_workers_keep_to_the_limits_of_a_sub_account_together(tmp_path: Path) -> None:
    limits = '{"sandbox": {"messages_per_second": 500, "burst": 100, "requests_per_second": 0}}'
    environment = ("SENDMANY_SUB_ACCOUNTS", limits)
    with open_house(tmp_path, Sandbox(latency_ms=20), environment, workers=2) as house:
        lane = house.launch(4000)
        until(lambda: house.has_ended(lane))
        assert house.check(lane).counts == {State.ACCEPTED: 4000}
        seen = house.ledger()
        assert seen["max_messages_in_one_second"] <= 600
        average = seen["messages_posted"] / (seen["last_arrival"] - seen["first_arrival"])
        print(f"average {average:.0f}/s, most in a second {seen['max_messages_in_one_second']}")
        overloaded = os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1)
        assert average >= 475 or overloaded
        assert house.store.run(command("LLEN", QUEUE, parse=int)) <= 8  # wake-ups do not pile up


# Failures


def test_wild_failures_lose_nobody_and_send_nobody_twice(tmp_path: Path) -> None:
    batch = ("SENDMANY_BATCH__MAX_MESSAGES", "250")
    with open_house(tmp_path, Sandbox(faults="wild", seed=11), batch) as house:
        lane = house.launch(10_000)
        until(lambda: house.has_ended(lane))
        found, seen = house.check(lane), house.ledger()
        assert found.accepted == seen["distinct"] == seen["taken"]
        assert found.accepted + found.counts[State.REJECTED] == 10_000
        assert found.stats["retried"] > 0


def test_a_wake_up_that_is_lost_with_a_frozen_worker_is_not_needed(tmp_path: Path) -> None:
    with open_house(tmp_path, Sandbox()) as house:
        worker = worker_of(house)
        until(lambda: len(children(worker.pid)) == 2)
        os.killpg(worker.pid, signal.SIGSTOP)
        first = house.launch(3000, "While it is frozen")
        os.killpg(worker.pid, signal.SIGCONT)
        until(lambda: house.has_ended(first))
        os.killpg(worker.pid, signal.SIGSTOP)
        second = house.launch(3000, "Before it is killed")
        os.killpg(worker.pid, signal.SIGKILL)
        assert worker.wait(5)
        house.store.run(wake_drain(MANY))
        assert not house.store.run(wake_drain(MANY))  # it is believed that somebody will come
        house.local.worker = house.local.start_worker()
        assert until(lambda: house.has_ended(second)) < 20
        assert house.check(first).counts == house.check(second).counts == {State.ACCEPTED: 3000}
