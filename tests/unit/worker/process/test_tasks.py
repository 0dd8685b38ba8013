"""The Celery tasks around an engine that does as it is told."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from worker.process import tasks


@dataclass
class FakeEngine:
    """An engine that counts what it is asked."""

    alive: bool = True
    looks: int = 0
    closed: bool = False

    def look(self) -> None:
        self.looks += 1

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    fake = FakeEngine()
    process = tasks._Process(engine=fake, data_fit=True)  # type: ignore[arg-type]
    monkeypatch.setattr(tasks, "_process", process)
    return fake


@pytest.mark.parametrize("task", [tasks.dispatch, tasks.sweep])
def test_a_task_has_the_loop_look_for_work_and_does_not_wait_for_it(
    engine: FakeEngine, task: Callable[[], None]
) -> None:
    task()
    assert engine.looks == 1


def test_a_process_that_stops_gets_no_engine_any_more(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "Engine", lambda *_: pytest.fail("made"))
    tasks._close_engine()
    engine.alive = False
    tasks.dispatch()
    tasks._keep_engine()
    assert engine.looks == 0


def test_an_engine_that_does_not_start_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = FakeEngine()
    process, faults = tasks._Process(), [OSError("no certificates"), ValueError("a fault of ours")]

    def make(*_: object) -> FakeEngine:
        if faults:
            raise faults.pop()
        process.stopped.set()
        return made

    monkeypatch.setattr(tasks, "_process", process)
    monkeypatch.setattr(tasks, "ENGINE_CHECK_SECONDS", 0.001)
    monkeypatch.setattr(tasks, "Engine", make)
    tasks._keep_engine()
    found: object = process.engine
    assert found is made


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
    """The main process, its stop pipe open. Children start no engine, which would outlive the test."""
    process = tasks._Process()
    monkeypatch.setattr(tasks, "_process", process)
    monkeypatch.setattr(tasks, "_keep_engine", lambda: None)
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
