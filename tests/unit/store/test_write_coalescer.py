"""Items that come at the same time share a write; a slow store is told in time."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from store.errors import StoreFull, StoreUnavailable
from store.write_coalescer import WriteCoalescer


class Slow:
    """Writes wait to be let through, or fail."""

    def __init__(self) -> None:
        self.writes: list[tuple[bytes, ...]] = []
        self.open = asyncio.Event()
        self.errors: list[Exception] = []

    async def write(self, bodies: Sequence[bytes]) -> list[bytes]:
        self.writes.append(tuple(bodies))
        await self.open.wait()
        if self.errors:
            raise self.errors.pop(0)
        return [body.upper() for body in bodies]


Coalescer = WriteCoalescer[bytes, bytes]


def landing(store: Slow, patience: float = 4) -> Coalescer:
    return WriteCoalescer(store.write, len, patience=patience, most=500, most_bytes=4_000_000)


async def add(landing: Coalescer, body: bytes) -> None:
    """Add a body; raises what is told of it."""
    told: asyncio.Future[bytes | Exception] = asyncio.get_running_loop().create_future()
    landing.add(body, told.set_result)
    answer = await told
    if isinstance(answer, Exception):
        raise answer
    assert answer == body.upper()


async def several(landing: Coalescer, bodies: list[bytes]) -> "list[asyncio.Task[None]]":
    """Start to add them, one after the other."""
    tasks = [asyncio.create_task(add(landing, body)) for body in bodies]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


async def test_what_comes_during_a_write_shares_the_next_one() -> None:
    store = Slow()
    lands = landing(store)
    tasks = await several(lands, [b"a"])
    tasks += await several(lands, [b"b", b"c", b"d"])
    assert not any(task.done() for task in tasks)
    store.open.set()
    await asyncio.gather(*tasks)
    assert store.writes == [(b"a",), (b"b", b"c", b"d")]


async def test_a_write_takes_so_many_and_so_much_and_no_more() -> None:
    store = Slow()
    lands = landing(store)
    small, large = [b"x"] * 1001, [b"y" * 3_000_000] * 3
    tasks = await several(lands, small + large)
    store.open.set()
    await asyncio.gather(*tasks)
    assert [len(write) for write in store.writes] == [500, 500, 2, 1, 1]


async def test_a_failed_write_fails_all_it_took_along_and_nothing_else() -> None:
    store = Slow()
    store.errors = [StoreFull("full")]
    lands = landing(store)
    first = await several(lands, [b"a", b"b"])
    second = await several(lands, [b"c"])
    store.open.set()
    answers = await asyncio.gather(*first, *second, return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreFull, StoreFull, type(None)]


async def test_a_write_that_takes_too_long_is_told_in_time() -> None:
    store = Slow()
    lands = landing(store, 0.01)
    answers = await asyncio.gather(add(lands, b"a"), add(lands, b"b"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailable, StoreUnavailable]
    third = landing(store)
    store.open.set()
    await add(third, b"c")


async def test_what_nobody_waits_for_any_more_is_not_written() -> None:
    store = Slow()
    lands = landing(store, 0.05)
    first = await several(lands, [b"a"])
    given_up = await several(lands, [b"b", b"c"])
    answers = await asyncio.gather(*first, *given_up, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    patient = asyncio.create_task(add(lands, b"d"))
    await asyncio.sleep(0)
    store.open.set()
    await patient
    assert store.writes == [(b"a",), (b"d",)]


async def test_a_fault_of_ours_is_told_and_the_next_write_goes_on() -> None:
    store = Slow()
    store.errors = [TypeError("ours")]
    lands = landing(store)
    store.open.set()
    task = asyncio.create_task(add(lands, b"a"))
    with pytest.raises(TypeError):
        await task
    await add(lands, b"b")
    assert store.writes == [(b"a",), (b"b",)]


async def test_what_waits_is_counted_and_what_is_written_is_not(monkeypatch: Any) -> None:
    monkeypatch.setattr("store.write_coalescer.OVERHEAD_BYTES", 10)
    store = Slow()
    lands = landing(store)
    tasks = await several(lands, [b"abc"])
    tasks += await several(lands, [b"defg", b"h"])
    assert lands.bytes == 25
    store.open.set()
    await asyncio.gather(*tasks)
    assert lands.bytes == 0


async def test_a_writer_that_is_cancelled_tells_that_nothing_is_known() -> None:
    store = Slow()
    lands = landing(store)
    (task,) = await several(lands, [b"a"])
    assert lands._writer is not None
    lands._writer.cancel()
    with pytest.raises(StoreUnavailable, match="given up"):
        await task
