"""Messages without a trustworthy answer: in doubt for long, sent again a few times, then unknown."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chatapps.answers import NoAnswer, Refused
from chatapps.client import ChatAppsClient, open_client
from store.calls import command
from store.dead import Word, settle_dead
from store.flights import claim_batch, mark_posting
from store.keys import lane_keys
from store.outcomes import LocalReason
from store.states import State
from store.waiting import now_ms
from tests.integration.chatapps.test_client_and_bad_servers import server_of
from tests.integration.worker.rig import Rig, account

LANE = "n-a1b2c3-u681231"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "


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
    key = lane_keys(lane).parked
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
    lane = rig.notifications(LANE, ["Your code is 402 918"], on_unknown="resend")
    waits = []
    async with provider_that_says(rig, answer) as took:
        while State.QUEUED in rig.counts(lane):
            await rig.deliver(lane)
            waits.append(seconds_left(rig, lane))
            await rig.sweep()
            if waits[-1] > 0:
                assert rig.counts(lane) == {State.PARKED: 1}  # it is not sent again before
            rig.due(lane)
            await rig.sweep()
    assert took == [f"{lane}.0.{attempt}" for attempt in (1, 2, 3)]
    assert rig.counts(lane) == {State.UNKNOWN: 1}
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
    assert rig.counts(lane) == {State.UNKNOWN: 2}


async def test_server_errors_do_not_use_up_the_resends_of_doubt(rig: Rig) -> None:
    rig.resend_at_once()
    lane = rig.campaign(2, on_unknown="resend")
    rig.provider.steps = [*[Refused(503)] * 4, NoAnswer("reset"), NoAnswer("reset")]
    for _ in range(5):
        await rig.deliver(lane)
        rig.due(lane)
        await rig.sweep()
    assert [post.attempts for post in rig.provider.posts] == [{n} for n in range(1, 8)]
    assert rig.counts(lane) == {State.ACCEPTED: 2}


async def test_without_resends_doubt_is_unknown_though_the_lane_resends(rig: Rig) -> None:
    rig.configure(policies={"max_resends": 0})
    lane = rig.campaign(1, on_unknown="resend")
    rig.provider.otherwise = NoAnswer("reset")
    await rig.deliver(lane)
    await rig.sweep()
    assert len(rig.provider.posts) == 1
    assert rig.counts(lane) == {State.UNKNOWN: 1}


async def test_jobs_that_are_claimed_apart_keep_how_often_they_were_resent(rig: Rig) -> None:
    rig.resend_at_once()
    rig.configure(policies={"max_resends": 1})
    lane = rig.campaign(3, on_unknown="resend")
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
    assert rig.counts(lane) == {State.UNKNOWN: 3}
    assert sorted(id_ for post in rig.provider.posts for id_ in post.ids) == [
        f"{lane}.{index}.{attempt}" for index in range(3) for attempt in (1, 2)
    ]


async def test_what_an_operator_sends_again_is_sent_once_more_and_not_by_itself(rig: Rig) -> None:
    rig.resend_at_once()
    rig.configure(policies={"max_resends": 1})
    lane = rig.campaign(1, on_unknown="resend")
    rig.provider.otherwise = NoAnswer("reset")
    for sent in (2, 3, 4):
        while State.QUEUED in rig.counts(lane):
            await rig.deliver(lane)
            await rig.sweep()
        assert len(rig.provider.posts) == sent
        assert rig.counts(lane) == {State.UNKNOWN: 1}
        settle_dead(rig.store, rig.lane(lane), Word.RESEND, (State.UNKNOWN,))


async def test_workers_that_die_after_the_mark_resend_a_message_no_more_often(rig: Rig) -> None:
    rig.resend_at_once()
    lane = rig.campaign(1, on_unknown="resend")
    for times in range(1, 5):
        flight = await rig.claim(lane, batch=f"b{times:011d}")
        if not flight.jobs:
            break
        mark = mark_posting(
            lane, flight.batch, owner=rig.owner, request=1, messages=1, lease_ms=60_000
        )
        rig.store.run(mark)
        rig.due(lane)
        await rig.sweep()
        await rig.sweep()
    assert times == 4
    assert State.QUEUED not in rig.counts(lane)
    outcome = rig.message(lane, 0).outcome
    assert outcome is not None
    assert (outcome.attempts, outcome.code) == (3, LocalReason.KILLS_WORKERS)
