"""The sweep: retry batches, leases, in-doubt batches, cancelled lanes."""

import pytest
from structlog.typing import EventDict

from chatapps.responses import NoAnswer, Refused
from store.batched import AT_ONCE
from store.client import command
from store.errors import StoreRefused, StoreUnavailable
from store.keys import ENDED, LANES, lane_keys
from store.lanes.lane import LaneStatus, move_lane, schedule_lane
from store.queue.enqueue import NewMessage, enqueue_messages
from store.queue.settlement import mark_posting
from store.records.outcome import LocalReason, Origin
from store.reports.lane_report import long_ids
from store.reports.waiting import now_ms
from store.states import State
from store.workers.presence import active_lanes, ready_lanes
from tests.integration.worker.rig import Rig, refuses
from worker.batch import ClaimedBatch, Tools
from worker.maintenance.sweep import Swept, sweep


async def test_only_one_sweeps_at_a_time(rig: Rig) -> None:
    rig.campaign(1)
    assert await sweep(rig.tools) == Swept(busy=1, announced=1)
    assert await sweep(rig.tools) is None


async def test_a_lane_with_jobs_is_announced_again_when_the_hint_was_lost(rig: Rig) -> None:
    lane = rig.campaign(1)
    rig.store.client.delete("sm:ready")
    await rig.sweep()
    assert rig.store.run(ready_lanes()) == [(lane, 2)]


async def test_a_lane_that_is_paused_is_not_announced_but_its_retries_become_due(rig: Rig) -> None:
    lane = rig.campaign(2)
    rig.provider.steps = [refuses({0: 2000, 1: 2000})]
    await rig.deliver(lane)
    rig.store.run(move_lane(lane, "pause"))
    rig.store.client.delete("sm:ready")
    rig.due(lane)
    assert await rig.sweep() == Swept()
    assert rig.store.run(ready_lanes()) == []
    assert rig.counts(lane) == {State.QUEUED: 2}


async def test_a_lane_that_has_ended_is_swept_no_more(rig: Rig) -> None:
    lane = rig.campaign(1)
    await rig.deliver(lane)
    assert rig.lane(lane).status is LaneStatus.FINISHED
    await rig.sweep()
    assert rig.store.run(active_lanes()) == []
    assert rig.store.run(ready_lanes()) == []


async def test_a_lane_that_is_gone_is_swept_no_more(rig: Rig) -> None:
    lane = rig.campaign(1)
    rig.store.client.delete(lane_keys(lane).meta)
    await rig.sweep()
    assert rig.store.run(active_lanes()) == []


async def test_a_lane_that_cannot_be_read_keeps_nobody_from_sweeping_the_others(rig: Rig) -> None:
    broken, sound = rig.campaign(1, "A broken one"), rig.campaign(1, "The next")
    rig.store.client.hset(lane_keys(broken).meta, "status", "pondering")
    rig.store.client.delete("sm:ready")
    assert await rig.sweep() == Swept(busy=2, announced=1)
    assert rig.store.run(ready_lanes()) == [(sound, 2)]


async def test_a_lane_whose_in_doubt_batch_is_refused_keeps_nobody_from_sweeping_the_others(
    rig: Rig,
) -> None:
    broken, sound = rig.campaign(1, "A broken one"), rig.campaign(1, "The next")
    rig.provider.steps = [NoAnswer("reset")]
    await rig.deliver(broken)
    rig.store.client.delete("sm:ready")
    rig.watched.failures["settle_batch"] = [StoreRefused("the figures do not add up")]
    await rig.sweep()
    assert rig.store.run(ready_lanes()) == [(sound, 2)]


async def test_a_store_that_is_away_ends_the_sweep(rig: Rig) -> None:
    rig.campaign(1)
    rig.watched.failures["read_due"] = [StoreUnavailable("away")]
    with pytest.raises(StoreUnavailable):
        await rig.sweep()


