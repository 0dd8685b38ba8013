"""The worker in this process, on a real server, with a provider that follows a script."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from sendmany.local.embedded_redis import EmbeddedServer
from store.client import Store
from tests.integration.worker.rig import Rig


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """A server for all these tests."""
    server = EmbeddedServer(tmp_path_factory.mktemp("worker"), options={"appendonly": "no"})
    server.start()
    yield server
    server.stop()


@pytest.fixture
def store(embedded: EmbeddedServer) -> Iterator[Store]:
    """The test's own view of an empty server."""
    store = Store.connect(embedded.url)
    store.client.flushall()
    yield store
    store.close()


@pytest.fixture
async def rig(
    store: Store, embedded: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Rig]:
    """A worker process' insides."""
    monkeypatch.setattr("worker.dispatch.dispatcher.STORE_RETRY_SECONDS", 0.02)
    made = Rig(store, embedded.url)
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[EventDict]]:
    """What the worker logs."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """A server that a test may stop and start."""
    server = EmbeddedServer(tmp_path / "redis", fsync="always")
    server.start()
    yield server
    server.stop()
