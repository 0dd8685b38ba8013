"""Enqueueing against real servers: lost replies, a full server, one that is gone."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.sections import SubAccount
from config.settings import Settings
from producer import AsyncProducer, Item, Priority, Producer
from store.client import AsyncStore, Store
from store.errors import StoreFull, StoreUnavailable
from store.lanes.lane import list_lanes, read_counts
from store.queue.enqueue import Taken
from store.states import State
from tests.integration.proxy import ReplyDropper
from tests.integration.servers import running

OTP = {"user": {"msisdn": "+447700900001"}, "type": "text", "content": {"text": "Code 90441"}}
SETTINGS = Settings(sub_accounts={"Shop": SubAccount()})


@pytest.fixture
def proxy(server: str, tmp_path: Path) -> Iterator[ReplyDropper]:
    with ReplyDropper(server, tmp_path) as proxy:
        yield proxy


def queued(store: Store) -> int:
    """Messages that are there."""
    return sum(store.run(read_counts(lane.id)).get(State.QUEUED, 0) for lane in list_lanes(store))


def by_proxy(proxy: ReplyDropper) -> Producer:
    """A producer whose replies may be lost."""
    return Producer(Store.connect(proxy.url), SETTINGS, lambda: None)


def test_a_message_without_a_key_is_never_sent_again_by_us(
    proxy: ReplyDropper, store: Store
) -> None:
    with by_proxy(proxy) as producer:
        producer.enqueue(OTP)
        proxy.drop("enqueue_messages")
        with pytest.raises(StoreUnavailable):
            producer.enqueue(OTP)
        assert proxy.dropped == ["enqueue_messages"]
        assert queued(store) == 2  # it is stored, and once


def test_a_message_with_a_key_may_be_handed_in_again(proxy: ReplyDropper, store: Store) -> None:
    with by_proxy(proxy) as producer:
        proxy.drop("enqueue_messages")
        with pytest.raises(StoreUnavailable):
            producer.enqueue(OTP, key="order-1")
        assert producer.enqueue(OTP, key="order-1").taken is Taken.DUPLICATE
    assert queued(store) == 1


def test_a_list_whose_middle_was_lost_can_be_handed_in_again(
    proxy: ReplyDropper, store: Store
) -> None:
    items = [Item(OTP, f"k{i}") for i in range(1300)]
    with by_proxy(proxy) as producer:
        proxy.drop("enqueue_messages", nth=2)
        with pytest.raises(StoreUnavailable):
            producer.enqueue_many(items)
        answers = producer.enqueue_many(items)
    taken = [answer.taken for answer in answers]
    assert (taken.count(Taken.DUPLICATE), taken.count(Taken.NEW)) == (1000, 300)
    assert queued(store) == 1300


def test_a_lost_hint_is_no_lost_message(proxy: ReplyDropper, store: Store) -> None:
    with by_proxy(proxy) as producer:
        proxy.drop("wake_workers")
        assert producer.enqueue(OTP).taken is Taken.NEW
    assert queued(store) == 1


async def test_many_event_loops_tasks_and_one_key_make_one_message(
    server: str, store: Store
) -> None:
    async with AsyncProducer(AsyncStore.connect(server), SETTINGS, lambda: None) as producer:
        same = [producer.enqueue(OTP, key="same", priority=Priority.URGENT) for _ in range(300)]
        others = [producer.enqueue(OTP, priority=Priority.URGENT) for _ in range(700)]
        answers = await asyncio.gather(*same, *others)
    assert len({answer.id for answer in answers}) == 701
    assert queued(store) == 701


def test_a_server_that_is_gone_takes_nothing_and_says_so(tmp_path: Path) -> None:
    with running("embedded", tmp_path) as url:
        producer = Producer(Store.connect(url), SETTINGS, lambda: None)
        producer.enqueue(OTP)
    with pytest.raises(StoreUnavailable):
        producer.enqueue(OTP)


def fill(producer: Producer, at_once: int) -> int:
    """Enqueue until no more goes in; returns how many were answered."""
    stored = 0
    for _ in range(10_000):
        try:
            stored += len(producer.enqueue_many([Item(OTP)] * at_once))
        except StoreFull:
            return stored
    raise AssertionError("it was never full")


def test_a_full_server_takes_nothing_and_says_so(tmp_path: Path) -> None:
    with running("embedded", tmp_path, {"maxmemory": "5mb"}) as url:
        with Producer(Store.connect(url), SETTINGS, lambda: None) as producer:
            stored = fill(producer, 500) + fill(producer, 1)
        store = Store.connect(url)
        assert queued(store) == stored > 0
        store.close()
