"""The delivery of one batch, whatever the provider and the store do meanwhile."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from chatapps.responses import Answered, BatchAnswer, NoAnswer, NotSent, Refused, Result
from sendmany.local.embedded_redis import EmbeddedServer
from store.client import Call, Store, command
from store.errors import StoreRefused, StoreUnavailable
from store.keys import lane_keys, limiter
from store.lanes.lane import LaneStatus, move_lane
from store.limits.breakers import ACCOUNT, read_breakers
from store.limits.rate_limit import Limits, acquire_permits
from store.records.outcome import Doubt, LocalReason, Origin
from store.states import State
from tests.integration.worker.rig import Post, Rig, account, refuses, said, taken, until
from worker.pacing.backoff import Backoff

BY_NUMBER = 1002  # "the phone number is not valid"


async def test_what_the_provider_takes_is_accepted_with_its_umid(rig: Rig) -> None:
    lane = rig.campaign(3)
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 3}
    (post,) = rig.provider.posts
    assert post.ids == [f"{lane}.{index}.1" for index in range(3)]
    assert post.body["includeMessagesInResponse"] is True
    assert post.body["messages"][1]["content"] == {"text": "Hello Guest 1"}
    outcome = rig.message(lane, 2).outcome
    assert outcome is not None
    assert outcome.umid == "5c1a7a4c-0000-4000-8000-000000000002"
    assert outcome.posted_at > 0
    assert rig.lane(lane).status is LaneStatus.FINISHED


# 429


async def test_a_429_blocks_the_sub_account_for_everyone_and_burns_no_attempt(rig: Rig) -> None:
    lane = rig.campaign(3)
    rig.provider.steps = [Refused(429, 429, retry_after=7)]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.QUEUED: 3}
    assert [(job.index, job.attempts) for job in rig.queue(lane)] == [(0, 0), (1, 0), (2, 0)]
    assert 6.5 <= blocked_for(rig) <= 7.2
    unblock(rig)
    await rig.deliver(lane)
    assert [post.attempts for post in rig.provider.posts] == [{1}, {1}]
    assert rig.counts(lane) == {State.ACCEPTED: 3}


@pytest.mark.parametrize(("told", "seconds"), [(None, 1), (0.0, 1), (0.5, 0.5), (1e9, 120)])
async def test_a_429_waits_as_told_within_reason(
    rig: Rig, told: float | None, seconds: float
) -> None:
    rig.provider.steps = [Refused(429, retry_after=told)]
    await rig.deliver(rig.campaign(1))
    assert seconds - 0.3 <= blocked_for(rig) <= seconds + 0.2


def blocked_for(rig: Rig, sub_account: str = "shop") -> float:
    """Seconds without permits for any worker."""
    limits = Limits(0, 1, 0, 0)
    call = acquire_permits(sub_account, limits, 1, op="probe", urgent=False, horizon=0)
    answer = rig.store.run(call)
    return 0.0 if answer.granted else answer.wait


def unblock(rig: Rig) -> None:
    """Time passes: the block is over."""
    rig.store.run(command("DEL", limiter("shop"), parse=int))


# Server errors


@pytest.mark.parametrize("status", [500, 503])
async def test_a_server_error_that_says_how_long_to_wait_blocks_the_sub_account_for_everyone(
    rig: Rig, status: int
) -> None:
    lane = rig.campaign(3)
    rig.provider.steps = [Refused(status, retry_after=7)]
    await rig.deliver(lane)
    assert len(rig.provider.posts) == 1  # no quick retry
    assert 6.5 <= blocked_for(rig) <= 7.2
    assert rig.counts(lane) == {State.DELAYED: 3}
    assert [entry.split(" ")[:3] for entry in rig.message(lane, 1).attempt_log] == [
        ["1", "http", f"{status}"]
    ]


async def test_a_server_error_that_is_held_blocks_the_sub_account_too(rig: Rig) -> None:
    lane = rig.campaign(3, on_server_error="hold")
    rig.provider.steps = [Refused(503, retry_after=7)]
    await rig.deliver(lane)
    assert 6.5 <= blocked_for(rig) <= 7.2
    assert rig.counts(lane) == {State.UNCONFIRMED: 3}


async def test_a_server_error_is_tried_again_at_once_with_a_attempt_log(rig: Rig) -> None:
    lane = rig.campaign(3)
    rig.provider.steps = [Refused(500, 2000), Refused(503)]
    await rig.deliver(lane)
    assert [post.attempts for post in rig.provider.posts] == [{1}, {2}, {3}]
    assert rig.counts(lane) == {State.ACCEPTED: 3}
    found = rig.message(lane, 1)
    assert found.outcome is not None
    assert found.outcome.attempts == 3
    assert [entry.split(" ")[:3] for entry in found.attempt_log] == [
        ["1", "request", "2000"],
        ["2", "http", "503"],
    ]
    figures = rig.report(lane)
    assert figures.retries == {"request:2000": 3, "http:503": 3}
    assert {name: figures.stats[name] for name in ("requests", "posted", "retried")} == {
        "requests": 3, "posted": 9, "retried": 6,
    }  # fmt: skip
    assert figures.in_doubt[Doubt.MAY_HAVE_TWO] == 3  # the first attempts may have been taken
    retry = rig.settings.retry
    assert len(rig.slept) == 2
    assert all(0 <= pause <= retry.quick_cap for pause in rig.slept)


async def test_a_server_error_that_stays_goes_from_retry_to_retry_to_the_dead_letters(
    rig: Rig,
) -> None:
    rig.configure(retry={"max_attempts": 5})
    lane = rig.campaign(2)
    rig.provider.otherwise = Refused(500, 2000)
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.DELAYED: 2}
    for _ in range(2):
        rig.due(lane)
        await rig.sweep()
        await rig.deliver(lane)
    attempts = [post.attempts for post in rig.provider.posts]
    assert attempts == [{1}, {2}, {3}, {4}, {5}]
    assert rig.counts(lane) == {State.FAILED: 2}
    ((reason, jobs),) = rig.dead(lane)
    assert reason == b"request:2000"
    assert [(job.index, job.attempts) for job in jobs] == [(0, 5), (1, 5)]
    assert len(rig.message(lane, 0).attempt_log) == 5
    assert rig.lane(lane).status is LaneStatus.FINISHED


async def test_quick_attempts_do_not_go_beyond_the_attempts_a_message_has(rig: Rig) -> None:
    rig.configure(retry={"max_attempts": 2, "quick_attempts": 3})
    lane = rig.campaign(1)
    rig.provider.otherwise = Refused(500)
    await rig.deliver(lane)
    assert [post.attempts for post in rig.provider.posts] == [{1}, {2}]
    assert rig.counts(lane) == {State.FAILED: 1}


async def test_a_server_error_is_held_where_the_lane_says_so(rig: Rig) -> None:
    lane = rig.campaign(2, on_server_error="hold")
    rig.provider.steps = [Refused(502)]
    await rig.deliver(lane)
    assert len(rig.provider.posts) == 1
    assert rig.counts(lane) == {State.UNCONFIRMED: 2}
    assert rig.report(lane).codes == {"unconfirmed:http:502": 2}


async def test_a_transient_code_on_some_messages_delays_only_those(rig: Rig) -> None:
    lane = rig.campaign(4)
    rig.provider.steps = [refuses({1: 2000, 2: 1400})]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.DELAYED: 2}
    rig.due(lane)
    await rig.sweep()
    await rig.deliver(lane)
    assert rig.provider.posts[1].ids == [f"{lane}.1.2", f"{lane}.2.2"]
    assert rig.counts(lane) == {State.ACCEPTED: 4}
    assert rig.message(lane, 1).attempt_log[0].split(" ")[:3] == ["1", "api", "2000"]
    assert rig.message(lane, 0).attempt_log == ()


async def test_a_pause_ends_the_quick_attempts(rig: Rig) -> None:
    lane = rig.campaign(2)
    rig.provider.otherwise = Refused(500)
    rig.on_sleep = lambda: pause(rig, lane)
    await rig.deliver(lane)
    assert len(rig.provider.posts) == 1
    assert [job.attempts for job in rig.queue(lane)] == [1, 1]  # that one may have been processed


async def test_each_request_takes_permits_of_its_own(rig: Rig) -> None:
    lane = rig.campaign(2)
    rig.provider.steps = [Refused(500), Refused(500)]
    await rig.deliver(lane)
    assert rig.watched.ran.count("acquire_permits") == 2  # the first has those of the claim


async def test_permits_that_have_become_old_are_taken_again(rig: Rig) -> None:
    lane = rig.campaign(2)
    batch = await rig.claim(lane)
    batch = replace(batch, permits=replace(batch.permits, turn=0))
    await rig.delivery().deliver(batch)
    assert rig.watched.ran.count("acquire_permits") == 1
    assert rig.counts(lane) == {State.ACCEPTED: 2}


async def test_a_turn_that_does_not_come_gives_the_batch_back(rig: Rig) -> None:
    rig.configure(worker={"lease_seconds": 4})
    lane = rig.campaign(2)
    batch = await rig.claim(lane)
    batch = replace(batch, permits=replace(batch.permits, turn=0))
    rig.provider.steps = [Refused(429, retry_after=60)]
    await rig.deliver(rig.campaign(1, "Other"))
    await rig.delivery().deliver(batch)
    assert len(rig.provider.posts) == 1
    assert rig.counts(lane) == {State.QUEUED: 2}


# Nobody there


async def test_a_refused_connection_gives_the_jobs_back_with_no_attempt_burnt(rig: Rig) -> None:
    lane = rig.campaign(3)
    tools = rig.tools
    backoff = Backoff(tools.clock, tools.rng)
    rig.provider.steps = [NotSent("ConnectError")]
    await rig.delivery(backoff).deliver(await rig.claim(lane))
    assert [(job.index, job.attempts) for job in rig.queue(lane)] == [(0, 0), (1, 0), (2, 0)]
    assert not backoff.is_free("shop", urgent=True)
    assert blocked_for(rig) == 0  # others may well get through
    await rig.deliver(lane)
    assert [post.attempts for post in rig.provider.posts] == [{1}, {1}]


# No answer


async def test_without_an_answer_a_campaign_holds_the_messages_as_unknown(rig: Rig) -> None:
    lane = rig.campaign(2, on_unconfirmed="hold", settle_after=60)
    rig.provider.steps = [NoAnswer("ReadTimeout")]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.IN_DOUBT: 2}
    await rig.sweep()
    assert rig.counts(lane) == {State.IN_DOUBT: 2}  # status updates may still come
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.UNCONFIRMED: 2}
    assert len(rig.provider.posts) == 1
    outcome = rig.message(lane, 0).outcome
    assert outcome is not None
    assert (outcome.origin, outcome.code) == (Origin.LOCAL, LocalReason.NO_ANSWER)


async def test_without_an_answer_a_lane_that_resends_sends_another_attempt(rig: Rig) -> None:
    rig.resend_at_once()
    lane = rig.campaign(2, on_unconfirmed="resend")
    rig.provider.steps = [NoAnswer("ReadError")]
    await rig.deliver(lane)
    await rig.sweep()
    assert [job.attempts for job in rig.queue(lane)] == [1, 1]
    await rig.deliver(lane)
    assert [post.attempts for post in rig.provider.posts] == [{1}, {2}]
    assert rig.counts(lane) == {State.ACCEPTED: 2}
    assert rig.message(lane, 0).attempt_log[0].split(" ")[:3] == ["1", "local", "2"]


async def test_a_message_that_the_answer_leaves_out_is_in_doubt_alone(rig: Rig) -> None:
    lane = rig.campaign(3, settle_after=60)

    def forgetful(post: Post) -> Result:
        whole = taken(post)
        assert isinstance(whole, Answered)
        return Answered(BatchAnswer(3, 0, None, whole.answer.messages[:2]))

    rig.provider.steps = [forgetful]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.IN_DOUBT: 1}
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.UNCONFIRMED: 1}


# Refusals


async def test_a_401_holds_up_the_sub_account_with_a_reason_and_keeps_the_jobs(rig: Rig) -> None:
    lane = rig.campaign(3)
    rig.provider.steps = [Refused(401, 1200)]
    await rig.deliver(lane)
    assert rig.lane(lane).status is LaneStatus.SENDING
    (breaker,) = rig.store.run(read_breakers("shop"))
    assert (breaker.scope, breaker.by) == (ACCOUNT, "worker")
    assert breaker.reason == (
        "the provider refused the request with HTTP 401, code 1200: the API key is missing or wrong"
    )
    assert blocked_for(rig) > 14
    assert blocked_for(rig, "bank") == 0
    assert [(job.index, job.attempts) for job in rig.queue(lane)] == [(0, 0), (1, 0), (2, 0)]


def bad_number(bad: set[int], code: int, post: Post) -> Result:
    """Refuses any request that holds one of these messages."""
    return Refused(400, code) if bad & set(post.indexes) else taken(post)


async def test_one_bad_message_is_found_by_halves_and_rejected_alone(rig: Rig) -> None:
    lane = rig.campaign(100)
    rig.provider.otherwise = partial(bad_number, {37}, BY_NUMBER)
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 99, State.REJECTED: 1}
    outcome = rig.message(lane, 37).outcome
    assert outcome is not None
    assert (outcome.state, outcome.origin, outcome.code) == (
        State.REJECTED,
        Origin.REQUEST,
        BY_NUMBER,
    )
    assert all(post.attempts == {1} for post in rig.provider.posts)
    assert len(rig.provider.posts) <= 15


async def test_a_few_bad_messages_apart_do_not_stop_the_campaign(rig: Rig) -> None:
    lane, bad = rig.campaign(64), {3, 20, 41, 60}
    rig.provider.otherwise = partial(bad_number, bad, BY_NUMBER)
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 60, State.REJECTED: 4}
    assert rig.lane(lane).status is LaneStatus.FINISHED


async def test_messages_that_are_all_refused_alike_stop_the_campaign(rig: Rig) -> None:
    lane = rig.campaign(100)
    rig.provider.otherwise = Refused(400, 3041)
    await rig.deliver(lane)
    stopped = rig.lane(lane)
    assert stopped.status is LaneStatus.STOPPED
    assert stopped.reason == (
        "message after message is refused with code 3041: a template parameter is not valid"
    )
    counts = rig.counts(lane)
    assert counts[State.REJECTED] <= 4
    assert counts[State.QUEUED] >= 96
    assert [job.index for job in rig.queue(lane)] == sorted(job.index for job in rig.queue(lane))


async def test_in_a_notification_lane_only_the_messages_concerned_are_rejected(rig: Rig) -> None:
    lane = rig.notifications("n-a1b2c3-n250615", ["fine", "bad", "fine", "bad", "bad", "bad"])
    rig.provider.otherwise = partial(bad_number, {1, 3, 4, 5}, 3038)
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.REJECTED: 4}
    assert rig.lane(lane).status is LaneStatus.SENDING


async def test_a_template_code_on_one_item_rejects_it_in_a_notification_lane(rig: Rig) -> None:
    lane = rig.notifications("n-a1b2c3-n250615", ["fine", "bad"])
    rig.provider.steps = [refuses({1: 3038})]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 1, State.REJECTED: 1}


async def test_a_template_code_on_one_item_stops_the_campaign_and_requeues_it(rig: Rig) -> None:
    lane = rig.campaign(3)
    rig.provider.steps = [refuses({1: 3038})]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.QUEUED: 1}
    assert [(job.index, job.attempts) for job in rig.queue(lane)] == [(1, 0)]
    stopped = rig.lane(lane)
    assert stopped.status is LaneStatus.STOPPED
    assert "no such template in this language" in stopped.reason
    rig.store.run(move_lane(lane, "resume"))
    await rig.deliver(lane)
    assert rig.provider.posts[1].ids == [f"{lane}.1.1"]
    assert rig.counts(lane) == {State.ACCEPTED: 3}


async def test_a_server_error_in_one_half_does_not_touch_the_other(rig: Rig) -> None:
    lane = rig.campaign(4)
    rig.provider.steps = [Refused(400, BY_NUMBER), NoAnswer("reset"), taken]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.IN_DOUBT: 2, State.ACCEPTED: 2}


# Sizes


async def test_a_body_that_is_too_large_is_split(rig: Rig) -> None:
    most = 64 * 1024
    rig.configure(batch={"max_bytes": most})
    lines = [b"%d\t%b" % (447700900000 + index, b"x" * 3000) for index in range(100)]
    lane = rig.campaign(100, lines=lines)
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 100}
    assert len(rig.provider.posts) > 4
    assert all(post.size <= most for post in rig.provider.posts)
    assert sorted(index for post in rig.provider.posts for index in post.indexes) == list(
        range(100)
    )


async def test_two_mebibytes_are_the_most_that_is_posted_at_once(rig: Rig) -> None:
    lines = [b"%d\t%b" % (447700900000 + index, b"x" * 4000) for index in range(600)]
    lane = rig.campaign(600, lines=lines)
    await rig.deliver(lane)
    claimed = rig.counts(lane)[State.ACCEPTED]
    assert claimed > 500
    assert all(post.size <= 2 * 1024 * 1024 for post in rig.provider.posts)


# Broken jobs, and faults of our own


async def test_a_job_that_cannot_be_rendered_is_rejected_and_the_others_go_out(rig: Rig) -> None:
    lines = [b"447700900000\tAnn", b"447700900001", b"447700900002\tBob", b"447700900003\ta\tb"]
    lane = rig.campaign(4, lines=lines)
    await rig.deliver(lane)
    assert rig.provider.posts[0].indexes == [0, 2]
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.REJECTED: 2}
    outcome = rig.message(lane, 1).outcome
    assert outcome is not None
    assert (outcome.origin, outcome.code) == (Origin.LOCAL, LocalReason.BROKEN_JOB)
    assert outcome.posted_at > 0 or outcome.changed_at > 1_600_000_000


async def test_a_batch_of_broken_jobs_is_never_posted(rig: Rig) -> None:
    lane = rig.campaign(2, lines=[b"447700900000", b"447700900001"])
    await rig.deliver(lane)
    assert rig.provider.posts == []
    assert rig.counts(lane) == {State.REJECTED: 2}
    outcome = rig.message(lane, 0).outcome
    assert outcome is not None
    assert outcome.posted_at == 0
    assert outcome.changed_at > 1_600_000_000


def stumble(post: Post) -> Result:
    raise RuntimeError("a fault of our own")


async def test_a_fault_while_posting_leaves_the_batch_to_its_lease(rig: Rig) -> None:
    lane = rig.campaign(2, settle_after=60)
    rig.provider.steps = [stumble]
    with pytest.raises(RuntimeError):
        await rig.deliver(lane)
    assert rig.counts(lane) == {State.IN_FLIGHT: 2}
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.IN_DOUBT: 2}  # it may have been posted


async def test_a_fault_before_the_post_leaves_the_batch_to_its_lease(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = rig.campaign(2)
    batch = await rig.claim(lane)

    def fail(*_: object) -> bytes:
        raise RuntimeError("a fault of our own")

    monkeypatch.setattr(batch.lane.renderer, "render", fail)
    with pytest.raises(RuntimeError):
        await rig.delivery().deliver(batch)
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.QUEUED: 2}  # it never left the house


async def test_a_settlement_that_the_store_refuses_leaves_the_batch_to_its_lease(rig: Rig) -> None:
    lane = rig.campaign(2)
    rig.watched.failures["settle_batch"] = [StoreRefused("the figures do not add up")]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.IN_FLIGHT: 2}


# Pauses, leases, and a store that is away


def pause(rig: Rig, lane: str) -> None:
    rig.store.run(move_lane(lane, "pause"))


async def test_a_pause_between_claim_and_post_gives_the_batch_back(rig: Rig) -> None:
    lane = rig.campaign(3)
    batch = await rig.claim(lane)
    pause(rig, lane)
    await rig.delivery().deliver(batch)
    assert rig.provider.posts == []
    assert [(job.index, job.attempts) for job in rig.queue(lane)] == [(0, 0), (1, 0), (2, 0)]
    assert rig.lane(lane).status is LaneStatus.PAUSED


async def test_an_answer_that_comes_after_the_lease_resolves_the_in_doubt_batch(rig: Rig) -> None:
    lane = rig.campaign(3, settle_after=60)

    async def late(post: Post) -> Result:
        rig.store.client.zadd(lane_keys(lane).claimed_batches, {batch.id: 0})
        await rig.sweep()
        assert rig.counts(lane) == {State.IN_DOUBT: 3}
        return said({1: BY_NUMBER}, post)

    batch = await rig.claim(lane)
    rig.provider.steps = [late]
    await rig.delivery().deliver(batch)
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.REJECTED: 1}
    assert rig.lane(lane).status is LaneStatus.FINISHED


async def test_an_answer_does_not_touch_what_somebody_else_has_taken_over(rig: Rig) -> None:
    lane = rig.campaign(2)
    batch = await rig.claim(lane)
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.QUEUED: 2}
    await rig.delivery().deliver(batch)
    assert rig.provider.posts == []  # the lease is checked before the POST
    assert rig.counts(lane) == {State.QUEUED: 2}


async def test_an_answer_in_hand_waits_until_the_store_takes_it(rig: Rig) -> None:
    lane = rig.campaign(2)
    rig.watched.failures["settle_batch"] = [StoreUnavailable("away")] * 4
    await rig.deliver(lane)
    assert len(rig.slept) == 4
    assert rig.counts(lane) == {State.ACCEPTED: 2}


async def test_a_settlement_whose_reply_was_lost_has_one_effect(rig: Rig) -> None:
    lane = rig.campaign(2)
    rig.watched.after["settle_batch"] = [StoreUnavailable("the reply was lost")]
    await rig.deliver(lane)
    assert rig.watched.ran_together.count("settle_batch") == 2
    assert rig.counts(lane) == {State.ACCEPTED: 2}


async def test_a_store_that_is_away_before_the_post_gives_the_batch_back(rig: Rig) -> None:
    lane = rig.campaign(2)
    rig.watched.failures["mark_posting"] = [StoreUnavailable("away")]
    await rig.deliver(lane)
    assert rig.provider.posts == []
    assert rig.counts(lane) == {State.QUEUED: 2}


async def test_a_mark_whose_reply_was_lost_is_no_post(rig: Rig) -> None:
    lane = rig.campaign(2)
    rig.watched.after["mark_posting"] = [StoreUnavailable("the reply was lost")]
    await rig.deliver(lane)
    assert rig.provider.posts == []
    assert [job.attempts for job in rig.queue(lane)] == [0, 0]


async def test_redis_may_restart_while_an_answer_is_in_hand(own_server: EmbeddedServer) -> None:
    store = Store.connect(own_server.url)
    rig = Rig(store, own_server.url)
    lane = rig.campaign(50)

    def restart_later() -> None:
        if len(rig.slept) == 3:
            own_server.start()

    async def meanwhile(post: Post) -> Result:
        own_server.stop()
        return taken(post)

    rig.provider.steps, rig.on_sleep = [meanwhile], restart_later
    await rig.deliver(lane)
    assert len(rig.slept) == 3
    assert rig.counts(lane) == {State.ACCEPTED: 50}
    assert len(rig.provider.posts) == 1
    await rig.close()
    store.close()


async def test_what_is_settled_is_settled_even_when_we_are_cancelled(rig: Rig) -> None:
    lane, real = rig.campaign(2), rig.watched.run_all
    settling, go = asyncio.Event(), asyncio.Event()

    async def run_all(calls: Sequence[Call[Any]]) -> list[Any]:
        if "settle_batch" in [call.script for call in calls]:
            settling.set()
            await go.wait()
        return await real(calls)

    rig.watched.run_all = run_all  # type: ignore[method-assign]
    task = asyncio.create_task(rig.deliver(lane))
    await until(settling.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go.set()
    await until(lambda: rig.report(lane).done == 2)
    assert rig.counts(lane) == {State.ACCEPTED: 2}


async def test_an_urgent_lane_may_use_the_reserve_of_its_sub_account(rig: Rig) -> None:
    rig.configure(
        sub_accounts={"shop": account(messages_per_second=100, burst=10, urgent_reserve=5)}
    )
    lane = rig.notifications("n-a1b2c3-u250615", ["a"])
    assert (await rig.claim(lane)).lane.urgent
    assert not (await rig.claim(rig.campaign(1))).lane.urgent
