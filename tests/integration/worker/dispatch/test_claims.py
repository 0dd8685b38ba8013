"""Taking jobs: which lane, permits for it, the jobs."""

import asyncio
from dataclasses import replace

import pytest

from chatapps.responses import Refused
from store.client import command
from store.errors import StoreUnavailable
from store.keys import limiter
from store.lanes.lane import LaneStatus, Priority, announce, move_lane, pace_lane
from store.limits.breakers import ACCOUNT, close_breaker, open_breaker
from store.limits.rate_limit import pause_sub_account
from store.states import State
from store.workers.presence import await_wake, ready_lanes, register_worker
from tests.integration.worker.rig import Rig, account
from worker.batch import ClaimedBatch, OpenLane
from worker.dispatch.claims import Claims
from worker.pacing.backoff import Backoff
from worker.pacing.permits import PermitOffice

GO = asyncio.Event()


@pytest.fixture
def claims(rig: Rig) -> Claims:
    return made(rig)


def made(rig: Rig) -> Claims:
    tools = rig.tools
    return Claims(tools, PermitOffice(tools), Backoff(tools.clock, tools.rng))


def anywhere(_: OpenLane) -> bool:
    return True


async def take(claims: Claims, stopping: asyncio.Event = GO) -> ClaimedBatch | None:
    """All three steps."""
    lane = await claims.choose(anywhere)
    assert lane is not None
    reservation = await claims.reserve(lane)
    assert reservation is not None
    return await claims.claim(lane, reservation, stopping)


async def test_a_claim_takes_what_has_gathered_up_to_a_thousand(rig: Rig, claims: Claims) -> None:
    rig.campaign(1500)
    sizes = []
    for _ in range(2):
        batch = await take(claims)
        assert batch is not None
        sizes.append(len(batch.jobs))
    assert sizes == [1000, 500]


async def test_a_rate_that_was_taken_away_before_the_first_claim_bounds_nothing(
    rig: Rig, claims: Claims
) -> None:
    lane = rig.campaign(1500)
    rig.store.run(pace_lane(lane, 20, None))
    assert await claims.choose(anywhere) is not None
    rig.store.run(pace_lane(lane, 0, None))
    first, second = await take(claims), await take(claims)
    assert first is not None
    assert second is not None
    assert (len(first.jobs), len(second.jobs)) == (10, 1000)


async def test_a_batch_knows_the_time_of_redis_at_its_claim(rig: Rig, claims: Claims) -> None:
    rig.campaign(1)
    batch = await take(claims)
    assert batch is not None
    now = rig.store.run(command("TIME", parse=lambda reply: int(reply[0])))
    assert abs(batch.now(rig.tools.clock()) - now) <= 1


async def test_urgent_lanes_come_first_then_normal_then_bulk(rig: Rig, claims: Claims) -> None:
    rig.campaign(1, "Bulk")
    rig.campaign(1, "Normal", priority=Priority.NORMAL)
    rig.notifications("n-a1b2c3-u250615", ["code"])
    order = []
    for _ in range(3):
        batch = await take(claims)
        assert batch is not None
        order.append(batch.lane.lane.priority)
        rig.store.client.zrem("sm:ready", batch.lane_id)
        claims.look_again()
    assert order == [Priority.URGENT, Priority.NORMAL, Priority.BULK]


async def test_an_urgent_lane_is_seen_as_soon_as_the_loop_is_woken(
    rig: Rig, claims: Claims
) -> None:
    bulk = rig.campaign(3)
    chosen = await claims.choose(anywhere)
    assert chosen is not None
    assert chosen.lane.id == bulk
    rig.notifications("n-a1b2c3-u250615", ["code"])
    claims.look_again()
    chosen = await claims.choose(anywhere)
    assert chosen is not None
    assert chosen.lane.priority is Priority.URGENT


async def test_a_look_is_good_for_several_batches(rig: Rig) -> None:
    now = [0.0]
    tools = replace(rig.tools, clock=lambda: now[0])
    claims = Claims(tools, PermitOffice(tools), Backoff(tools.clock, tools.rng))
    rig.campaign(3)
    for _ in range(5):
        assert await claims.choose(anywhere) is not None
    assert rig.watched.ran.count("ZRANGE") == 1
    now[0] = 0.021
    assert await claims.choose(anywhere) is not None
    assert rig.watched.ran.count("ZRANGE") == 2