async def test_a_lane_in_which_nothing_is_due_costs_a_sweep_nothing_of_its_own(rig: Rig) -> None:
    async def round_trips() -> int:
        rig.watched.ran.clear()
        rig.watched.ran_together.clear()
        await rig.sweep()
        looks = rig.watched.ran_together.count("read_due")
        assert looks == len(rig.store.run(active_lanes()))
        return len(rig.watched.ran)

    for i in range(3):
        rig.campaign(1, f"Lane {i}")
    few = await round_trips()
    for i in range(3, 40):
        rig.campaign(1, f"Lane {i}")
    assert await round_trips() == few


async def test_more_lanes_than_one_look_takes_in_are_all_swept(rig: Rig) -> None:
    lanes = [rig.campaign(1, f"Lane {i}") for i in range(AT_ONCE + 5)]
    for lane in lanes[:-1]:
        rig.store.run(move_lane(lane, "cancel"))
    rig.store.client.delete("sm:ready")
    assert await rig.sweep() == Swept(busy=AT_ONCE + 5, announced=1)
    assert await rig.sweep() == Swept(busy=1, announced=1)
    assert rig.store.run(active_lanes()) == [lanes[-1]]
    assert rig.store.run(ready_lanes()) == [(lanes[-1], 2)]
    assert rig.store.run(command("ZCARD", ENDED, parse=int)) == AT_ONCE + 4


# Batches of workers that were lost


async def posted(rig: Rig, lane: str, requests: int = 1) -> ClaimedBatch:
    """A batch that was about to be posted so many times when its worker died."""
    batch = await rig.claim(lane)
    for request in range(1, requests + 1):
        mark = mark_posting(
            lane, batch.id, owner=rig.owner, request=request, messages=1, lease_ms=60_000
        )
        rig.store.run(mark)
    return batch


async def test_a_batch_that_was_only_claimed_goes_back_to_the_queue(rig: Rig) -> None:
    lane = rig.campaign(2)
    await rig.claim(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.IN_FLIGHT: 2}  # its lease holds
    rig.due(lane)
    await rig.sweep()
    assert [job.attempts for job in rig.queue(lane)] == [0, 0]


async def test_a_batch_that_may_have_been_posted_is_unknown_where_the_lane_holds(rig: Rig) -> None:
    lane = rig.campaign(2)
    await posted(rig, lane)
    rig.due(lane)
    await rig.sweep()
    await rig.sweep()
    assert rig.counts(lane) == {State.UNCONFIRMED: 2}
    outcome = rig.message(lane, 0).outcome
    assert outcome is not None
    assert (outcome.origin, outcome.code) == (Origin.LOCAL, LocalReason.WORKER_LOST)
    assert outcome.attempts == 1


async def test_a_batch_that_may_have_been_posted_goes_out_again_where_the_lane_resends(
    rig: Rig,
) -> None:
    rig.resend_at_once()
    lane = rig.campaign(2, on_unconfirmed="resend")
    await posted(rig, lane)
    rig.due(lane)
    await rig.sweep()
    await rig.sweep()
    await rig.deliver(lane)
    await rig.deliver(lane)  # in halves: one of them may be what kills workers
    assert [post.ids for post in rig.provider.posts] == [[f"{lane}.0.2"], [f"{lane}.1.2"]]
    assert rig.counts(lane) == {State.ACCEPTED: 2}


async def test_many_requests_for_halves_of_a_batch_do_not_use_up_all_attempts(rig: Rig) -> None:
    rig.configure(retry={"max_attempts": 5, "quick_attempts": 3})
    rig.resend_at_once()
    lane = rig.campaign(8, on_unconfirmed="resend")
    await posted(rig, lane, requests=12)
    rig.due(lane)
    await rig.sweep()
    await rig.sweep()
    assert [job.attempts for job in rig.queue(lane)] == [3] * 8


async def test_what_is_in_doubt_and_has_no_attempt_left_is_unknown(rig: Rig) -> None:
    rig.configure(retry={"max_attempts": 2})
    rig.resend_at_once()
    lane = rig.campaign(2, on_unconfirmed="resend")
    rig.provider.otherwise = NoAnswer("reset")
    for _ in range(2):
        await rig.deliver(lane)
        await rig.sweep()
    assert rig.counts(lane) == {State.UNCONFIRMED: 2}
    assert rig.dead(lane)[0][0] == b"local:2"
    assert rig.report(lane).codes["unconfirmed:local:2"] == 2
    assert rig.lane(lane).status is LaneStatus.FINISHED


