"""The store that every script is tried on: without a server, on Valkey, on Redis."""

from collections.abc import Iterator
from typing import Any

import fakeredis
import pytest
from redis import RedisCluster

from store.client import Call, Store
from store.scripts import load_scripts
from tests.conformance.declared_keys import DeclaredKeysStore
from tests.integration.servers import cluster as running_cluster
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


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of three masters."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as url:
        yield url


class ClusterOfTests(RedisCluster):
    """Looks for keys on every master."""

    def keys(self, pattern: Any = "*", **_: Any) -> Any:
        """Names of all masters."""
        clients: list[Any] = [node.redis_connection for node in self.get_primaries()]  # type: ignore[no-untyped-call]
        return [key for client in clients for key in client.keys(pattern)]

    def scan_iter(self, match: Any = None, *_: Any, **__: Any) -> Any:
        """As `keys`, one by one."""
        return iter(self.keys(match or "*"))


class ClusterStore(Store):
    """A store on a cluster; tests look into it by redis-py's own client of clusters."""

    def __init__(self, url: str) -> None:
        self._routed = Store.connect(url)
        host, port = url.rpartition(",")[2].split(":")
        client: Any = ClusterOfTests(host=host, port=int(port))
        super().__init__(client)

    def _send(self, call: Call[Any]) -> Any:
        if call.script is None and call.args[0] == "KEYS":
            return self.client.keys(str(call.args[1]))
        return self._routed._send(call)

    def servers(self) -> list[Store]:
        """As `Store.servers`."""
        return self._routed.servers()

    def close(self) -> None:
        """Close the connections."""
        self._routed.close()
        super().close()


@pytest.fixture(
    params=[
        "fakeredis",
        pytest.param("valkey", marks=pytest.mark.server),
        pytest.param("redis", marks=[pytest.mark.server, NO_REDIS]),
        pytest.param("cluster", marks=[pytest.mark.server, pytest.mark.cluster]),
    ]
)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """An empty store."""
    if request.param == "fakeredis":
        yield Store(fakeredis.FakeRedis(server=fakeredis.FakeServer()), load_scripts(flags=False))
        return
    if request.param == "cluster":
        several = ClusterStore(request.getfixturevalue("cluster"))
        several.client.flushall()
        yield several
        several.close()
        return
    client = Store.connect(request.getfixturevalue(request.param)).client
    client.flushall()
    store = DeclaredKeysStore(client)
    yield store
    store.close()
