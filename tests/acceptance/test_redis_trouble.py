"""The server dies, hangs, fills up, becomes a replica: workers go on, and nothing is lost or doubled."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sendmany.local.embedded_redis import EmbeddedServer
from sendmany.local.processes import Child
from sendmany.local.stack import SANDBOX_ID, Sandbox
from store.errors import StoreFull
from store.lanes.lane import Policies
from store.states import State
from tests.acceptance.house import SMALL, House, open_house, until
from tests.integration.worker.rig import launch_campaign

HOLD = Policies(on_unconfirmed="hold", on_server_error="hold")
RESEND = Policies(on_unconfirmed="resend", on_server_error="retry")
SLOW = Sandbox(latency_ms=200)
QUICK_SWEEP = ("SENDMANY_WORKER__SWEEP_SECONDS", "0.5")
N = 12_000
LEASE = (
    "SENDMANY_WORKER__LEASE_SECONDS",
    "20",
)  # a claim whose reply died with the server ends with it
FROZEN = 10.0  # s
WAITING = int(os.environ.get("SENDMANY_TEST_WAITING", "100000"))
"""Jobs that wait while the server is full."""
RESUMED = 15.0  # s; Celery itself asks for its broker every few seconds


@contextmanager
def always_on_disk(
    home: Path, policies: Policies = HOLD, lease: tuple[str, str] = LEASE
) -> Iterator[tuple[House, str]]:
    """A campaign that is well under way on a server that writes before it answers."""
    with open_house(home, SLOW, SMALL, QUICK_SWEEP, lease, fsync="always") as house:
        lane = house.launch(N, policies=policies)
        until(lambda: house.report(lane).sent >= 1000 and in_air(house, lane) > 0)
        yield house, lane
        assert worker_of(house).exit_code() is None


def worker_of(house: House) -> Child:
    assert house.local.worker is not None
    return house.local.worker


def server_of(house: House) -> tuple[EmbeddedServer, Child]:
    assert house.local.server is not None
    assert house.local.server.child is not None
    return house.local.server, house.local.server.child


def in_air(house: House, lane: str) -> int:
    return house.count(lane, State.IN_FLIGHT)


def resumes(house: House, lane: str, within: float = RESUMED) -> None:
    """Messages go out again."""
    sent = house.ledger()["taken"]
    assert until(lambda: house.ledger()["taken"] > sent) < within


def all_accepted(house: House, lane: str, n: int = N) -> None:
    """The campaign ends, everybody was sent to, once."""
    until(lambda: house.has_ended(lane), 90)
    assert house.check(lane).counts == {State.ACCEPTED: n}
    assert house.ledger()["duplicates"] == 0


def test_a_server_that_is_killed_and_comes_back_has_lost_nothing(tmp_path: Path) -> None:
    with always_on_disk(tmp_path) as (house, lane):
        server, process = server_of(house)
        process.signal(signal.SIGKILL)
        assert process.wait(5)
        server.start()
        resumes(house, lane)
        until(lambda: house.has_ended(lane), 90)
        found = house.check(lane)
        assert found.sent + found.counts.get(State.UNCONFIRMED, 0) == N
        assert found.sent == house.ledger()["distinct"] == house.ledger()["taken"]


def test_a_server_that_is_away_for_some_seconds_gets_every_answer_in_the_end(
    tmp_path: Path,
) -> None:
    """For longer than leases last, and doubt resends at once: those who live are waited for."""
    with always_on_disk(tmp_path, RESEND, ("SENDMANY_WORKER__LEASE_SECONDS", "3")) as (house, lane):
        server, process = server_of(house)
        process.signal(signal.SIGKILL)
        assert process.wait(5)
        posted = house.ledger()["requests"]
        assert not worker_of(house).wait(6)
        assert house.ledger()["requests"] <= posted + 2 * 64  # what had been marked before
        server.start()
        resumes(house, lane)
        all_accepted(house, lane)


def test_a_server_that_freezes_while_requests_are_in_the_air_has_their_answers_afterwards(
    tmp_path: Path,
) -> None:
    """It is frozen for longer than leases last, and doubt resends at once."""
    with always_on_disk(tmp_path, RESEND, ("SENDMANY_WORKER__LEASE_SECONDS", "3")) as (house, lane):
        _, process = server_of(house)
        process.signal(signal.SIGSTOP)
        assert not worker_of(house).wait(FROZEN)
        process.signal(signal.SIGCONT)
        resumes(house, lane)
        all_accepted(house, lane)


def test_a_server_that_is_made_a_replica_for_a_while_finds_its_workers_alive(
    tmp_path: Path,
) -> None:
    with always_on_disk(tmp_path) as (house, lane):
        house.store.client.replicaof("127.0.0.1", "1")
        assert not worker_of(house).wait(5)
        house.store.client.replicaof("NO", "ONE")
        resumes(house, lane)
        all_accepted(house, lane)


def test_scripts_that_are_flushed_again_and_again_are_loaded_again(tmp_path: Path) -> None:
    with always_on_disk(tmp_path) as (house, lane):
        for _ in range(20):
            house.store.client.script_flush()
            assert not worker_of(house).wait(0.1)
        all_accepted(house, lane)


def test_a_full_server_refuses_new_jobs_and_sends_all_that_wait(tmp_path: Path) -> None:
    with open_house(tmp_path, Sandbox(latency_ms=100)) as house:
        lane = house.launch(WAITING, policies=HOLD)
        house.move(lane, "pause")
        until(lambda: in_air(house, lane) == 0)
        waiting = house.count(lane, State.QUEUED)
        house.store.client.config_set("maxmemory", 1_000_000)  # far below what it holds
        with pytest.raises(StoreFull, match="Redis is full and takes no new jobs"):
            launch_campaign(house.store, 1000, "One more", sub_account=SANDBOX_ID)
        began = time.monotonic()
        house.move(lane, "resume")
        all_accepted(house, lane, WAITING)
        print(f"{waiting} waited and went out within {time.monotonic() - began:.1f} s")
        assert waiting >= 0.7 * WAITING
        house.store.client.config_set("maxmemory", 0)
        more = house.launch(1000, "After that")
        until(lambda: house.has_ended(more))
        assert house.check(more).counts == {State.ACCEPTED: 1000}
