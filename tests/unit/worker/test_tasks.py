"""The Celery tasks around an engine that does as it is told."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from store.errors import StoreUnavailable
from worker import tasks


@dataclass
class FakeEngine:
    """An engine by a script: what its slices answer."""

    slices: list[bool] = field(default_factory=list)
    found: bool = False
    stopping: bool = False
    alive: bool = True
    drained: int = 0
    closed: bool = False
    on_drain: list[Callable[[], None]] = field(default_factory=list)

    def drain(self) -> bool:
        self.drained += 1
        if self.on_drain:
            self.on_drain.pop(0)()
        return self.slices.pop(0) if self.slices else False

    def sweep(self) -> bool:
        return self.found

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine()
    process = tasks._Process(engine=fake, data_fit=True)  # type: ignore[arg-type]
    monkeypatch.setattr(tasks, "_process", process)
    return fake


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the tasks that are sent."""
    names: list[str] = []
    monkeypatch.setattr(tasks.app, "send_task", lambda name, **_: names.append(name))
    monkeypatch.setattr(tasks, "_needs_drain", lambda: True)
    return names


def test_a_slice_that_leaves_work_hands_over_to_another_task(
    engine: FakeEngine, sent: list[str]
) -> None:
    engine.slices = [True]
    tasks.drain()
    assert (engine.drained, sent) == (1, ["sendmany.drain"])


def test_a_slice_that_leaves_nothing_hands_over_to_nobody(
    engine: FakeEngine, sent: list[str]
) -> None:
    tasks.drain()
    assert (engine.drained, sent) == (1, [])


def test_who_is_told_to_stop_hands_over_to_nobody(engine: FakeEngine, sent: list[str]) -> None:
    engine.slices, engine.stopping = [True], True
    tasks.drain()
    assert (engine.drained, sent) == (1, [])


@pytest.mark.parametrize("error", [OperationalError("away"), StoreUnavailable("away")])
def test_while_no_task_can_be_sent_the_same_task_goes_on(
    engine: FakeEngine, sent: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(tasks.app, "send_task", fail)
    engine.slices = [True, True, False]
    tasks.drain()
    assert engine.drained == 3


def test_a_sweep_that_finds_something_to_send_sends_it(engine: FakeEngine, sent: list[str]) -> None:
    tasks.sweep()
    assert engine.drained == 0
    engine.found = True
    tasks.sweep()
    assert engine.drained == 1


def test_a_broker_that_is_away_is_no_error_for_who_calls_for_help(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr(tasks.app, "send_task", fail)
    tasks.call_for_drain()


def test_a_dedicated_worker_drains_until_it_is_told_to_stop(
    engine: FakeEngine, sent: list[str]
) -> None:
    def stop() -> None:
        engine.stopping = True

    engine.on_drain = [lambda: None, stop]
    tasks._drain_always()
    assert (engine.drained, sent) == (2, [])


def test_an_engine_whose_thread_has_died_is_replaced(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = FakeEngine()
    monkeypatch.setattr(tasks, "Engine", lambda *_: fresh)
    found: list[object] = [tasks._process.get_engine()]
    engine.alive = False
    found.append(tasks._process.get_engine())
    assert found == [engine, fresh]


def test_the_end_of_a_process_closes_its_engine(engine: FakeEngine) -> None:
    tasks._close_engine()
    assert engine.closed


def test_the_end_of_a_process_without_an_engine_is_harmless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "_process", tasks._Process())
    tasks._close_engine()


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[tasks._Process]:
    """The main process, its stop pipe open."""
    process = tasks._Process()
    monkeypatch.setattr(tasks, "_process", process)
    tasks._open_stop_pipe()
    yield process
    process.end_stop_pipe()
    assert process.stop_read is not None
    os.close(process.stop_read)


def has_ended(process: tasks._Process) -> bool:
    assert process.stop_read is not None
    os.set_blocking(process.stop_read, False)
    try:
        return os.read(process.stop_read, 1) == b""
    except BlockingIOError:
        return False


def test_children_hear_that_the_main_process_stops(pipe: tasks._Process) -> None:
    assert not has_ended(pipe)
    tasks._tell_children()
    assert has_ended(pipe)
    assert pipe.ticking.is_set()


def test_a_child_lets_go_of_the_end_that_the_main_process_closes(
    pipe: tasks._Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "_die_gently_with_main", lambda: None)
    pipe.main = -1  # somebody else
    tasks._start_child()
    assert pipe.stop_write is None


def test_a_pool_without_children_does_not_stop_itself(pipe: tasks._Process) -> None:
    tasks._start_child()
    assert not has_ended(pipe)


def test_work_is_found_without_any_task(
    engine: FakeEngine, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OperationalError("full")

    monkeypatch.setattr(tasks.app, "send_task", fail)
    monkeypatch.setattr(tasks, "SWEEP_REQUEST_SECONDS", 0.001)
    engine.found = True
    engine.slices = [True, True, False]  # no other task can be sent: it goes on
    engine.on_drain = [lambda: None, lambda: None, lambda: None, tasks._process.ticking.set]
    tasks._look_for_work()
    assert engine.drained == 4


def test_looking_for_work_survives_a_fault_and_ends_with_the_process(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[Exception] = [StoreUnavailable("away"), ValueError("a fault of ours")]

    def sweep() -> bool:
        if faults:
            raise faults.pop(0)
        engine.stopping = True
        return False

    monkeypatch.setattr(tasks, "SWEEP_REQUEST_SECONDS", 0.001)
    monkeypatch.setattr(engine, "sweep", sweep)
    tasks._look_for_work()
    assert (faults, engine.drained) == ([], 0)