async def test_a_worker_for_some_priorities_leaves_the_others_alone(rig: Rig) -> None:
    rig.configure(worker={"priorities": ["urgent"]})
    rig.campaign(1)
    assert await made(rig).choose(anywhere) is None


async def test_half_a_second_of_the_rate_is_claimed_at_once_within_the_burst(rig: Rig) -> None:
    rig.configure(
        sub_accounts={
            "shop": account(messages_per_second=100, burst=40, urgent_reserve=10),
            "bank": account(messages_per_second=20, burst=500),
        }
    )
    claims = made(rig)
    rig.campaign(500)
    rig.campaign(500, "Other", sub_account="bank")
    assert await largest(claims, "shop") == 30
    assert await largest(claims, "bank") == 10


async def largest(claims: Claims, sub_account: str) -> int:
    lane = await claims.choose(lambda lane: lane.sender.id == sub_account)
    assert lane is not None
    for _ in range(400):
        reservation = await claims.reserve(lane)
        if reservation is not None:
            return reservation.n
        await asyncio.sleep(0.005)
    raise AssertionError("no permits were granted")


async def test_permits_that_no_job_used_are_given_back(rig: Rig) -> None:
    rig.configure(sub_accounts={"shop": account(messages_per_second=1000, burst=1000)})
    claims = made(rig)
    lane_id = rig.campaign(100)
    lane = await claims.choose(anywhere)
    assert lane is not None
    reservation = await claims.reserve(lane)
    assert reservation is not None
    before = arrival(rig)
    await rig.claim(lane_id, 60)  # another worker was quicker
    batch = await claims.claim(lane, reservation, GO)
    assert batch is not None
    assert len(batch.jobs) == 40
    assert before - arrival(rig) == 60_000


def arrival(rig: Rig) -> float:
    """Theoretical arrival time of the limiter, µs."""
    return rig.store.run(command("HGET", limiter("shop"), "messages", parse=float))


async def test_a_reserved_turn_is_waited_for(rig: Rig) -> None:
    rig.configure(sub_accounts={"shop": account(messages_per_second=100, burst=50)})
    claims = made(rig)
    rig.campaign(200)
    lane = await claims.choose(anywhere)
    assert lane is not None
    reservation = None
    while reservation is None or reservation.permits.wait == 0:
        reservation = await claims.reserve(lane)
    await claims.claim(lane, reservation, GO)
    assert len(rig.slept) == 1
    assert 0 < rig.slept[0] <= reservation.permits.wait


async def test_nothing_is_claimed_any_more_when_we_are_stopping(rig: Rig, claims: Claims) -> None:
    lane = rig.campaign(10)
    stopping = asyncio.Event()
    stopping.set()
    assert await take(claims, stopping) is None
    assert rig.counts(lane) == {State.QUEUED: 10}


async def test_a_blocked_sub_account_is_asked_for_again_later(rig: Rig, claims: Claims) -> None:
    rig.campaign(10)
    rig.store.run(pause_sub_account("shop", 60))
    lane = await claims.choose(anywhere)
    assert lane is not None
    assert await claims.reserve(lane) is None
    assert await claims.choose(anywhere) is None


async def test_bulk_that_waits_for_its_turn_does_not_hold_up_the_urgent_reserve(rig: Rig) -> None:
    rig.configure(
        sub_accounts={"shop": account(messages_per_second=10, burst=20, urgent_reserve=15)}
    )
    claims = made(rig)
    rig.campaign(100)
    while (lane := await claims.choose(anywhere)) is not None:
        await claims.reserve(lane)
    rig.notifications("n-a1b2c3-u250615", ["code"])
    lane = await claims.choose(anywhere)
    assert lane is not None
    assert lane.urgent


async def test_a_lost_reply_to_a_claim_is_asked_for_again(rig: Rig, claims: Claims) -> None:
    lane = rig.campaign(10)
    rig.watched.after["claim_batch"] = [StoreUnavailable("the reply was lost")] * 2
    batch = await take(claims)
    assert batch is not None
    assert [job.index for job in batch.jobs] == list(range(10))
    assert rig.counts(lane) == {State.IN_FLIGHT: 10}
    assert rig.watched.ran.count("claim_batch") == 3


async def test_a_store_that_stays_away_is_not_asked_for_ever(rig: Rig, claims: Claims) -> None:
    lane = rig.campaign(10)
    rig.watched.failures["claim_batch"] = [StoreUnavailable("away")] * 99
    with pytest.raises(StoreUnavailable):
        await take(claims)
    assert rig.counts(lane) == {State.QUEUED: 10}


