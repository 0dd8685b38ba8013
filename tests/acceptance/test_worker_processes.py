"""Real worker processes: stopped, killed, frozen, paused, limited. No message is lost or sent twice."""

import os
import pty
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.celery_app import ENQUEUE_QUEUE, ENQUEUE_TASK, QUEUE
from sendmany.local.processes import Child, python
from sendmany.local.stack import Sandbox
from store.client import command
from store.keys import dispatchers
from store.lanes.lane import LaneStatus, Priority, list_lanes
from store.limits.stops import Stopped, go_on, stop_sending
from store.states import State
from store.workers.presence import wake_workers
from tests.acceptance.command import sendmany
from tests.acceptance.house import (
    SHORT_LEASE,
    SMALL,
    House,
    children,
    open_house,
    runs,
    until,
)

MANY = 1000


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
    until(lambda: house.report(lane).sent >= 1000 and house.count(lane, State.IN_FLIGHT) > 0)


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
        assert found.counts.get(State.IN_DOUBT, 0) == 0
        assert found.counts[State.QUEUED] > 0
        assert found.sent == house.ledger()["distinct"]
        house.local.worker = house.local.start_worker()
        until(lambda: house.has_ended(lane))
        assert house.check(lane).counts == {State.ACCEPTED: 12_000}
        assert house.ledger()["duplicates"] == 0


@pytest.mark.parametrize("whom", ["main process", "whole group"])
def test_a_worker_that_is_told_to_quit_loses_and_doubles_nothing(tmp_path: Path, whom: str) -> None:
    with open_house(tmp_path, Sandbox(latency_ms=300), SMALL, SHORT_LEASE) as house:
        lane, worker = house.launch(12_000), worker_of(house)
        in_the_middle(house, lane)
        pool = children(worker.pid)
        if whom == "main process":
            worker.signal(signal.SIGQUIT)
        else:
            os.killpg(worker.pid, signal.SIGQUIT)
        until(lambda: worker.exit_code() is not None)
        until(lambda: not any(map(runs, pool)))
        house.local.worker = house.local.start_worker()
        until(lambda: house.has_ended(lane))
        found = house.check(lane)
        assert found.sent + found.counts.get(State.UNCONFIRMED, 0) == 12_000
        assert house.ledger()["duplicates"] == 0
        print(f"{whom}: exit code {worker.exit_code()}, counts {found.counts}")


@pytest.mark.parametrize("whom", ["main process", "whole group"])
def test_a_worker_that_hears_a_hang_up_starts_anew_and_goes_on(tmp_path: Path, whom: str) -> None:
    with open_house(tmp_path, Sandbox(latency_ms=300), SMALL) as house:
        lane, worker = house.launch(12_000), worker_of(house)
        in_the_middle(house, lane)
        before = children(worker.pid)
        (os.kill if whom == "main process" else os.killpg)(worker.pid, signal.SIGHUP)
        until(lambda: not any(map(runs, before)))
        until(lambda: house.has_ended(lane))
        assert worker.exit_code() is None, log_of(house, tmp_path)
        assert house.check(lane).counts == {State.ACCEPTED: 12_000}
        assert house.ledger()["duplicates"] == 0


def test_a_worker_whose_terminal_is_closed_settles_what_is_in_the_air(tmp_path: Path) -> None:
    with open_house(tmp_path, Sandbox(latency_ms=300), SMALL) as house:
        worker_of(house).stop(10)
        pid, terminal = pty.fork()
        if pid == 0:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored, rightly
            os.environ.update(house.local.environment)
            words = python("sendmany.worker_process", "--concurrency", "2")
            os.execv(words[0], words)  # noqa: S606
        try:
            lane = house.launch(12_000)
            in_the_middle(house, lane)
        finally:
            os.close(terminal)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        found = house.check(lane)
        assert found.counts.get(State.IN_FLIGHT, 0) == found.counts.get(State.IN_DOUBT, 0) == 0
        assert found.counts[State.QUEUED] > 0
        assert house.ledger()["duplicates"] == 0


def test_a_pool_that_cannot_send_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for pool in ("gevent", "eventlet", "threads"):
        ran = sendmany(tmp_path, "worker", "--pool", pool)
        assert ran.code == 2
        assert f"the pool '{pool}' cannot send: use --pool prefork or solo." in ran.err
        assert "Traceback" not in ran.err


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
        assert 0 < found.counts[State.UNCONFIRMED] <= 32 * 100
        assert found.sent + found.counts[State.UNCONFIRMED] == 15_000
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
        sent = house.report(lane).sent
        assert until(lambda: house.report(lane).sent > sent) < 15  # though a wake-up was lost
        until(lambda: house.has_ended(lane))
        assert house.check(lane).counts == {State.ACCEPTED: 12_000}


# Paused, cancelled


@pytest.mark.timing
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
    until(lambda: house.report(lane).sent > found.sent)
    house.move(lane, "cancel")
    until(lambda: house.has_ended(lane))


