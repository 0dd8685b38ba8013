"""Calls on real servers: scripts that have to be loaded again, full memory, both protocols."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.exceptions import ResponseError

from store.client import AsyncStore, Call, Store, command
from store.errors import StoreFault, StoreFull, StoreUnavailable
from store.keys import lane_keys
from store.lanes.due import read_due
from store.lanes.lane import (
    LaneStatus,
    Priority,
    announce,
    finish_loading,
    list_lanes,
    move_lane,
    note_missing,
    read_lane,
)
from store.limits.rate_limit import Limits, acquire_permits, pause_sub_account, return_permits
from store.queue.dead_letters import REVIVABLE, Word, retry_dead_letters
from store.queue.enqueue import Place, enqueue_messages, enqueue_rows
from store.queue.settlement import (
    Settlement,
    due_in_doubt,
    mark_posting,
    promote_due,
    recover_expired,
)
from store.reports.lane_report import long_ids, message_report, read_lane_report
from store.states import State
from store.workers.presence import (
    active_lanes,
    await_wake,
    note_active,
    note_sweep,
    ready_lanes,
    register_worker,
    take_sweep,
    wake_workers,
)
from tests.conformance import given

LIMITS = Limits(10, 100, 0, 0)


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def speaking(request: pytest.FixtureRequest, server: str) -> Iterator[Store]:
    """A store whose client speaks the older or the newer protocol."""
    client = redis.Redis.from_url(server, protocol=request.param)
    client.flushall()
    yield Store(client)
    client.close()


def test_scripts_come_back_by_themselves_after_a_flush(store: Store) -> None:
    lane = given.loaded(store, 3)
    store.client.script_flush()
    assert len(given.claim(store, lane).jobs) == 3


async def test_scripts_come_back_by_themselves_for_workers_too(store: Store, server: str) -> None:
    lane = given.loaded(store, 3)
    store.client.script_flush()
    workers = AsyncStore.connect(server)
    report = await workers.run(read_lane_report(lane))
    await workers.close()
    assert report is not None
    assert report.counts == {State.QUEUED: 3}


async def test_errors_are_the_same_for_workers(store: Store, server: str) -> None:
    workers = AsyncStore.connect(server)
    with pytest.raises(StoreFault) as refused:
        await workers.run(command("INCRBYX", parse=int))
    assert isinstance(refused.value.__cause__, ResponseError)
    await workers.close()


def test_every_read_is_the_same_in_both_protocols(speaking: Store) -> None:
    store = speaking
    lane = given.loaded(store, 4)
    claim = given.claim(store, lane)
    what = given.ended(State.ACCEPTED, claim.jobs)
    what.long_ids, what.stats = [(3, b"GB.1")], {"retried": 1}
    given.settle(store, lane, claim, what)
    store.run(announce(lane, Priority.BULK))
    report = store.run(read_lane_report(lane))
    assert report is not None
    assert report.lane == store.run(read_lane(lane)) == list_lanes(store)[0]
    assert (report.counts, report.codes, report.stats) == (
        {State.ACCEPTED: 4}, {}, {"retried": 1},
    )  # fmt: skip
    assert given.balanced(store, lane)
    assert long_ids(store, lane, 0) == {3: "GB.1"}
    assert store.run(ready_lanes()) == [(lane, Priority.BULK.urgency)]
    assert store.run(active_lanes()) == [lane]
    assert store.run(due_in_doubt(lane, "+inf")) == []
    assert message_report(store, f"{lane}.0").recipient == "447700900000"
    assert store.run(take_sweep("ann", lease_ms=1000))
    assert not store.run(take_sweep("bob", lease_ms=1000))
    assert not store.run(await_wake(0.01))


@dataclass(frozen=True, slots=True)
class Work:
    """Calls that must go through whatever memory there is."""

    lane: str

    def calls(self) -> list[Call[Any]]:
        lane = self.lane
        return [
            mark_posting(lane, "b1", owner="ann", request=1, messages=3, lease_ms=1000),
            promote_due(lane),
            recover_expired(lane, settle_after_ms=0),
            acquire_permits("shop", LIMITS, 1, op="a", urgent=True, horizon=9),
            return_permits("shop", LIMITS, 1, op="a"),
            pause_sub_account("shop", 1),
            register_worker("loop", lease_ms=1000, starts=True),
            wake_workers(),
            note_sweep(pause_ms=1, lease_ms=1),
            take_sweep("ann", lease_ms=1),
            announce(lane, Priority.BULK),
            note_active(lane),
            note_missing(lane, 1),
            finish_loading(lane),
            move_lane(lane, "pause"),
            move_lane(lane, "resume"),
            read_lane_report(lane),
            retry_dead_letters(lane, Word.RESEND, REVIVABLE, op="a", entries=9),
        ]


@pytest.fixture
def full(store: Store) -> Iterator[Work]:
    """A server without room, and a lane with three messages, one of them in the air."""
    lane = given.loaded(store, 3)
    given.claim(store, lane, most=1)
    given.notifications(store)
    store.client.config_set("maxmemory", "1mb")
    yield Work(lane)
    store.client.config_set("maxmemory", "0")


def test_a_full_server_refuses_new_jobs(store: Store, full: Work) -> None:
    with pytest.raises(StoreFull, match="maxmemory"):
        store.run(enqueue_rows(full.lane, Place(3), Place(5), given.numbers(2, 3), 0))
    with pytest.raises(StoreFull, match="maxmemory"):
        store.run(enqueue_messages(given.NOTIFICATIONS, [given.message("Code 1", key="a")]))
    with pytest.raises(StoreFull):
        given.campaign(store, "Autumn")
    store.client.config_set("maxmemory", "0")
    assert given.balanced(store, full.lane)


def test_a_full_server_goes_on_sending(store: Store, full: Work) -> None:
    for call in full.calls():
        store.run(call)
    first = given.claim(store, full.lane)
    given.settle(store, full.lane, first, given.ended(State.ACCEPTED, first.jobs))
    rest = given.claim(store, full.lane, "b2")
    given.settle(store, full.lane, rest, Settlement({State.QUEUED: 2}, back=rest.jobs), "b2")
    assert given.counts(store, full.lane) == {State.ACCEPTED: 1, State.QUEUED: 2}


def test_a_server_that_has_lost_its_replicas_is_away_for_a_while(store: Store) -> None:
    store.client.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(StoreUnavailable, match="NOREPLICAS"):
            given.campaign(store)
    finally:
        store.client.config_set("min-replicas-to-write", 0)


def test_a_key_of_the_wrong_kind_is_a_fault_and_not_an_absence(store: Store) -> None:
    store.client.set(lane_keys("spring-000000").meta, "what")
    with pytest.raises(StoreFault, match="WRONGTYPE"):
        store.run(read_lane("spring-000000"))


def test_a_script_that_is_flushed_between_every_two_commands_still_runs(store: Store) -> None:
    lane = given.campaign(store)
    send: Any = store.client.execute_command

    def flushing(*words: Any, **options: Any) -> Any:
        send("SCRIPT", "FLUSH")
        return send(*words, **options)

    store.client.execute_command = flushing  # type: ignore[method-assign]
    assert given.add(store, lane, given.numbers(3), 0, 30).added == 3
    store.client.execute_command = send  # type: ignore[method-assign]
    assert given.counts(store, lane) == {State.QUEUED: 3}


async def test_many_calls_go_in_one_round_trip_though_their_script_was_flushed(
    store: Store, server: str
) -> None:
    lanes = [given.campaign(store, name) for name in ("Spring", "Autumn")]
    workers = AsyncStore.connect(server)
    store.client.script_flush()
    looks: list[Call[Any]] = [read_due(lane, 0) for lane in lanes]
    found = await workers.run_all([*looks, read_lane(lanes[0])])
    assert [look.status for look in found] == [LaneStatus.LOADING] * 3
    assert await workers.run_all([]) == []
    store.client.set(lane_keys("spring-000000").meta, "what")
    with pytest.raises(StoreFault, match="WRONGTYPE"):
        await workers.run_all([*looks, read_due("spring-000000", 0)])
    await workers.close()
