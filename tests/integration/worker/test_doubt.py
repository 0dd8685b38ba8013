"""Messages without a trustworthy answer: in doubt for long, sent again a few times, then unknown."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chatapps.client import ChatAppsClient, open_client
from chatapps.responses import NoAnswer, Refused, Result
from store.client import command
from store.keys import lane_keys
from store.queue.dead_letters import Word, settle_dead_letters
from store.queue.settlement import claim_batch, mark_posting
from store.records.outcome import LocalReason
from store.reports.waiting import now_ms
from store.states import State
from tests.integration.chatapps.test_client_and_bad_servers import server_of
from tests.integration.worker.rig import Rig, Step, account, refuses, taken

LANE = "n-a1b2c3-u681231"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "


@pytest.fixture(autouse=True)
def no_breaker(rig: Rig) -> None:
    """Breakers are tested elsewhere."""
    rig.configure(breakers={"server_errors": 1000})


@asynccontextmanager
async def provider_that_says(rig: Rig, answer: bytes) -> AsyncIterator[list[str]]:
    """A provider that takes every request, answers like this, and hangs up; gives the ids it took."""
    took: list[str] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if b"content-length" in line)
        body = json.loads(await reader.readexactly(int(length.split(b":")[1])))
        took.extend(message["clientMessageId"] for message in body["messages"])
        writer.write(answer)
        await writer.drain()

    async with server_of(take) as endpoint:
        rig.configure(sub_accounts={"shop": account(base_url=endpoint.base_url)})
        async with open_client() as http:
            rig.provider = ChatAppsClient(http)  # type: ignore[assignment]
            yield took


def seconds_left(rig: Rig, lane: str) -> float:
    """Until the policy of the lane is applied to what is in doubt."""
    key = lane_keys(lane).in_doubt
    ((_, due),) = rig.store.run(command("ZRANGE", key, 0, -1, "WITHSCORES", parse=list))
    return (float(due) - rig.store.run(now_ms())) / 1000


@pytest.mark.parametrize(
    "answer",
    [HEAD + b'500\r\n\r\n{"batchId": "b', HEAD + b"0\r\n\r\n", HEAD + b"4\r\n\r\n<ok>", b""],
    ids=["cut off", "empty", "unreadable", "hung up"],
)
async def test_who_never_answers_sees_a_notification_three_times_at_most_and_far_apart(
    rig: Rig, answer: bytes
) -> None:
    lane = rig.notifications(LANE, ["Your code is 402 918"], on_unconfirmed="resend")
    waits = []
    async with provider_that_says(rig, answer) as took:
        for _ in range(6):
            if State.QUEUED not in rig.counts(lane):
                break
            await rig.deliver(lane)
            waits.append(seconds_left(rig, lane))
            await rig.sweep()
            if waits[-1] > 0:
                assert rig.counts(lane) == {State.IN_DOUBT: 1}  # it is not sent again before
            rig.due(lane)
            await rig.sweep()
    assert took == [f"{lane}.0.{attempt}" for attempt in (1, 2, 3)]
    assert rig.counts(lane) == {State.UNCONFIRMED: 1}
    first, second, _ = waits
    assert 64 <= first <= 68
    assert 119 <= second <= 150


async def test_a_campaign_that_nobody_answers_holds_and_is_sent_once(rig: Rig) -> None:
    lane = rig.campaign(2, settle_after=rig.settings.settle_after)
    async with provider_that_says(rig, HEAD + b"0\r\n\r\n") as took:
        await rig.deliver(lane)
        assert 59 <= seconds_left(rig, lane) <= 60
        rig.due(lane)
        await rig.sweep()
    assert took == [f"{lane}.0.1", f"{lane}.1.1"]
    assert rig.counts(lane) == {State.UNCONFIRMED: 2}


async def test_what_a_dead_worker_had_posted_is_in_doubt_for_a_minute_too(rig: Rig) -> None:
    lane = rig.campaign(1, on_unconfirmed="resend")
    batch = await rig.claim(lane)
    rig.store.run(
        mark_posting(lane, batch.id, owner=rig.owner, request=1, messages=1, lease_ms=60_000)
    )
    lease_is_over(rig, lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.IN_DOUBT: 1}
    assert 64 <= seconds_left(rig, lane) <= 68


def lease_is_over(rig: Rig, lane: str) -> None:
    key, now = lane_keys(lane).claimed_batches, rig.store.run(now_ms())
    for member in rig.store.run(command("ZRANGE", key, 0, -1, parse=list)):
        rig.store.run(command("ZADD", key, now - 1, member, parse=int))


async def test_server_errors_do_not_use_up_the_resends_of_doubt(rig: Rig) -> None:
    rig.resend_at_once()
    rig.configure(breakers={"server_errors": 1000})
    lane = rig.campaign(2, on_unconfirmed="resend")
    rig.provider.steps = [*[Refused(503)] * 4, NoAnswer("reset"), NoAnswer("reset")]
    for _ in range(5):
        await rig.deliver(lane)
        rig.due(lane)
        await rig.sweep()
    assert [post.attempts for post in rig.provider.posts] == [{n} for n in range(1, 8)]
    assert rig.counts(lane) == {State.ACCEPTED: 2}


TOO_SOON = 1400


@pytest.mark.parametrize(
    "again",
    [refuses({0: TOO_SOON, 1: TOO_SOON}), Refused(400, TOO_SOON)],
    ids=["each message", "the request"],
)
@pytest.mark.parametrize("first", [NoAnswer("cut off"), Refused(500)])
async def test_who_says_too_soon_after_a_doubtful_attempt_has_had_the_message(
    rig: Rig, first: Result, again: Step
) -> None:
    rig.resend_at_once()
    lane = rig.campaign(2, on_unconfirmed="resend")
    rig.provider.steps, rig.provider.otherwise = [first], again
    await rig.deliver(lane)
    await rig.sweep()
    if State.QUEUED in rig.counts(lane):
        await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 2}
    found = rig.message(lane, 1)
    assert found.outcome is not None
    assert (found.outcome.attempts, found.outcome.code) == (1, 0)
    assert [entry.split(" ")[:3] for entry in found.attempt_log][1] == ["2", "api", f"{TOO_SOON}"]
    assert rig.dead(lane) == []


async def test_what_a_dead_worker_had_posted_and_is_too_soon_was_accepted(rig: Rig) -> None:
    rig.resend_at_once()
    lane = rig.campaign(1, on_unconfirmed="resend")
    batch = await rig.claim(lane)
    rig.store.run(
        mark_posting(lane, batch.id, owner=rig.owner, request=1, messages=1, lease_ms=60_000)
    )
    rig.due(lane)
    await rig.sweep()
    await rig.sweep()
    rig.provider.otherwise = refuses({0: TOO_SOON})
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 1}


@pytest.mark.parametrize(
    "said",
    [refuses({0: TOO_SOON}), Refused(400, TOO_SOON), Refused(422, TOO_SOON)],
    ids=["the message", "the request", "the request, 422"],
)
async def test_too_soon_without_a_doubt_delays_that_message_and_no_other(
    rig: Rig, said: Step
) -> None:
    rig.configure(retry={"max_attempts": 3})
    lane, other = rig.campaign(1), rig.campaign(1, "Other")
    rig.provider.otherwise = said
    for _ in range(3):
        await rig.deliver(lane)
        rig.due(lane)
        await rig.sweep()
    assert rig.counts(lane) == {State.FAILED: 1}
    assert len(rig.provider.posts) == 3
    rig.provider.otherwise = taken
    await rig.deliver_with_permits(other)
    assert rig.counts(other) == {State.ACCEPTED: 1}


async def test_without_resends_doubt_is_unknown_though_the_lane_resends(rig: Rig) -> None:
    rig.configure(policies={"max_resends": 0})
    lane = rig.campaign(1, on_unconfirmed="resend")
    rig.provider.otherwise = NoAnswer("reset")
    await rig.deliver(lane)
    await rig.sweep()
    assert len(rig.provider.posts) == 1
    assert rig.counts(lane) == {State.UNCONFIRMED: 1}


async def test_jobs_that_are_claimed_apart_keep_how_often_they_were_resent(rig: Rig) -> None:
    rig.resend_at_once()
    rig.configure(policies={"max_resends": 1})
    lane = rig.campaign(3, on_unconfirmed="resend")
    rig.provider.otherwise = NoAnswer("reset")
    await rig.deliver(lane)
    await rig.sweep()
    claim = claim_batch(lane, "b1", owner="x", most=1, most_bytes=1 << 20, lease_ms=1)
    assert [job.resends for job in rig.store.run(claim).jobs] == [1]
    assert [job.resends for job in rig.queue(lane)] == [1, 1]
    rig.due(lane)
    await rig.sweep()
    for _ in range(2):
        await rig.deliver(lane)
        await rig.sweep()
    assert rig.counts(lane) == {State.UNCONFIRMED: 3}
    assert sorted(id_ for post in rig.provider.posts for id_ in post.ids) == [
        f"{lane}.{index}.{attempt}" for index in range(3) for attempt in (1, 2)
    ]


async def test_what_an_operator_sends_again_is_sent_once_more_and_not_by_itself(rig: Rig) -> None:
    rig.resend_at_once()
    rig.configure(policies={"max_resends": 1})
    lane = rig.campaign(1, on_unconfirmed="resend")
    rig.provider.otherwise = NoAnswer("reset")
    for sent in (2, 3, 4):
        while State.QUEUED in rig.counts(lane) and len(rig.provider.posts) < sent:
            await rig.deliver(lane)
            await rig.sweep()
        assert len(rig.provider.posts) == sent
        assert rig.counts(lane) == {State.UNCONFIRMED: 1}
        settle_dead_letters(rig.store, rig.lane(lane), Word.RESEND, (State.UNCONFIRMED,))


async def test_workers_that_die_after_the_mark_resend_a_message_no_more_often(rig: Rig) -> None:
    rig.resend_at_once()
    lane = rig.campaign(1, on_unconfirmed="resend")
    for times in range(1, 5):
        batch = await rig.claim(lane, batch=f"b{times:011d}")
        if not batch.jobs:
            break
        mark = mark_posting(lane, batch.id, owner=rig.owner, request=1, messages=1, lease_ms=60_000)
        rig.store.run(mark)
        rig.due(lane)
        await rig.sweep()
        await rig.sweep()
    assert times == 4
    assert State.QUEUED not in rig.counts(lane)
    outcome = rig.message(lane, 0).outcome
    assert outcome is not None
    assert (outcome.attempts, outcome.code) == (3, LocalReason.KILLS_WORKERS)
