"""Real worker processes that are killed or frozen exactly at a named point of a delivery.

Every test sends one batch of a hundred, so that all of it is where the process stops, and holds what
became of it against what the provider saw. Afterwards a second campaign goes out: the worker works on.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sendmany.local.processes import Child
from sendmany.local.stack import Receiver, Sandbox
from store.keys import breakers, limiter, requests
from store.lanes.lane import Policies
from store.reports.lane_report import message_report
from store.states import PROVIDER_HAS_IT, State
from tests.acceptance.house import SMALL, House, children, open_house, until
from worker.failpoints import VARIABLE, Point

N = 100
LEASE = ("SENDMANY_WORKER__LEASE_SECONDS", "2")
SWEEP = ("SENDMANY_WORKER__SWEEP_SECONDS", "0.3")
HOLD = Policies(on_unconfirmed="hold", on_server_error="hold")
RESEND = Policies(on_unconfirmed="resend", on_server_error="retry")
BY_RECEIPT = Policies(on_unconfirmed="resend", settle_after=3)
KILL, STOP = "KILL", "STOP"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house without workers and receipts."""
    with open_house(tmp_path_factory.mktemp("stops"), Sandbox(), SMALL, LEASE, SWEEP) as house:
        dismiss(house)
        yield house


def dismiss(house: House) -> None:
    """Every test has workers of its own."""
    assert house.local.worker is not None
    house.local.worker.stop(10)


@contextmanager
def worker_that_stops(
    house: House,
    tmp_path: Path,
    at: Point,
    how: str,
    *,
    taken: tuple[State, ...] = (State.ACCEPTED,),
) -> Iterator[tuple[Child, Callable[[], int]]]:
    """A worker of two processes, one of which stops at this point; and who that was, once it has."""
    file = tmp_path / "stopped"
    common = house.local.environment
    house.local.environment = {**common, VARIABLE: f"{at} 1 {how} {file}"}
    worker = house.local.start_worker()
    house.local.environment = common

    def stopped() -> int:
        until(lambda: file.exists() and file.read_text() != "")
        return int(file.read_text())

    try:
        yield worker, stopped
        sound = house.launch(3 * N, f"After {at} {how} {tmp_path.name}", policies=HOLD)
        until(lambda: house.has_ended(sound))
        assert {one.state for one in house.outcomes(sound)} <= set(taken)
        assert seen(house, sound) == {1: 3 * N}
        assert worker.exit_code() is None
    finally:
        if file.exists() and file.read_text():
            thaw(int(file.read_text()))
        worker.stop(10)


def thaw(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGCONT)
    except ProcessLookupError:
        return


def replaced(worker: Child, victim: int) -> bool:
    """The pool has as many children as before, and this one is not among them."""
    pool = children(worker.pid)
    return victim not in pool and len(pool) == 2


def launched(house: House, tmp_path: Path, policies: Policies) -> str:
    # A request of a process that was killed before has no answer: a probe of ten would go first.
    house.store.client.delete(limiter("sandbox"), requests("sandbox"), breakers("sandbox"))
    return house.launch(N, tmp_path.name, policies=policies)


def seen(house: House, lane: str) -> dict[int, int]:
    """Numbers of messages by how often the provider accepted them."""
    taken = list(house.taken(lane).values())
    return {times: taken.count(times) for times in set(taken)}


def attempts(house: House, lane: str) -> set[int]:
    return {one.attempts for one in house.outcomes(lane)}


def ended(house: House, lane: str) -> dict[State, int]:
    """The states of all messages, when nothing moves any more and the ledger balances."""
    until(lambda: house.has_ended(lane))
    return house.report(lane).counts


