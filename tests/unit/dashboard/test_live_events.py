"""Live events: one look for all listeners, changes by number, and who comes back goes on."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TypeVar

import fakeredis
import pytest

from dashboard.live_events import Event, Events
from store.client import AsyncStore, Call, Store
from store.errors import StoreUnavailable
from store.lanes.lane import move_lane
from store.limits.breakers import close_breaker, open_breaker
from store.scripts import load_scripts
from store.states import State
from store.workers.presence import forget_active
from tests.conformance import given

T = TypeVar("T")


class DueLanes:
    """Sleeps that end when the test says so: each is one look."""

    def __init__(self) -> None:
        self._turn = asyncio.Queue[None]()

    async def __call__(self, seconds: float) -> None:
        await self._turn.get()

    def next(self) -> None:
        self._turn.put_nowait(None)


class Counting(AsyncStore):
    """Counts calls, and fails when it is told to."""

    calls = 0
    away = False
    was_away: asyncio.Event

    async def run(self, call: Call[T]) -> T:
        self.calls += 1
        if self.away:
            self.was_away.set()
            raise StoreUnavailable("away")
        return await super().run(call)


@pytest.fixture
async def looked_at(server: fakeredis.FakeServer) -> AsyncIterator[Counting]:
    store = Counting(fakeredis.FakeAsyncRedis(server=server), load_scripts(flags=False))
    store.was_away = asyncio.Event()
    yield store
    await store.close()


def events_of(store: AsyncStore, looks: DueLanes, kept: int = 100) -> Events:
    return Events(store, ["shop"], boot="b", sleep=looks, kept=kept)


async def following(
    events: Events, last_id: str = "", only: str | None = None, beat: float = 60
) -> AsyncGenerator[Event | None]:
    await events.begin()
    return events.follow(lambda change: only in (None, change.key), last_id, only or "", beat)


def finish(store: Store, lane: str) -> None:
    """All of it is sent, and the sweep has seen that."""
    claim = given.claim(store, lane)
    given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
    store.run(forget_active(lane))


async def test_first_comes_a_snapshot_then_each_change(store: Store, looked_at: Counting) -> None:
    lane, looks = given.loaded(store, 3), DueLanes()
    async with aclosing(await following(events_of(looked_at, looks))) as told:
        first = await anext(told)
        assert first is not None
        assert first.kind == "snapshot"
        assert [one["id"] for one in first.data["campaigns"]] == [lane]
        store.run(move_lane(lane, "pause", "by ann"))
        looks.next()
        paused = await anext(told)
        assert paused is not None
        assert (paused.kind, paused.data["status"], paused.data["reason"]) == (
            "campaign", "paused", "by ann"
        )  # fmt: skip
        store.run(open_breaker("shop", "account", "closed", by="operator"))
        looks.next()
        opened = await anext(told)
        assert opened is not None
        assert (opened.kind, len(opened.data["items"])) == ("breakers", 1)
        store.run(close_breaker("shop", "account"))
        looks.next()
        closed = await anext(told)
        assert closed is not None
        assert closed.data["items"] == []


async def test_many_listeners_cost_one_look(store: Store, looked_at: Counting) -> None:
    lane, looks = given.loaded(store, 3), DueLanes()
    events = events_of(looked_at, looks)
    listeners = [await following(events) for _ in range(20)]
    for told in listeners:
        await anext(told)
    before = looked_at.calls
    store.run(move_lane(lane, "pause"))
    looks.next()
    found = await asyncio.gather(*(anext(told) for told in listeners))
    assert {event.data["status"] for event in found if event} == {"paused"}
    assert looked_at.calls - before < 10
    for told in listeners:
        await told.aclose()


async def test_what_has_ended_is_told_once_more_and_left(store: Store, looked_at: Counting) -> None:
    lane, looks = given.loaded(store, 3), DueLanes()
    events = events_of(looked_at, looks)
    async with aclosing(await following(events)) as told:
        await anext(told)
        finish(store, lane)
        looks.next()
        last = await anext(told)
        assert last is not None
        assert last.data["status"] == "finished"
    async with aclosing(await following(events)) as told:
        fresh = await anext(told)
        assert fresh is not None
        assert fresh.data["campaigns"] == []


async def test_who_comes_back_is_told_what_was_missed(store: Store, looked_at: Counting) -> None:
    lane, looks = given.loaded(store, 3), DueLanes()
    events = events_of(looked_at, looks)
    async with aclosing(await following(events)) as another:
        await anext(another)
        async with aclosing(await following(events)) as told:
            first = await anext(told)
            assert first is not None
        for action in ("pause", "resume", "pause"):
            store.run(move_lane(lane, action))
            await events._look()
        async with aclosing(await following(events, first.id)) as told:
            missed = [await anext(told) for _ in range(3)]
    assert [one.data["status"] for one in missed if one] == ["paused", "sending", "paused"]
    assert [one.id for one in missed if one] == ["b-2", "b-3", "b-4"]


async def test_who_was_here_before_looking_paused_gets_a_snapshot_and_then_goes_on(
    store: Store, looked_at: Counting
) -> None:
    events = events_of(looked_at, DueLanes())
    async with aclosing(await following(events)) as told:
        before = await anext(told)
        assert before is not None
    finish(store, given.loaded(store, 3))  # nobody has heard of it
    async with aclosing(await following(events, before.id)) as told:
        fresh = await anext(told)
        assert fresh is not None
        assert (fresh.kind, fresh.data["campaigns"]) == ("snapshot", [])
        async with aclosing(await following(events, fresh.id, beat=0)) as again:
            assert await anext(again) is None


async def test_a_campaign_that_is_named_is_in_the_snapshot_finished_or_not(
    store: Store, looked_at: Counting
) -> None:
    lane, looks = given.loaded(store, 3), DueLanes()
    events = events_of(looked_at, looks)
    async with aclosing(await following(events, only=lane)) as told:
        first = await anext(told)
        assert first is not None
    finish(store, lane)
    for last_id in ("", first.id):
        async with aclosing(await following(events, last_id, only=lane)) as told:
            fresh = await anext(told)
            assert fresh is not None
            assert fresh.kind == "snapshot"
            assert [one["status"] for one in fresh.data["campaigns"]] == ["finished"]
    async with aclosing(await following(events)) as told:
        everything = await anext(told)
        assert everything is not None
        assert everything.data["campaigns"] == []


async def test_whose_campaign_cannot_be_read_is_let_go(store: Store, looked_at: Counting) -> None:
    lane = given.loaded(store, 3)
    finish(store, lane)
    told = await following(events_of(looked_at, DueLanes()), only=lane)
    looked_at.away = True
    assert await anext(told, "the end") == "the end"


@pytest.mark.parametrize(
    "last_id", ["", "other-1", "b-999", "b-x", "b-1", "b-", "-", "b-" + "9" * 40]
)
async def test_who_missed_too_much_or_comes_from_elsewhere_gets_a_snapshot(
    store: Store, looked_at: Counting, last_id: str
) -> None:
    lane, looks = given.loaded(store, 3), DueLanes()
    events = events_of(looked_at, looks, kept=1)
    for action in ("pause", "resume", "pause"):
        store.run(move_lane(lane, action))
        await events.begin()
    async with aclosing(await following(events, last_id)) as told:
        first = await anext(told)
        assert first is not None
        assert first.kind == "snapshot"
        assert first.data["campaigns"][0]["status"] == "paused"


async def test_who_does_not_keep_up_gets_a_snapshot_and_costs_no_memory(
    store: Store, looked_at: Counting
) -> None:
    lane, looks = given.loaded(store, 3), DueLanes()
    events = events_of(looked_at, looks, kept=2)
    async with aclosing(await following(events)) as told:
        await anext(told)
        for action in ("pause", "resume", "pause", "resume"):
            store.run(move_lane(lane, action))
            await events._look()
        late = await anext(told)
        assert late is not None
        assert late.kind == "snapshot"


async def test_a_filter_lets_only_what_is_meant_through(store: Store, looked_at: Counting) -> None:
    one, looks = given.loaded(store, 3), DueLanes()
    other = given.campaign(store, "Other")
    events = events_of(looked_at, looks)
    async with aclosing(await following(events, only=other)) as told:
        first = await anext(told)
        assert first is not None
        assert [lane["id"] for lane in first.data["campaigns"]] == [other]
        store.run(move_lane(one, "pause"))
        looks.next()
        store.run(move_lane(other, "pause"))
        looks.next()
        event = await anext(told)
        assert event is not None
        assert event.data["id"] == other


async def test_quiet_times_are_told(store: Store, looked_at: Counting) -> None:
    async with aclosing(await following(events_of(looked_at, DueLanes()), beat=0)) as told:
        await anext(told)
        assert await anext(told) is None
        assert await anext(told) is None


async def test_closing_lets_everybody_go_at_once(store: Store, looked_at: Counting) -> None:
    events = events_of(looked_at, DueLanes())
    told = await following(events)
    await anext(told)
    waiting = asyncio.ensure_future(anext(told, "the end"))
    await asyncio.sleep(0)
    events.close()
    assert await waiting == "the end"


async def test_while_redis_is_away_listeners_wait_and_go_on(
    store: Store, looked_at: Counting
) -> None:
    lane, looks = given.loaded(store, 3), DueLanes()
    async with aclosing(await following(events_of(looked_at, looks))) as told:
        await anext(told)
        looked_at.away = True
        looks.next()
        waiting = asyncio.ensure_future(anext(told))
        await looked_at.was_away.wait()
        looked_at.away = False
        store.run(move_lane(lane, "pause"))
        looks.next()
        event = await waiting
        assert event is not None
        assert event.data["status"] == "paused"


async def test_nobody_begins_to_listen_while_redis_is_away(looked_at: Counting) -> None:
    looked_at.away = True
    with pytest.raises(StoreUnavailable):
        await events_of(looked_at, DueLanes()).begin()


async def test_polling_ends_though_its_cancellation_was_swallowed(looked_at: Counting) -> None:
    asleep, swallowed = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        asleep.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            swallowed.set()

    events = Events(looked_at, ["shop"], boot="b", sleep=sleep)
    async with aclosing(await following(events)) as stream:
        await anext(stream)
        task = events._task
        assert task is not None
        await asleep.wait()
    events.close()
    await asyncio.wait_for(task, 10)
    assert swallowed.is_set()