# Cancelling


async def test_a_cancelled_lane_is_emptied_queue_retries_and_all(rig: Rig) -> None:
    lane = rig.campaign(2500)
    rig.provider.steps = [refuses(dict.fromkeys(range(1000), 2000))]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.DELAYED: 1000, State.QUEUED: 1500}
    rig.store.run(move_lane(lane, "cancel"))
    await rig.sweep()
    assert rig.counts(lane) == {State.CANCELLED: 2500}
    assert rig.lane(lane).status is LaneStatus.CANCELLED
    outcome = rig.message(lane, 2400).outcome
    assert outcome is not None
    assert (outcome.origin, outcome.code) == (Origin.LOCAL, LocalReason.OPERATOR)
    assert outcome.number == "447700902400"


async def test_a_cancelled_lane_resends_nothing(rig: Rig) -> None:
    lane = rig.campaign(2, on_unconfirmed="resend", settle_after=60)
    rig.provider.steps = [NoAnswer("reset")]
    await rig.deliver(lane)
    rig.store.run(move_lane(lane, "cancel"))
    await rig.sweep()
    assert rig.lane(lane).status is LaneStatus.CANCELLING  # status updates may still come
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.UNCONFIRMED: 2}
    assert rig.lane(lane).status is LaneStatus.CANCELLED


async def test_a_cancelled_lane_waits_for_what_is_in_the_air(rig: Rig) -> None:
    lane = rig.campaign(4)
    batch = await rig.claim(lane, 2)
    rig.store.run(move_lane(lane, "cancel"))
    await rig.sweep()
    assert rig.counts(lane) == {State.IN_FLIGHT: 2, State.CANCELLED: 2}
    await rig.delivery().deliver(batch)
    assert rig.provider.posts == []
    await rig.sweep()
    assert rig.counts(lane) == {State.CANCELLED: 4}
    assert rig.lane(lane).status is LaneStatus.CANCELLED


async def test_a_failed_attempt_is_no_reason_to_forget_a_long_id(rig: Rig) -> None:
    lane = rig.campaign(1, lines=[b"GB.1349120865530274\tAnn"])
    rig.provider.steps = [Refused(500)] * 3
    await rig.deliver(lane)
    assert long_ids(rig.store, lane, 0) == {0: "GB.1349120865530274"}
    rig.store.run(move_lane(lane, "cancel"))
    await rig.sweep()
    assert rig.message(lane, 0).recipient == "GB.1349120865530274"
    assert rig.store.run(command("ZCARD", LANES, parse=int)) == 1


async def test_all_that_is_due_is_queued_by_one_sweep(rig: Rig) -> None:
    lane = rig.notifications("n-a1b2c3-n681231", ["Hello"])
    for hours in range(1, 46):
        later = NewMessage(b"447700900001\t{}", b"", b"", hours * 3_600_000)
        rig.store.run(enqueue_messages(lane, [later]))
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.QUEUED: 46}