@pytest.mark.parametrize("script", ["return_permits", "wake_workers", "ZREM"])
async def test_jobs_that_were_claimed_are_not_lost_when_a_hint_cannot_be_given(
    rig: Rig, script: str
) -> None:
    rig.configure(sub_accounts={"shop": account(messages_per_second=1000, burst=1000)})
    claims = made(rig)
    rig.campaign(100)
    lane = await claims.choose(anywhere)
    assert lane is not None
    reservation = await claims.reserve(lane)
    assert reservation is not None
    rig.watched.failures[script] = [StoreUnavailable("away")]
    batch = await claims.claim(lane, reservation, GO)
    assert batch is not None
    assert len(batch.jobs) == 100


async def test_another_loop_is_woken_where_jobs_are_left_behind(rig: Rig, claims: Claims) -> None:
    rig.store.run(register_worker("other", lease_ms=60_000, starts=True))
    rig.campaign(1500)
    await take(claims)
    assert rig.store.run(await_wake(0.01))
    await take(claims)
    assert not rig.store.run(await_wake(0.01))  # nothing is left


async def test_an_empty_lane_is_ready_no_more(rig: Rig, claims: Claims) -> None:
    rig.campaign(1)
    await take(claims)
    lane = await claims.choose(anywhere)
    assert lane is not None
    assert await claims.reserve(lane) is None
    assert rig.store.run(ready_lanes()) == []


async def test_a_lane_that_was_paused_meanwhile_is_ready_no_more(rig: Rig, claims: Claims) -> None:
    lane_id = rig.campaign(10)
    lane = await claims.choose(anywhere)
    assert lane is not None
    reservation = await claims.reserve(lane)
    assert reservation is not None
    rig.store.run(move_lane(lane_id, "pause"))
    assert await claims.claim(lane, reservation, GO) is None
    assert rig.store.run(ready_lanes()) == []


async def test_a_lane_that_is_gone_is_ready_no_more(rig: Rig, claims: Claims) -> None:
    rig.store.run(announce("gone-a1b2c3", Priority.BULK))
    assert await claims.choose(anywhere) is None
    assert rig.store.run(ready_lanes()) == []


async def test_a_lane_of_an_unknown_sub_account_is_left_to_others_and_shown(rig: Rig) -> None:
    claims = made(rig)
    foreign = rig.campaign(3, "Foreign", sub_account="bakery")
    ours = rig.campaign(3, "Ours")
    for _ in range(2):
        lane = await claims.choose(anywhere)
        assert lane is not None
        assert lane.lane.id == ours
    found = rig.lane(foreign)
    assert found.status is LaneStatus.SENDING
    assert found.reason == (
        "The worker on host-1 cannot send: Sub-account 'bakery' is not configured here."
    )
    assert (foreign, 2) in rig.store.run(ready_lanes())  # another worker may know it
    assert rig.watched.ran.count("HGETALL") == 2  # each lane once


async def test_a_lane_of_a_newer_version_is_left_to_others(rig: Rig, claims: Claims) -> None:
    lane = rig.campaign(3)
    rig.store.client.hset(f"sm:{{{lane}}}:meta", "content", b'{"format":99}')
    assert await claims.choose(anywhere) is None
    assert "format 99" in rig.lane(lane).reason
    assert rig.lane(lane).status is LaneStatus.SENDING


async def test_what_a_worker_keeps_of_a_lane_does_not_hide_that_it_was_stopped(
    rig: Rig, claims: Claims
) -> None:
    lane = rig.campaign(2000)
    assert await take(claims) is not None
    rig.provider.steps = [Refused(401)]
    rig.store.run(move_lane(lane, "stop", "the key is wrong"))
    assert await take(claims) is None
    assert rig.counts(lane) == {State.IN_FLIGHT: 1000, State.QUEUED: 1000}


async def test_a_breaker_that_was_closed_is_noticed_soon(rig: Rig, claims: Claims) -> None:
    rig.campaign(3)
    rig.store.run(open_breaker("shop", ACCOUNT, "moving", by="operator"))
    lane = await claims.choose(anywhere)
    assert lane is not None
    assert await claims.reserve(lane) is None
    assert await claims.choose(anywhere) is None
    rig.store.run(close_breaker("shop", ACCOUNT))
    rig.ahead += 0.25
    assert await take(claims) is not None
