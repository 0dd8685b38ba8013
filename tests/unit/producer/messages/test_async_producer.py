"""The producer of event loops: the same answers, and shared writes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import TypeVar

import fakeredis
import pytest

from chatapps.messages import MessageError
from config.sections import SubAccount
from config.settings import Settings
from producer import AsyncProducer, Item, KeyConflict, Priority, Producer
from producer.messages.enqueue import AT_ONCE, Enqueuer, groups
from producer.messages.item import pack_item
from producer.messages.write_coalescer import MessageWrites
from store.client import AsyncStore, Call, Store
from store.errors import StoreFull, StoreUnavailable
from store.lanes.lane import list_lanes, read_counts
from store.queue.enqueue import NewMessage, Taken
from store.scripts import load_scripts
from store.states import State

T = TypeVar("T")
OTP = {"user": {"msisdn": "+447700900001"}, "type": "text", "content": {"text": "Code 90441"}}
OTHER = {**OTP, "content": {"text": "Code 11111"}}
SETTINGS = Settings(sub_accounts={"Shop": SubAccount()})


class Gate(AsyncStore):
    """Holds stores back, and lets them fail, as a test says."""

    def __init__(self, server: fakeredis.FakeServer) -> None:
        super().__init__(fakeredis.FakeAsyncRedis(server=server), load_scripts(flags=False))
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()
        self.errors: list[BaseException | None] = []
        self.sizes: list[int] = []
        self.holds_back = ""  # part of a lane's id

    async def run(self, call: Call[T]) -> T:
        if call.script != "enqueue_messages":
            return await super().run(call)
        self.asked.set()
        if self.holds_back in str(call.args[0]):
            await self.open.wait()
        if self.errors and (error := self.errors.pop(0)):
            raise error
        answers = await super().run(call)
        assert isinstance(answers, list)
        self.sizes.append(len(answers))
        return answers


@pytest.fixture
def store(server: fakeredis.FakeServer) -> Store:
    return Store(fakeredis.FakeRedis(server=server), load_scripts(flags=False))


@pytest.fixture
async def gate(server: fakeredis.FakeServer) -> AsyncIterator[Gate]:
    gate = Gate(server)
    yield gate
    await gate.close()


@pytest.fixture
def wakes() -> list[str]:
    return []


@pytest.fixture
def producer(gate: Gate, wakes: list[str]) -> AsyncProducer:
    return AsyncProducer(gate, SETTINGS, lambda: wakes.append("drain"))


def stored(store: Store) -> int:
    return sum(store.run(read_counts(lane.id)).get(State.QUEUED, 0) for lane in list_lanes(store))


async def test_it_answers_as_the_blocking_one_does(
    producer: AsyncProducer, store: Store, wakes: list[str]
) -> None:
    first = await producer.enqueue(OTP, key="k", priority=Priority.URGENT)
    assert first.taken is Taken.NEW
    assert wakes == ["drain"]
    blocking = Producer(store, SETTINGS, lambda: None)
    again = blocking.enqueue(OTP, key="k", priority=Priority.URGENT)
    assert (again.id, again.taken) == (first.id, Taken.DUPLICATE)
    with pytest.raises(KeyConflict, match=first.id):
        await producer.enqueue(OTHER, key="k")
    with pytest.raises(MessageError):
        await producer.enqueue({**OTP, "content": {}})
    answers = await producer.enqueue_many([Item(OTP, "k"), Item(OTHER, "k"), Item(OTHER)])
    assert [one.taken for one in answers] == [Taken.DUPLICATE, Taken.CONFLICT, Taken.NEW]


async def test_it_closes_its_connections(server: fakeredis.FakeServer) -> None:
    async with AsyncProducer(Gate(server), SETTINGS, lambda: None) as producer:
        await producer.enqueue(OTP)
    with Producer(Store(fakeredis.FakeRedis(server=server), load_scripts(flags=False)), SETTINGS,
                  lambda: None) as blocking:  # fmt: skip
        blocking.enqueue(OTP)


async def test_who_comes_during_a_write_shares_the_next(
    producer: AsyncProducer, gate: Gate
) -> None:
    gate.open.clear()
    first = asyncio.create_task(producer.enqueue(OTP))
    await gate.asked.wait()
    others = [asyncio.create_task(producer.enqueue(OTP)) for _ in range(AT_ONCE + 100)]
    await asyncio.sleep(0)
    gate.open.set()
    ids = [answer.id for answer in await asyncio.gather(first, *others)]
    assert len(set(ids)) == AT_ONCE + 101
    assert gate.sizes == [1, AT_ONCE, 100]


async def test_a_failed_write_is_told_to_those_who_shared_it_and_nobody_else(
    producer: AsyncProducer, gate: Gate, store: Store
) -> None:
    gate.errors = [StoreFull("full"), None]
    with pytest.raises(StoreFull):
        await producer.enqueue(OTP)
    assert (await producer.enqueue(OTP)).taken is Taken.NEW
    assert stored(store) == 1


async def test_priorities_do_not_wait_for_each_other(producer: AsyncProducer, gate: Gate) -> None:
    gate.open.clear()
    gate.open.clear()
    gate.holds_back = "-b"
    slow = asyncio.create_task(producer.enqueue(OTP, priority=Priority.BULK))
    assert (await producer.enqueue(OTP, priority=Priority.URGENT)).taken is Taken.NEW
    assert not slow.done()
    gate.open.set()
    assert (await slow).taken is Taken.NEW


async def test_who_waits_too_long_is_told_that_nothing_is_known(gate: Gate) -> None:
    counter = Enqueuer(SETTINGS, lambda: None, lambda: datetime.now(UTC))
    writes = MessageWrites(gate, counter, patience=0.01)
    gate.open.clear()
    with pytest.raises(StoreUnavailable, match="in time"):
        await writes.add(pack_item(Item(OTP)), "Shop", Priority.NORMAL)
    gate.open.set()


async def test_too_much_that_waits_is_refused_at_once(gate: Gate) -> None:
    counter = Enqueuer(SETTINGS, lambda: None, lambda: datetime.now(UTC))
    writes = MessageWrites(gate, counter, most_waiting=0)
    gate.open.clear()
    waiting = asyncio.create_task(writes.add(pack_item(Item(OTP)), "Shop", Priority.NORMAL))
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="too many"):
        await writes.add(pack_item(Item(OTP)), "Shop", Priority.NORMAL)
    gate.open.set()
    assert (await waiting).taken is Taken.NEW


def test_large_messages_travel_in_smaller_groups() -> None:
    large = NewMessage(b"x" * 1_000_000, b"", b"")
    assert [len(group) for group in groups([large] * 5)] == [2, 2, 1]
    assert [len(group) for group in groups([NewMessage(b"x" * 9_000_000, b"", b"")] * 2)] == [1, 1]
    assert list(groups([])) == []
