"""Both stores on a cluster of three masters: each command reaches the master of its slot."""

from collections.abc import Iterator
from typing import Any

import pytest
from redis.crc import key_slot

from store.client import AsyncStore, Store, command
from store.errors import StoreFault
from store.migrations.scan import names_like
from store.migrations.schema import prepare
from store.people.rewrite import rewrite_files
from store.reports.lane_report import report
from tests.integration.servers import cluster
from tests.integration.worker.rig import launch_campaign

KEYS = [f"sm:{{k{n}}}:meta" for n in range(30)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with cluster(tmp_path_factory.mktemp("cluster")) as url:
        yield url


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store.connect(url)
    for server in store.servers():
        server.client.flushall()
        server.client.script_flush()
    yield store
    store.close()


def test_keys_lie_on_three_masters_and_are_found_again(store: Store) -> None:
    for key in KEYS:
        store.run(command("SET", key, key, parse=bool))
    assert [store.run(command("GET", key, parse=bytes.decode)) for key in KEYS] == KEYS
    assert all(server.client.dbsize() for server in store.servers())
    assert sorted(names_like(store, "sm:*")) == sorted(KEYS)


def test_scripts_run_where_they_are_not_loaded(store: Store) -> None:
    prepare(store)
    lanes = [launch_campaign(store, 10, f"Spring {n}") for n in range(6)]
    assert [sum(report(store, lane).counts.values()) for lane in lanes] == [10] * 6


async def test_many_calls_at_once_come_back_in_order(store: Store, url: str) -> None:
    several = AsyncStore.connect(url)
    await several.load()
    try:
        await several.run_all([command("SET", key, key, parse=bool) for key in KEYS])
        found = await several.run_all([command("GET", key, parse=bytes.decode) for key in KEYS])
        assert found == KEYS
    finally:
        await several.close()


def test_the_files_of_every_master_are_rewritten(store: Store) -> None:
    rewrite_files(store, lambda: None)
    for server in store.servers():
        info = server.client.info("persistence")
        assert info["aof_rewrites"] >= 1


async def test_a_slot_that_moves_is_followed(store: Store, url: str) -> None:
    key, several = KEYS[0], AsyncStore.connect(url)
    store.run(command("SET", key, "1", parse=bool))
    await several.run(command("GET", key, parse=bool))
    slot = key_slot(key.encode())
    servers: list[Any] = [server.client for server in store.servers()]
    (source,) = [one for one in servers if slot_keys(one, slot)]
    target = next(one for one in servers if one is not source)
    ids = [one.execute_command("CLUSTER", "MYID").decode() for one in (source, target)]
    target.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
    source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
    port = target.connection_pool.connection_kwargs["port"]
    source.migrate("127.0.0.1", port, key, 0, 5000)
    assert store.run(command("GET", key, parse=bytes)) == b"1"  # ASK
    for one in servers:
        one.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[1])
    assert store.run(command("GET", key, parse=bytes)) == b"1"  # MOVED
    try:
        assert await several.run_all([command("GET", key, parse=bytes)] * 2) == [b"1"] * 2
    finally:
        await several.close()


def slot_keys(client: Any, slot: int) -> int:
    return int(client.execute_command("CLUSTER", "COUNTKEYSINSLOT", slot))


def test_an_address_of_the_wrong_kind_is_explained(url: str) -> None:
    plain = Store.connect(url.replace("+cluster", "").split(",")[0] + "/0")
    missed = [
        key for key in KEYS[1:] if key_slot(key.encode()) > 16384 // 3
    ]  # the first one has moved
    with pytest.raises(StoreFault, match=r"redis\+cluster://HOST"):
        plain.run(command("GET", missed[0], parse=bool))
    plain.close()