async def test_in_doubt_batches_of_single_messages_do_not_pile_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each message that goes out alone and gets no answer is an in-doubt batch of its own."""
    monkeypatch.setattr("worker.maintenance.in_doubt.SECONDS", 60)  # on a slow machine, too
    rig.configure(breakers={"server_errors": 1000})
    monkeypatch.setattr("worker.maintenance.in_doubt.SECONDS", 60)  # a slow machine is no failure
    lane = rig.notifications("n-a1b2c3-n681231", map(str, range(250)), on_unconfirmed="hold")
    rig.provider.otherwise = NoAnswer("reset")
    for _ in range(250):
        await rig.deliver(lane, 1)
    rig.due(lane)
    assert not (await rig.sweep()).more
    assert rig.counts(lane) == {State.UNCONFIRMED: 250}


async def test_a_sweep_that_has_resolved_in_doubt_batches_for_long_leaves_the_rest_to_the_next(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.maintenance.in_doubt.AT_ONCE", 2)
    monkeypatch.setattr("worker.maintenance.in_doubt.SECONDS", 0)
    rig.configure(breakers={"server_errors": 1000})
    lane = rig.campaign(5, on_unconfirmed="hold")
    rig.provider.otherwise = NoAnswer("reset")
    for _ in range(5):
        await rig.deliver(lane, 1)
    rig.due(lane)
    assert [(await rig.sweep()).more for _ in range(3)] == [True, True, True]
    assert rig.counts(lane) == {State.UNCONFIRMED: 5}


async def test_many_batches_of_the_dead_come_back_in_one_sweep(rig: Rig) -> None:
    lane = rig.campaign(30)
    for _ in range(25):
        await rig.claim(lane, 1)
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.QUEUED: 30}


async def test_a_cancelled_lane_waits_for_none_of_its_scheduled_messages(rig: Rig) -> None:
    lane = rig.notifications("n-a1b2c3-n681231", ["Hello"])
    for hours in range(1, 46):
        later = NewMessage(b"447700900001\t{}", b"", b"", hours * 3_600_000)
        rig.store.run(enqueue_messages(lane, [later]))
    rig.store.run(move_lane(lane, "cancel"))
    await rig.sweep()
    assert rig.counts(lane) == {State.CANCELLED: 46}


async def test_a_fault_of_one_sweep_is_logged_and_the_next_one_follows(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, logs: list[EventDict]
) -> None:
    rig.configure(worker={"sweep_seconds": 0.02})
    sweeps = 0

    async def faulty(_: Tools) -> Swept:
        nonlocal sweeps
        sweeps += 1
        raise ValueError("nobody has thought of this")

    monkeypatch.setattr("worker.dispatch.dispatcher.sweep", faulty)
    await rig.drain_until(lambda: sweeps > 2)
    assert [entry for entry in logs if entry["event"].startswith("sweep_failed")]


async def test_a_job_that_kills_worker_after_worker_once_it_is_posted_is_found_too(
    rig: Rig,
) -> None:
    """Where doubt resends, the others of its batch must not go out with it again and again."""
    rig.resend_at_once()
    rig.configure(policies={"max_resends": 10})
    lane = rig.campaign(8, on_unconfirmed="resend")
    posted: list[int] = []
    for turn in range(40):
        if State.QUEUED not in rig.counts(lane):
            break
        batch = await rig.claim(lane, batch=f"b{turn:011d}")
        posted += [job.index for job in batch.jobs]
        if 5 not in {job.index for job in batch.jobs}:
            await rig.delivery().deliver(batch)
            continue
        batch_id, n = batch.id, len(batch.jobs)
        rig.store.run(
            mark_posting(lane, batch_id, owner=rig.owner, request=1, messages=n, lease_ms=1)
        )
        rig.due(lane)
        await rig.sweep()
        rig.due(lane)
        await rig.sweep()
    assert rig.counts(lane) == {State.ACCEPTED: 7, State.FAILED: 1}
    found = rig.message(lane, 5).outcome
    assert found is not None
    assert (found.origin, found.code) == (Origin.LOCAL, LocalReason.KILLS_WORKERS)
    assert max(posted.count(index) for index in range(8) if index != 5) <= 4
    assert posted.count(5) == 6  # with 7, 3, 1 others, and three times alone


async def test_a_scheduled_campaign_starts_within_a_second_of_its_time(rig: Rig) -> None:
    lane = rig.campaign(3)
    at = rig.store.run(now_ms()) + 1500
    assert rig.store.run(schedule_lane(lane, at, "UTC")) == ("ok", LaneStatus.SCHEDULED)
    await rig.sweep()
    assert (await rig.sweep()).starts_in_ms <= 1500
    await rig.drain_until(lambda: rig.lane(lane).started_at > 0)
    assert at <= rig.lane(lane).started_at <= at + 1000
    assert rig.counts(lane) == {State.ACCEPTED: 3}
