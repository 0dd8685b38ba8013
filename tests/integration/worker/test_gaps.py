"""Time that is lost: the store was away, or the process was frozen at a bad moment."""

from collections.abc import Callable
from typing import Any

import pytest

import worker.maintenance.sweep
import worker.receipts.inbox
from chatapps.responses import Refused, Result
from store.client import command
from store.keys import SWEPT, lane_keys, limiter
from store.lanes.lane import move_lane
from store.receipts.inbox import add_to_inbox
from store.states import State
from tests.integration.worker.rig import Post, Rig, taken
from worker.failpoints import Point

LEASE = 120.0  # s; as the rig's settings have it


def store_was_away(rig: Rig, lane: str, seconds: float) -> None:
    """All that Redis' clock has noted was so much earlier."""
    ms = int(seconds * 1000)
    for field in ("at", "before", "until"):
        rig.store.client.hincrby(SWEPT, field, -ms)
    batches = lane_keys(lane).claimed_batches
    for batch in rig.store.run(command("ZRANGE", batches, 0, -1, parse=list)):
        rig.store.client.zincrby(batches, -ms, batch)


class Interrupts:
    """Does something at the first passing of a point."""

    def __init__(self, rig: Rig, at: Point, seconds: float) -> None:
        self._rig, self._at, self._seconds = rig, at, seconds
        self.passed: list[Point] = []

    def __call__(self, point: Point) -> None:
        if point is self._at and point not in self.passed:
            self._rig.ahead += self._seconds
        self.passed.append(point)


# The store was away


async def test_a_store_that_was_away_for_long_gives_living_owners_time_to_settle(rig: Rig) -> None:
    lane = rig.campaign(3, on_unconfirmed="resend")
    await rig.sweep()

    async def away(post: Post) -> Result:
        store_was_away(rig, lane, 600)
        await rig.sweep()
        await rig.sweep()
        assert rig.counts(lane) == {State.IN_FLIGHT: 3}
        return taken(post)

    rig.provider.steps = [away]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 3}
    assert len(rig.provider.posts) == 1


async def test_batches_of_the_dead_return_one_lease_after_a_gap(rig: Rig) -> None:
    lane = rig.campaign(3)
    await rig.claim(lane, lease_ms=int(LEASE * 1000))
    await rig.sweep()
    store_was_away(rig, lane, 600)
    await rig.sweep()
    assert rig.counts(lane) == {State.IN_FLIGHT: 3}
    for _ in range(3):
        store_was_away(rig, lane, LEASE / 3 + 1)  # no gap: shorter than half a lease
        await rig.sweep()
    assert rig.counts(lane) == {State.QUEUED: 3}


async def test_what_had_run_out_before_the_gap_does_not_wait(rig: Rig) -> None:
    lane = rig.campaign(3)
    await rig.claim(lane)
    await rig.sweep()
    rig.due(lane)
    store_was_away(rig, lane, 600)
    await rig.sweep()
    assert rig.counts(lane) == {State.QUEUED: 3}


async def test_sweeps_that_take_long_are_no_gap(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is so much in the inbox and to cancel that each sweep takes longer than half a lease."""
    lane, cancelled = rig.campaign(3), rig.campaign(2000, "Gone")
    await rig.claim(lane, lease_ms=int(LEASE * 1000))
    slow = [worker.receipts.inbox, worker.maintenance.sweep]
    monkeypatch.setattr(worker.receipts.inbox, "ENTRIES", 1)
    for module, name in zip(slow, ("read_inbox", "claim_batch"), strict=True):
        monkeypatch.setattr(module, name, taking(rig, lane, LEASE / 6, getattr(module, name)))
    rig.store.run(move_lane(cancelled, "cancel"))
    for _ in range(4):
        for _ in range(3):
            rig.store.run(add_to_inbox(b"[]"))
        await rig.sweep()
    assert rig.counts(lane) == {State.QUEUED: 3}


def taking(rig: Rig, lane: str, seconds: float, call_of: Callable[..., Any]) -> Callable[..., Any]:
    """The same call, and it takes so long."""

    def slow(*args: Any, **options: Any) -> Any:
        store_was_away(rig, lane, seconds)
        rig.ahead += seconds
        return call_of(*args, **options)

    return slow


# The process was frozen


async def test_a_request_that_was_held_up_after_its_mark_takes_its_turn_again(rig: Rig) -> None:
    lane = rig.campaign(3)
    stops = rig.pass_by = Interrupts(rig, Point.MARKED, 1)
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 3}
    assert len(rig.provider.posts) == 1
    assert stops.passed == [
        Point.BEFORE_MARK, Point.MARKED, Point.BEFORE_MARK, Point.MARKED,
        Point.POSTED, Point.BEFORE_SETTLE, Point.SETTLED,
    ]  # fmt: skip
    assert rig.watched.ran.count("acquire_permits") == 1
    assert rig.report(lane).stats["posted"] == 3


async def test_a_request_that_was_held_up_past_its_lease_is_not_made(rig: Rig) -> None:
    lane = rig.campaign(3)
    stops = Interrupts(rig, Point.MARKED, LEASE + 1)

    def frozen(point: Point) -> None:
        stops(point)
        if point is Point.MARKED:
            rig.due(lane)
            key = lane_keys(lane)
            for batch in rig.store.run(command("ZRANGE", key.claimed_batches, 0, -1, parse=list)):
                rig.store.client.hset(
                    key.claimed_batch(batch.decode()), "owner", ""
                )  # somebody recovers it

    rig.pass_by = frozen
    await rig.deliver(lane)
    assert rig.provider.posts == []


async def test_a_store_that_is_always_slow_delays_requests_and_stops_none(rig: Rig) -> None:
    lane = rig.campaign(3)

    def slow(point: Point) -> None:
        if point is Point.MARKED:
            rig.ahead += 1

    rig.pass_by = slow
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 3}


async def test_a_store_that_takes_half_a_lease_for_the_mark_gives_the_jobs_back(rig: Rig) -> None:
    lane = rig.campaign(3)

    def dead_slow(point: Point) -> None:
        if point is Point.MARKED:
            rig.ahead += LEASE / 2

    rig.pass_by = dead_slow
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.QUEUED: 3}
    assert rig.provider.posts == []


# The provider asked for a pause


@pytest.mark.parametrize("status", [429, 503])
async def test_turns_that_were_given_before_a_pause_are_not_used_in_it(
    rig: Rig, status: int
) -> None:
    lane = rig.campaign(6)
    batches = [await rig.claim(lane, 2, batch=f"b{i:011d}") for i in range(3)]
    rig.provider.steps = [Refused(status, retry_after=7)]
    for batch in batches:
        await rig.delivery().deliver(batch)
    assert len(rig.provider.posts) == 1
    assert [job.attempts for job in rig.queue(lane)][:4] == [0] * 4
    assert rig.counts(lane).get(State.QUEUED, 0) >= 4
    rig.store.client.delete(limiter("shop"))  # the pause is over
    rig.due(lane)
    await rig.sweep()
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 6}