@pytest.mark.timing
def test_a_stop_takes_effect_within_a_second_on_all_workers(two_workers: House) -> None:
    house = two_workers
    lane = house.launch(40_000, "To be stopped")
    in_the_middle(house, lane)
    house.store.run(stop_sending(Stopped.ALL, "", "wrong price"))
    assert house.last_request_within(time.monotonic(), 2) <= 1
    found = house.check(lane)
    assert found.lane.status is LaneStatus.SENDING
    assert found.counts[State.QUEUED] == found.open > 0
    house.store.run(go_on(Stopped.ALL, ""))
    assert until(lambda: house.report(lane).sent > found.sent) < 3
    house.move(lane, "cancel")
    until(lambda: house.has_ended(lane))


@pytest.mark.timing
def test_a_cancelled_campaign_sends_nothing_after_a_second_and_ends(two_workers: House) -> None:
    house = two_workers
    lane = house.launch(40_000, "To be cancelled")
    in_the_middle(house, lane)
    cancelled = house.move(lane, "cancel")
    assert house.last_request_within(cancelled, 2) <= 1
    until(lambda: house.has_ended(lane))
    found = house.check(lane)
    assert found.lane.status is LaneStatus.CANCELLED
    assert found.sent + found.counts[State.CANCELLED] == 40_000


def test_a_wake_up_that_comes_ten_times_sends_nobody_twice(two_workers: House) -> None:
    house = two_workers
    lane = house.launch(6000, "With many wake-ups")
    for _ in range(10):
        house.send_wake_up()
    until(lambda: house.has_ended(lane))
    assert house.check(lane).counts == {State.ACCEPTED: 6000}


# Idle


@pytest.mark.timing
def test_an_idle_system_with_an_open_lane_answers_other_applications_at_once(
    tmp_path: Path,
) -> None:
    with open_house(tmp_path, Sandbox()) as house:
        lane = house.launch(6000)
        hand_in(house, 0)  # from now on a lane of notifications is open
        until(lambda: house.has_ended(lane))
        for number in range(1, 11):
            hand_in(house, number)
            assert until(lambda: stored(house) > number, 5) < 2  # noqa: B023
        assert house.store.run(command("LLEN", QUEUE, parse=int)) == 0
        assert house.store.run(command("HLEN", "unacked", parse=int)) <= 4


@pytest.mark.timing
def test_other_applications_are_answered_while_all_processes_send(tmp_path: Path) -> None:
    with open_house(tmp_path, Sandbox(latency_ms=200), SMALL) as house:
        lane = house.launch(30_000)
        until(lambda: len(set(house.senders(lane))) == 2)
        hand_in(house, 1)
        assert until(lambda: stored(house) == 1, 5) < 2
        assert not house.has_ended(lane)


def hand_in(house: House, number: int) -> None:
    """A task of another Celery application."""
    user = {"msisdn": f"+447700900{number:03d}"}
    message = {"user": user, "type": "text", "content": {"text": "Your code is 1234"}}
    house.celery.send_task(
        ENQUEUE_TASK, kwargs={"message": message}, queue=ENQUEUE_QUEUE, retry=False
    )


def stored(house: House) -> int:
    """Messages that other applications have handed in and a worker has stored."""
    lanes = (lane for lane in list_lanes(house.store) if lane.kind == "notifications")
    return sum(lane.next_index for lane in lanes)


# Limited


@pytest.mark.timing
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


# Dedicated workers


@pytest.mark.timing
def test_a_bulk_campaign_does_not_wait_beside_a_dedicated_worker(tmp_path: Path) -> None:
    with open_house(tmp_path, Sandbox()) as house:
        only_urgent = {"SENDMANY_WORKER__PRIORITIES": '["urgent"]'}
        common, house.local.environment = house.local.environment, {
            **house.local.environment, **only_urgent,
        }  # fmt: skip
        dedicated = house.local.start_worker()
        house.local.environment = common
        try:
            until(
                lambda: house.store.client.zcard(dispatchers("urgent")) == 2
            )  # without being woken
            bulk = house.launch(3000)
            assert until(lambda: house.has_ended(bulk)) < 10
            urgent = house.launch(1, "Code", priority=Priority.URGENT)
            assert until(lambda: house.has_ended(urgent)) < 5
            os.killpg(worker_of(house).pid, signal.SIGSTOP)  # only the dedicated one is left
            urgent = house.launch(1, "Another code", priority=Priority.URGENT)
            assert until(lambda: house.has_ended(urgent)) < 5
            os.killpg(worker_of(house).pid, signal.SIGCONT)
            os.kill(dedicated.pid, signal.SIGTERM)
            assert dedicated.wait(15)
            assert house.store.client.zcard(dispatchers("urgent")) == 0
        finally:
            dedicated.stop()


# Failures


def test_wild_failures_lose_nobody_and_send_nobody_twice(tmp_path: Path) -> None:
    batch = ("SENDMANY_BATCH__MAX_MESSAGES", "250")
    with open_house(tmp_path, Sandbox(faults="wild", seed=11), batch) as house:
        lane = house.launch(10_000)
        until(lambda: house.has_ended(lane))
        found, seen = house.check(lane), house.ledger()
        assert found.sent == seen["distinct"] == seen["taken"]
        assert found.sent + found.counts[State.REJECTED] == 10_000
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
        house.store.run(wake_workers(MANY))
        assert not house.store.run(wake_workers(MANY))  # it is believed that somebody will come
        house.local.worker = house.local.start_worker()
        assert until(lambda: house.has_ended(second)) < 20
        assert house.check(first).counts == house.check(second).counts == {State.ACCEPTED: 3000}
