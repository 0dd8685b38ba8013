"""The store that every script is tried on: without a server, on Valkey, on Redis."""

from collections.abc import Iterator

import fakeredis
import pytest

from store.client import Store
from store.scripts import load_scripts
from tests.conformance.declared_keys import DeclaredKeysStore
from tests.integration.servers import redis_program, running

NO_REDIS = pytest.mark.skipif(
    redis_program() is None, reason="no redis-server on PATH or in SENDMANY_TEST_REDIS_SERVER"
)


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of the embedded server."""
    with running("embedded", tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Redis, where there is one."""
    with running("redis", tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(
    params=[
        "fakeredis",
        pytest.param("valkey", marks=pytest.mark.server),
        pytest.param("redis", marks=[pytest.mark.server, NO_REDIS]),
    ]
)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store."""
    if request.param == "fakeredis":
        yield Store(fakeredis.FakeRedis(server=fakeredis.FakeServer()), load_scripts(flags=False))
        return
    client = Store.connect(request.getfixturevalue(request.param)).client
    client.flushall()
    store = DeclaredKeysStore(client)
    yield store
    store.close()
