"""Real servers, each for the whole session, and a store that is empty for every test."""

from collections.abc import Iterator

import pytest

from store.client import Store
from tests.integration.servers import kinds, running


@pytest.fixture(scope="session", params=kinds())
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """URL of a server."""
    with running(request.param, tmp_path_factory.mktemp(request.param)) as url:
        yield url


@pytest.fixture
def store(server: str) -> Iterator[Store]:
    """A store on an empty server."""
    store = Store.connect(server)
    store.client.flushall()
    yield store
    store.close()
