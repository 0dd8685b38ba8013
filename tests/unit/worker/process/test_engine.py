"""The engine's thread: started, closed, found dead. No server: nothing is sent to the store."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.sections import Http
from config.settings import Settings
from worker.dispatch.dispatcher import Dispatcher
from worker.process.engine import Engine


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(redis_url=f"unix://{tmp_path}/nobody.sock", http=Http(deadline=0.01))


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    made = Engine(settings, None)
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


def test_a_loop_that_fails_is_started_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, again = list[asyncio.Event](), threading.Event()

    async def serve(_: Dispatcher, stopping: asyncio.Event) -> None:
        served.append(stopping)
        if len(served) < 3:
            raise ValueError("a fault of ours")
        again.set()
        await stopping.wait()

    monkeypatch.setattr("worker.process.engine.STORE_RETRY_SECONDS", 0)
    monkeypatch.setattr(Dispatcher, "serve", serve)
    engine = Engine(settings, None)
    assert again.wait(5)
    engine.close()
    assert len(served) == 3


def test_what_cannot_land_in_time_does_not_hold_up_the_end(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.process.engine.PATIENCE", 0.05)

    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(engine._drain, "land", never)
    engine.close()
    assert not engine.alive
