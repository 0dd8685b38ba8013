"""Errors of redis-py become errors of the store, the cause chained."""

import socket
from pathlib import Path

import pytest
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    DataError,
    MaxConnectionsError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from config.sections import SettingsError
from store.client import AsyncStore, Store, text, translated
from store.errors import StoreError, StoreFault, StoreFull, StoreRefused, StoreUnavailable
from store.lanes.lane import read_status

AWAY = [
    ConnectionError("refused"),
    TimeoutError("slow"),
    BusyLoadingError("loading"),
    ReadOnlyError("a replica"),
    MaxConnectionsError("too many"),
    ClusterDownError("down", status_code="CLUSTERDOWN"),
    TryAgainError("moving"),
    AuthenticationError("who are you"),
    ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
    ResponseError("NOREPLICAS Not enough good replicas to write."),
    ResponseError("BUSY Redis is busy running a script."),
    ResponseError("UNBLOCKED force unblock from blocking operation"),
    RuntimeError("unable to perform operation on <UnixTransport>; the handler is closed"),
    EOFError("0 bytes read"),
    BrokenPipeError("broken pipe"),
]


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_what_passes_by_itself_is_worth_another_try(error: Exception) -> None:
    with pytest.raises(StoreUnavailable) as raised, translated():
        raise error
    assert raised.value.__cause__ is error


def test_what_a_script_will_not_do_is_refused() -> None:
    with pytest.raises(StoreRefused, match="REFUSED the figures"), translated():
        raise ResponseError("REFUSED the figures")


@pytest.mark.parametrize(
    "error",
    [
        ResponseError("WRONGTYPE Operation against a key"),
        ResponseError("ERR no such thing"),
        NoPermissionError("User shop has no permissions to run the 'evalsha' command"),
    ],
)
def test_what_redis_will_not_do_is_a_fault_for_an_operator(error: ResponseError) -> None:
    with pytest.raises(StoreFault, match="needs all rights to our keys") as told, translated():
        raise error
    assert str(error) in str(told.value)


def test_a_full_server_is_told_to_the_producer() -> None:
    with pytest.raises(StoreFull, match="maxmemory"), translated():
        raise OutOfMemoryError("OOM")


def test_any_other_error_is_an_error_of_the_store() -> None:
    with pytest.raises(StoreError, match="DataError"), translated():
        raise DataError("what")


def test_a_server_that_is_not_there_is_away(tmp_path: Path) -> None:
    store = Store.connect(f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(StoreUnavailable, match="is it running"):
        store.run(read_status("spring-000000"))


async def test_a_server_that_is_not_there_is_away_for_workers_too(tmp_path: Path) -> None:
    store = AsyncStore.connect(f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(StoreUnavailable):
        await store.run(read_status("spring-000000"))
    await store.close()


def test_a_server_that_hangs_up_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        store = Store.connect(f"redis://127.0.0.1:{port}")
        listening.close()
        with pytest.raises(StoreUnavailable):
            store.run(read_status("spring-000000"))


def test_nothing_is_the_empty_text() -> None:
    assert [text(value) for value in (None, b"a", "a")] == ["", "a", "a"]


@pytest.mark.parametrize(
    "url", ["redis://h:1/abc", "rediss://h/0x1", "redis://h/1/2", "redis://h/-1"]
)
@pytest.mark.parametrize("kind", [Store, AsyncStore])
def test_an_address_that_names_no_database_is_refused_and_not_read_as_number_0(
    kind: type[Store | AsyncStore], url: str
) -> None:
    with pytest.raises(SettingsError, match="redis://HOST:PORT/NUMBER"):
        kind.connect(url)


@pytest.mark.parametrize("url", ["redis://h", "redis://h/", "redis://h/2", "unix:///a/b.sock?db=2"])
def test_an_address_with_and_without_a_database_is_taken(url: str) -> None:
    Store.connect(url).close()