def attempt_logs(house: House, lane: str) -> set[int]:
    """Numbers of earlier attempts in the attempt logs of the first, a middle and the last message."""
    return {len(message_report(house.store, f"{lane}.{i}").attempt_log) for i in (0, N // 2, N - 1)}


# Killed


def test_jobs_of_a_process_killed_before_the_mark_go_out_once(house: House, tmp_path: Path) -> None:
    with worker_that_stops(house, tmp_path, Point.CLAIMED, KILL) as (worker, stopped):
        lane = launched(house, tmp_path, HOLD)
        victim = stopped()
        assert ended(house, lane) == {State.ACCEPTED: N}
        assert seen(house, lane) == {1: N}
        assert attempts(house, lane) == {1}
        until(lambda: replaced(worker, victim))


@pytest.mark.parametrize(
    ("policies", "state", "tries", "times"),
    [(HOLD, State.UNCONFIRMED, 1, {}), (RESEND, State.ACCEPTED, 2, {1: N})],
    ids=["hold", "resend"],
)
def test_jobs_of_a_process_killed_between_mark_and_request_go_by_the_policy(
    house: House,
    tmp_path: Path,
    policies: Policies,
    state: State,
    tries: int,
    times: dict[int, int],
) -> None:
    with worker_that_stops(house, tmp_path, Point.MARKED, KILL) as (_, stopped):
        lane = launched(house, tmp_path, policies)
        stopped()
        assert ended(house, lane) == {state: N}
        assert seen(house, lane) == times
        assert attempts(house, lane) == {tries}
        assert attempt_logs(house, lane) == {1}


@pytest.mark.parametrize(
    ("point", "policies", "state", "times"),
    [
        (Point.POSTED, HOLD, State.UNCONFIRMED, {1: N}),
        (Point.BEFORE_SETTLE, RESEND, State.ACCEPTED, {2: N}),
    ],
    ids=["hold", "resend"],
)
def test_jobs_of_a_process_killed_with_the_answer_go_by_the_policy(
    house: House,
    tmp_path: Path,
    point: Point,
    policies: Policies,
    state: State,
    times: dict[int, int],
) -> None:
    with worker_that_stops(house, tmp_path, point, KILL) as (_, stopped):
        lane = launched(house, tmp_path, policies)
        stopped()
        assert ended(house, lane) == {state: N}
        assert seen(house, lane) == times
        assert attempt_logs(house, lane) == {1}


def test_what_a_killed_process_had_written_down_is_done(house: House, tmp_path: Path) -> None:
    with worker_that_stops(house, tmp_path, Point.SETTLED, KILL) as (_, stopped):
        lane = launched(house, tmp_path, RESEND)
        stopped()
        assert ended(house, lane) == {State.ACCEPTED: N}
        assert seen(house, lane) == {1: N}
        assert attempts(house, lane) == {1}


def test_receipts_settle_what_a_killed_process_had_posted(tmp_path: Path) -> None:
    posting = Sandbox(receipts="plain", webhook_patience=0.1)
    receiver = Receiver(("Bearer winter-7",))
    home = tmp_path / "house"
    with open_house(home, posting, SMALL, LEASE, SWEEP, receiver=receiver) as house:
        dismiss(house)
        with worker_that_stops(house, tmp_path, Point.POSTED, KILL, taken=PROVIDER_HAS_IT) as (
            _,
            stopped,
        ):
            lane = launched(house, tmp_path, BY_RECEIPT)
            stopped()
            assert sum(ended(house, lane).values()) == N
            assert {one.state for one in house.outcomes(lane)} <= set(PROVIDER_HAS_IT)
            assert seen(house, lane) == {1: N}


def test_a_child_that_is_killed_while_the_worker_starts_is_replaced(house: House) -> None:
    worker = house.local.start_worker()
    try:
        until(lambda: len(children(worker.pid)) == 2)
        victim = children(worker.pid)[0]
        os.kill(victim, signal.SIGKILL)
        until(lambda: replaced(worker, victim))
        lane = house.launch(N, "After a bad start")
        until(lambda: house.has_ended(lane))
        assert worker.exit_code() is None
    finally:
        worker.stop(10)


# Frozen for longer than the lease


@pytest.mark.parametrize("point", [Point.BEFORE_MARK, Point.MARKED])
def test_a_process_that_was_frozen_before_its_request_does_not_make_it_any_more(
    house: House, tmp_path: Path, point: Point
) -> None:
    with worker_that_stops(house, tmp_path, point, STOP) as (_, stopped):
        lane = launched(house, tmp_path, RESEND)
        victim = stopped()
        assert ended(house, lane) == {State.ACCEPTED: N}  # by the other process
        assert seen(house, lane) == {1: N}
        given_up, requests = said(house, "request_not_posted"), house.ledger()["requests"]
        thaw(victim)
        until(lambda: said(house, "request_not_posted") > given_up)
        assert house.ledger()["requests"] == requests
        assert house.report(lane).counts == {State.ACCEPTED: N}


@pytest.mark.parametrize("settle_after", [0.0, 60.0])
def test_an_answer_that_a_frozen_process_holds_is_proof_when_it_thaws(
    house: House, tmp_path: Path, settle_after: float
) -> None:
    """True when the policy has been applied, False while the messages are in doubt."""
    with worker_that_stops(house, tmp_path, Point.POSTED, STOP) as (_, stopped):
        lane = launched(house, tmp_path, Policies(on_unconfirmed="hold", settle_after=settle_after))
        victim = stopped()
        meanwhile = {(State.IN_DOUBT if settle_after else State.UNCONFIRMED): N}
        until(lambda: house.report(lane).counts == meanwhile)
        thaw(victim)
        until(lambda: house.report(lane).counts == {State.ACCEPTED: N})
        assert house.has_ended(lane)
        assert seen(house, lane) == {1: N}


def said(house: House, what: str) -> int:
    """Number of occurrences in the workers' log."""
    return house.local.worker_log.read_text(errors="replace").count(what)
