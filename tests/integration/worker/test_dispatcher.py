"""The dispatcher: everything is sent, in the right order, and no lane holds up another."""

import asyncio
import time
from collections import Counter
from typing import Any

import pytest
from structlog.typing import EventDict

from chatapps.responses import NoAnswer, NotSent, Refused, Result
from config.sections import SubAccount
from store.client import Call, command
from store.errors import StoreError, StoreRefused, StoreUnavailable
from store.keys import CALLING, SWEEP, dispatchers, lane_keys
from store.lanes.lane import LaneStatus, Priority, move_lane, pace_lane
from store.limits.rate_limit import pause_sub_account
from store.limits.stops import Stopped, go_on, stop_sending
from store.reports.waiting import now_ms
from store.states import State
from store.workers.presence import await_wake, call_drain, is_called, register_worker, wake_workers
from tests.integration.worker.receipts.test_inbox import post, receipt
from tests.integration.worker.rig import Post, Rig, account, refuses, taken, until
from worker.dispatch.dispatcher import BUSY_SECONDS, Dispatcher
from worker.maintenance.due_lanes import IDLE_SECONDS


def ended(rig: Rig, *lanes: str) -> bool:
    return all(rig.lane(lane).status.ended for lane in lanes)


class Gate:
    """A provider that answers when we let it."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.waiting = 0

    async def __call__(self, post: Post) -> Result:
        self.waiting += 1
        await self.open.wait()
        self.waiting -= 1
        return taken(post)


async def test_a_campaign_is_sent_in_full_batches_until_it_is_finished(rig: Rig) -> None:
    lane = rig.campaign(2500)
    await rig.drain_until(lambda: ended(rig, lane))
    assert rig.counts(lane) == {State.ACCEPTED: 2500}
    assert sorted(len(post.ids) for post in rig.provider.posts) == [500, 1000, 1000]


async def test_failures_on_the_way_are_survived(rig: Rig) -> None:
    rig.configure(retry={"base_delay": 0.02}, worker={"sweep_seconds": 0.02})
    lane = rig.campaign(5000)
    rig.provider.steps = [
        Refused(500),
        Refused(429, retry_after=0.05),
        NotSent("ConnectError"),
        refuses(dict.fromkeys(range(0, 5000, 10), 2000)),
    ]
    await rig.drain_until(lambda: ended(rig, lane))
    assert rig.counts(lane) == {State.ACCEPTED: 5000}


async def test_an_urgent_lane_is_claimed_before_a_bulk_lane(rig: Rig) -> None:
    bulk = rig.campaign(8000)
    urgent = rig.notifications("n-a1b2c3-u250615", ["code"])
    await rig.drain_until(lambda: ended(rig, bulk))
    first = [post.ids for post in rig.provider.posts[:4]]  # they were in the air together
    assert [f"{urgent}.0.1"] in first


async def test_lanes_of_one_priority_take_turns(rig: Rig) -> None:
    lanes = [rig.campaign(10_000, name) for name in ("First", "Second")]
    await rig.drain_until(lambda: ended(rig, *lanes))
    order = [post.ids[0].split(".")[0] for post in rig.provider.posts]
    assert min(Counter(order[:10])[lane] for lane in lanes) >= 3


async def test_a_wake_up_is_heard_while_nothing_is_to_do(rig: Rig) -> None:
    rig.configure(worker={"sweep_seconds": 60})
    async with rig.dispatching():
        await until(lambda: rig.store.client.zcard(dispatchers("")) == 1)
        lane = rig.campaign(1)
        assert not rig.store.run(wake_workers())  # no Celery task is needed
        await until(lambda: ended(rig, lane))


async def test_a_dedicated_loop_sends_what_it_serves_and_wakes_others_for_the_rest(
    rig: Rig,
) -> None:
    rig.configure(worker={"priorities": ["urgent"], "sweep_seconds": 0.02})
    bulk = rig.campaign(10)
    urgent = rig.notifications("n-a1b2c3-u250615", ["code"])
    rig.store.run(register_worker("common", lease_ms=60_000, starts=True))
    await rig.drain_until(
        lambda: rig.counts(urgent) == {State.ACCEPTED: 1} and rig.store.run(await_wake(0.01))
    )
    assert rig.counts(bulk) == {State.QUEUED: 10}
    assert not rig.store.client.exists(CALLING)  # a producer of messages calls for a task
    assert rig.store.client.zcard(dispatchers("urgent")) == 0


async def test_a_dedicated_loop_hears_the_wake_ups_for_what_it_serves(rig: Rig) -> None:
    rig.configure(worker={"priorities": ["urgent"], "sweep_seconds": 60})
    async with rig.dispatching():
        await until(lambda: rig.store.client.zcard(dispatchers("urgent")) == 1)
        lane = rig.notifications("n-a1b2c3-u250615", ["code"])
        assert not rig.store.run(wake_workers(for_=Priority.URGENT))
        await until(lambda: rig.counts(lane) == {State.ACCEPTED: 1})


async def test_a_blocked_sub_account_does_not_hold_up_another(rig: Rig) -> None:
    blocked, free = rig.campaign(10), rig.campaign(10, "Other", sub_account="bank")
    rig.store.run(pause_sub_account("shop", 60))
    await rig.drain_until(lambda: ended(rig, free))
    assert rig.counts(blocked) == {State.QUEUED: 10}


@pytest.mark.timing
async def test_a_sub_account_that_waits_for_its_turn_does_not_hold_up_another(rig: Rig) -> None:
    rig.configure(sub_accounts={"shop": account(messages_per_second=20, burst=10)})
    slow, fast = rig.campaign(500), rig.campaign(20_000, "Other", sub_account="bank")
    rig.really_sleeps = True
    started = time.monotonic()
    await rig.drain_until(lambda: ended(rig, fast))
    assert time.monotonic() - started < 5  # taking turns with the slow one would take ten
    assert rig.report(slow).open > 0


async def test_a_slow_sub_account_keeps_to_its_share_of_the_air(rig: Rig) -> None:
    slow_one = SubAccount(api_key="key", max_in_air=2, messages_per_second=0)
    rig.configure(sub_accounts={"shop": slow_one})
    gate = Gate()

    async def by_sub_account(post: Post) -> Result:
        return await gate(post) if post.sub_account == "shop" else taken(post)

    rig.provider.otherwise = by_sub_account
    slow, fast = rig.campaign(9000), rig.campaign(9000, "Other", sub_account="bank")
    async with rig.dispatching():
        await until(lambda: ended(rig, fast))
        assert gate.waiting == 1  # the other slot is kept for urgent lanes
        gate.open.set()
        await until(lambda: ended(rig, slow))


async def test_no_more_than_the_configured_batches_are_in_the_air(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.stall_gate.PATIENCE", 60)  # s; what waits here is no stall
    rig.configure(worker={"max_in_air": 8})
    gate = Gate()
    rig.provider.steps, rig.provider.otherwise = [taken], gate
    lane = rig.campaign(12_000)
    async with rig.dispatching():
        await until(lambda: gate.waiting == 7)  # one in eight is kept for urgent lanes
        for _ in range(5):
            await asyncio.sleep(0)
        assert gate.waiting == 7
        gate.open.set()
        await until(lambda: ended(rig, lane))


async def test_a_flood_of_bulk_leaves_room_for_an_urgent_message(rig: Rig) -> None:
    rig.configure(worker={"max_in_air": 4})
    gate, urgent = Gate(), "n-a1b2c3-u250615"

    async def by_lane(post: Post) -> Result:
        return taken(post) if post.ids[0].startswith(urgent) else await gate(post)

    rig.provider.otherwise = by_lane
    bulk = rig.campaign(12_000)
    async with rig.dispatching():
        await until(lambda: gate.waiting == 3)
        rig.notifications(urgent, ["code"])
        await until(lambda: rig.counts(urgent) == {State.ACCEPTED: 1})
        assert rig.report(bulk).sent == 0
        gate.open.set()
        await until(lambda: ended(rig, bulk))


async def test_a_pause_leaves_the_rest_queued_until_the_lane_is_resumed(rig: Rig) -> None:
    rig.configure(worker={"sweep_seconds": 0.02})
    lane = rig.campaign(8000)
    gate = Gate()
    rig.provider.steps = [taken, gate]
    async with rig.dispatching():
        await until(lambda: gate.waiting == 1)
        rig.store.run(move_lane(lane, "pause"))
        posts = len(rig.provider.posts)
        gate.open.set()
        await until(lambda: State.IN_FLIGHT not in rig.counts(lane))
        assert len(rig.provider.posts) <= posts + 1
        rig.store.run(move_lane(lane, "resume"))
        await until(lambda: ended(rig, lane))
    assert rig.counts(lane) == {State.ACCEPTED: 8000}


async def test_a_stop_holds_back_what_was_claimed_and_all_that_waits(rig: Rig) -> None:
    rig.configure(worker={"sweep_seconds": 0.02})
    gate, lanes = Gate(), [rig.campaign(8000), rig.campaign(8000, "Other", sub_account="bank")]
    rig.provider.steps = [gate]
    async with rig.dispatching():
        await until(lambda: gate.waiting == 1)
        rig.store.run(stop_sending(Stopped.ALL, "", "wrong price"))
        gate.open.set()
        await until(lambda: not any(rig.counts(lane).get(State.IN_FLIGHT) for lane in lanes))
        posts = len(rig.provider.posts)
        rig.ahead += 1  # long enough for any process to have heard of it
        urgent = rig.notifications("n-a1b2c3-u681231", ["code"])
        rig.store.run(wake_workers())
        await until(lambda: rig.watched.ran_together.count("HGETALL") > 5)
        assert len(rig.provider.posts) == posts
        assert rig.counts(urgent) == {State.QUEUED: 1}
        rig.store.run(go_on(Stopped.ALL, ""))
        rig.ahead += 1
        await until(lambda: ended(rig, *lanes) and not rig.report(urgent).open)
    assert len({id_ for post in rig.provider.posts for id_ in post.ids}) == 16_001


async def test_a_batch_that_was_claimed_before_the_stop_is_given_back(rig: Rig) -> None:
    lane = rig.campaign(10)
    batch = await rig.claim(lane)
    rig.store.run(stop_sending(Stopped.MARKETING, "shop", "wrong price"))
    await rig.delivery().deliver(batch)
    assert rig.provider.posts == []
    assert rig.counts(lane) == {State.QUEUED: 10}
    assert [job.attempts for job in rig.queue(lane)] == [0] * 10


async def test_while_it_is_unknown_what_is_stopped_nothing_goes_out(rig: Rig) -> None:
    lane = rig.campaign(10)
    batch = await rig.claim(lane)
    rig.watched.failures["HGETALL"] = [StoreUnavailable("away")]
    await rig.delivery().deliver(batch)
    assert rig.provider.posts == []
    assert rig.counts(lane) == {State.QUEUED: 10}


async def test_cancelling_empties_queue_and_retries_and_ends_the_lane(rig: Rig) -> None:
    rig.configure(worker={"sweep_seconds": 0.02})
    lane = rig.campaign(4000)
    gate = Gate()
    rig.provider.steps = [refuses(dict.fromkeys(range(1000), 2000)), gate]
    async with rig.dispatching():
        await until(lambda: gate.waiting == 1)
        rig.store.run(move_lane(lane, "cancel"))
        gate.open.set()
        await until(lambda: ended(rig, lane))
    found = rig.report(lane)
    assert found.lane.status is LaneStatus.CANCELLED
    assert found.counts[State.CANCELLED] >= 1000
    assert found.sent + found.counts[State.CANCELLED] == 4000


async def test_stopping_settles_what_is_in_the_air_and_claims_nothing_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.stall_gate.PATIENCE", 60)  # s; what waits here is no stall
    lane = rig.campaign(41_000)
    gate = Gate()
    rig.provider.steps, rig.provider.otherwise = [taken], gate
    task = asyncio.create_task(rig.drain.serve(rig.stopping))
    await until(lambda: gate.waiting == 28)
    rig.stopping.set()
    await task
    gate.open.set()
    await rig.drain.land()
    assert rig.counts(lane) == {State.ACCEPTED: 29_000, State.QUEUED: 12_000}
    assert rig.store.client.zcard(dispatchers("")) == 0


async def test_the_loop_ends_though_a_cancellation_is_lost_in_the_client_of_the_store(
    rig: Rig,
) -> None:
    real, lost = rig.watched.run, list[str]()

    async def run(call: Call[Any]) -> Any:
        try:
            return await real(call)
        except asyncio.CancelledError:
            if lost or call.args[0] != "BLPOP":
                raise
            lost.append("BLPOP")
            return None

    rig.watched.run = run  # type: ignore[method-assign]
    async with asyncio.timeout(10):
        await rig.drain_until(lambda: "BLPOP" in rig.watched.ran)
    assert lost == ["BLPOP"]


async def seconds_to_next_sweep(rig: Rig) -> float:
    """Seconds until the timer fires after a sweep now."""
    rig.store.client.delete(SWEEP)
    return await rig.drain._sweep()


async def test_the_timer_is_slow_while_a_lane_is_open_and_nothing_is_to_come(rig: Rig) -> None:
    lane = rig.notifications("n-a1b2c3-u681231", ["code"])
    await rig.deliver(lane)
    assert not rig.lane(lane).status.ended
    assert await seconds_to_next_sweep(rig) == IDLE_SECONDS


async def test_the_timer_is_quick_while_a_retry_is_to_come_soon_and_some_time_after(
    rig: Rig,
) -> None:
    lane = rig.campaign(10)
    rig.provider.otherwise = Refused(500)
    rig.configure(retry={"base_delay": 3, "quick_attempts": 1})
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.DELAYED: 10}
    assert await seconds_to_next_sweep(rig) == 1
    retries = rig.store.run(command("ZRANGE", lane_keys(lane).retries, 0, -1, parse=list))
    later = rig.store.run(now_ms()) + 60_000
    rig.store.client.zadd(lane_keys(lane).retries, {retries[0]: later})
    assert await seconds_to_next_sweep(rig) == 1  # there was something just now
    rig.ahead = BUSY_SECONDS
    assert await seconds_to_next_sweep(rig) == IDLE_SECONDS


async def test_the_timer_is_quick_while_receipts_come_in(rig: Rig) -> None:
    assert await seconds_to_next_sweep(rig) == IDLE_SECONDS
    post(rig, receipt("spring-a1b2c3.0.1", "sent"))
    assert await seconds_to_next_sweep(rig) == 1


async def test_work_is_found_by_the_timer_alone(rig: Rig) -> None:
    rig.configure(worker={"sweep_seconds": 0.02})
    post(rig, receipt("spring-a1b2c3.0.1", "sent"))  # or the timer would be slow
    async with rig.dispatching():
        await until(lambda: "SMEMBERS" in rig.watched.ran)
        lane = rig.campaign(10)
        rig.store.client.delete("sm:ready")
        await until(lambda: ended(rig, lane))


async def test_a_task_has_the_loop_sweep_at_once(rig: Rig) -> None:
    rig.configure(worker={"sweep_seconds": 60})
    async with rig.dispatching():
        await until(lambda: "SMEMBERS" in rig.watched.ran)
        rig.store.client.delete(SWEEP)
        lane = rig.campaign(1)
        rig.store.client.delete("sm:ready")
        rig.store.run(call_drain())
        rig.drain.look()
        await until(lambda: ended(rig, lane))
    assert not rig.store.run(is_called())


async def test_two_processes_send_each_message_once(rig: Rig) -> None:
    other = Rig(rig.store, rig.url, owner="host-2:1:def")
    lane = rig.campaign(20_000)
    async with other.dispatching():
        await rig.drain_until(lambda: ended(rig, lane))
    sent = [id_ for post in (*rig.provider.posts, *other.provider.posts) for id_ in post.ids]
    assert len(sent) == len(set(sent)) == 20_000
    assert rig.counts(lane) == {State.ACCEPTED: 20_000}
    await other.close()


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("ZRANGE", StoreUnavailable("away")),
        ("HGETALL", StoreUnavailable("away")),
        ("HGET", StoreUnavailable("away")),
        ("acquire_permits", StoreUnavailable("away")),
        ("claim_batch", StoreUnavailable("away")),
        ("claim_batch", StoreRefused("no")),
        ("mark_posting", StoreUnavailable("away")),
        ("settle_batch", StoreUnavailable("away")),
        ("register_worker", StoreUnavailable("away")),
        ("BLPOP", StoreUnavailable("away")),
        ("SMEMBERS", StoreError("odd")),
    ],
)
async def test_the_loop_outlives_a_store_that_fails_for_a_while(
    rig: Rig, script: str, error: StoreError
) -> None:
    rig.configure(worker={"sweep_seconds": 0.02})
    rig.watched.failures[script] = [error] * 3
    lane = rig.campaign(1500)
    await rig.drain_until(lambda: ended(rig, lane) and not rig.watched.failures[script])
    assert rig.counts(lane) == {State.ACCEPTED: 1500}


async def test_a_lane_that_cannot_be_claimed_from_holds_up_no_other(rig: Rig) -> None:
    rig.really_sleeps = True
    broken = rig.campaign(10, "A broken one", priority=Priority.URGENT)
    sound = rig.campaign(3000)
    claim_batch = rig.watched.run
    refused = 0

    async def run(call: Call[Any]) -> Any:
        nonlocal refused
        if call.script == "claim_batch" and broken in call.keys[0]:
            refused += 1
            raise StoreRefused("its queue is not readable")
        return await claim_batch(call)

    rig.watched.run = run  # type: ignore[method-assign]
    await rig.drain_until(lambda: ended(rig, sound))
    assert rig.counts(broken) == {State.QUEUED: 10}
    assert refused == sum(pause == 0.02 for pause in rig.slept)  # a pause after each


async def test_a_fault_of_one_delivery_does_not_end_the_loop(
    rig: Rig, logs: list[EventDict]
) -> None:
    def stumble(post: Post) -> Result:
        raise RuntimeError("a fault of our own")

    rig.provider.steps = [stumble]
    lane = rig.campaign(3000)
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 2000)
    assert rig.counts(lane) == {State.ACCEPTED: 2000, State.IN_FLIGHT: 1000}
    (told,) = [entry for entry in logs if entry["log_level"] == "error"]
    assert told["event"] == "delivery_failed"


async def test_what_has_no_answer_is_settled_by_the_sweep_of_the_loop(rig: Rig) -> None:
    rig.configure(worker={"sweep_seconds": 0.02})
    rig.resend_at_once()
    lane = rig.campaign(10, on_unconfirmed="resend")
    rig.provider.steps = [NoAnswer("reset")]
    await rig.drain_until(lambda: ended(rig, lane))
    assert [post.attempts for post in rig.provider.posts] == [{1}, {2}]
    assert rig.counts(lane) == {State.ACCEPTED: 10}


async def test_a_loop_that_rests_asks_the_store_nothing_but_to_be_woken(rig: Rig) -> None:
    async with rig.dispatching():
        await until(lambda: "ZRANGE" in rig.watched.ran and "BLPOP" in rig.watched.ran)
        await asyncio.sleep(0.3)
    assert rig.watched.ran.count("note_sweep") <= 2
    assert rig.watched.ran.count("BLPOP") == 1


async def test_a_loop_that_only_waits_looks_again_when_a_pause_ends(rig: Rig) -> None:
    lane = rig.campaign(10)
    rig.provider.steps = [Refused(429, retry_after=0.05)]
    await rig.drain_until(lambda: ended(rig, lane))
    assert rig.counts(lane) == {State.ACCEPTED: 10}


async def test_the_drain_of_a_fresh_process_has_nothing_in_the_air(rig: Rig) -> None:
    await asyncio.wait_for(Dispatcher(rig.tools).land(), 1)


@pytest.mark.timing
@pytest.mark.parametrize(("weight", "others"), [(1, 5000), (3, 1000)])
async def test_two_campaigns_of_one_sub_account_share_its_limit_by_weight(
    rig: Rig, weight: int, others: int
) -> None:
    rig.configure(
        sub_accounts={"shop": account(messages_per_second=500, burst=20, urgent_reserve=0)}
    )
    lanes = rig.campaign(5000), rig.campaign(others, "Other")
    rig.store.run(pace_lane(lanes[0], None, weight))
    rig.really_sleeps = True

    def sent() -> list[int]:
        ids = [id_ for post in rig.provider.posts for id_ in post.ids]
        return [sum(id_.startswith(f"{lane}.") for id_ in ids) for lane in lanes]

    async with rig.dispatching():
        await until(lambda: min(sent()) >= 40)
        before = sent()
        await until(lambda: sum(sent()) >= sum(before) + 1600)
        mine, its = (n - earlier for n, earlier in zip(sent(), before, strict=True))
    assert mine / its == pytest.approx(weight, rel=0.1)


async def test_a_campaign_keeps_to_its_own_rate(rig: Rig) -> None:
    lane = rig.campaign(300)
    rig.store.run(pace_lane(lane, 100, None))
    rig.really_sleeps = True
    started = time.monotonic()
    await rig.drain_until(lambda: rig.report(lane).done >= 200)
    assert time.monotonic() - started > 1.3  # 50 at once, then 100 a second
