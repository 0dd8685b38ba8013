"""The engine's thread: started, closed, found dead. No server: nothing is sent to the store."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.sections import Http, Worker
from config.settings import Settings
from worker.engine import Engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    settings = Settings(
        redis_url=f"unix://{tmp_path}/nobody.sock",
        http=Http(deadline=0.01),
        worker=Worker(slice_seconds=0.05),
    )
    made = Engine(settings, lambda: None, None)
    yield made
    made.close()


def threads() -> int:
    return sum(thread.name == "sendmany-engine" for thread in threading.enumerate())


def test_closing_ends_the_thread(engine: Engine) -> None:
    assert threads() == 1
    engine.close()
    assert threads() == 0


def test_closing_twice_is_harmless(engine: Engine) -> None:
    engine.close()
    engine.close()


def test_closing_an_engine_whose_thread_has_died_does_not_wait(engine: Engine) -> None:
    engine._loop.call_soon_threadsafe(engine._loop.stop)
    engine._thread.join(5)
    engine.close()
    assert threads() == 0


def test_an_engine_that_is_closed_is_stopping(engine: Engine) -> None:
    engine.close()
    assert engine.stopping


def test_a_slice_without_a_store_ends_in_time_and_wants_another(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.drain.IDLE_WAIT", 0.02)
    assert engine.drain()


def test_what_cannot_land_in_time_does_not_hold_up_the_end(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.engine.PATIENCE", 0.05)

    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(engine._drain, "land", never)
    engine.close()
    assert not engine.alive
