"""A reply counts for the campaign whose message reached the person last."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from store.keys import lane_keys
from store.receipts.feedback import keep_progress, read_progress
from store.receipts.inbox import add_to_inbox
from store.records.outcome import Feedback
from store.reports.waiting import now_ms
from tests.integration.worker.receipts.test_inbox import post, receipt
from tests.integration.worker.rig import Rig, refuses
from worker.receipts import feedback

DAY_MS = 86_400_000


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies count without waiting for answers, and searches do not rest."""
    monkeypatch.setattr(feedback, "SETTLED_MS", -1000)
    monkeypatch.setattr(feedback, "REST", 0)


def reply(rig: Rig, index: int, text: str = "Thank you", *, days: float = 0, **user: Any) -> None:
    """A reply of the person of that message arrives; said so many days from now."""
    said = datetime.fromtimestamp((rig.store.run(now_ms()) + days * DAY_MS) / 1000, UTC)
    payload = {
        "umid": f"5c1a7a4c-0000-4000-9000-{index:012x}",
        "subAccountId": "shop",
        "timestamp": said.isoformat(),
        "user": user or {"msisdn": f"+{447700900000 + index}"},
        "recipient": {"channel": "whatsapp"},
        "type": "Text",
        "content": {"text": text},
    }
    body = {"version": 3, "eventType": "inbound_message_received", "payload": payload}
    rig.store.run(add_to_inbox(json.dumps({"namespace": "ChatApps", **body}).encode()))


def people(rig: Rig, lane: str) -> tuple[int, int]:
    """People who replied, and who opted out."""
    replied, opted_out = (rig.report(lane).people(one) for one in Feedback)
    return replied, opted_out


def sent_days_ago(rig: Rig, lane: str, index: int, days: float) -> None:
    """Turn back the time at which a message was posted."""
    at = rig.store.run(now_ms()) // 1000 - int(days * 86400)
    rig.store.client.setrange(lane_keys(lane).outcome(index), index * 39 + 5, at.to_bytes(4, "big"))


async def test_it_counts_once_a_person_for_the_last_campaign(rig: Rig) -> None:
    first, last = rig.campaign(3), rig.campaign(2, "Summer")
    await rig.deliver(first)
    await rig.deliver(last)
    sent_days_ago(rig, first, 1, 1)
    for text in ("Thank you", "How much is it?", "STOP"):
        reply(rig, 1, text)
    reply(rig, 2)
    await rig.sweep()
    assert (people(rig, first), people(rig, last)) == ((1, 0), (1, 1))
    reply(rig, 1, "STOP")
    await rig.sweep()
    assert (people(rig, first), people(rig, last)) == ((1, 0), (1, 1))


async def test_a_reply_before_the_message_or_long_after_it_counts_for_none(rig: Rig) -> None:
    lane = rig.campaign(3)
    await rig.deliver(lane)
    sent_days_ago(rig, lane, 0, 8)
    sent_days_ago(rig, lane, 1, 6)
    reply(rig, 0)
    reply(rig, 1)
    reply(rig, 2, days=-1)
    reply(rig, 900)
    await rig.sweep()
    assert people(rig, lane) == (1, 0)


async def test_a_message_that_did_not_reach_the_person_has_no_reply(rig: Rig) -> None:
    rig.provider.otherwise = refuses({0: 1002})
    lane = rig.campaign(2)
    await rig.deliver(lane)
    reply(rig, 0)
    await rig.sweep()
    assert people(rig, lane) == (0, 0)


async def test_a_person_without_a_number_is_found_by_the_channels_id(rig: Rig) -> None:
    lines = [b"447700900000\tAnn", b"GB.1349120865530274\tIda"]
    lane = rig.campaign(2, lines=lines)
    await rig.deliver(lane)
    reply(rig, 1, channelUserId="GB.1349120865530274")
    await rig.sweep()
    assert people(rig, lane) == (1, 0)


async def test_a_receipt_that_the_person_has_wants_no_marketing_is_an_opt_out(rig: Rig) -> None:
    lane = rig.campaign(2)
    await rig.deliver(lane)
    status = {"state": "undelivered", "detail": "undelivered_to_recipient", "errorCode": 1051}
    for _ in range(2):
        post(rig, receipt(f"{lane}.1.1", "undelivered", status=status))
    await rig.sweep()
    assert people(rig, lane) == (0, 1)


async def test_young_replies_wait_for_the_answers_to_their_messages(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = rig.campaign(1)
    batch = await rig.claim(lane)
    reply(rig, 0)
    monkeypatch.setattr(feedback, "SETTLED_MS", 60_000)
    await rig.sweep()
    await rig.delivery().deliver(batch)
    assert rig.store.run(read_progress()).last == "0"
    monkeypatch.setattr(feedback, "SETTLED_MS", -1000)
    await rig.sweep()
    assert people(rig, lane) == (1, 0)


async def test_after_a_search_it_rests(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feedback, "REST", 10**9)
    lane = rig.campaign(2)
    await rig.deliver(lane)
    reply(rig, 0)
    await rig.sweep()
    reply(rig, 1)
    await rig.sweep()
    assert people(rig, lane) == (1, 0)


async def test_a_lane_that_cannot_be_read_does_not_end_the_sweep_of_others(rig: Rig) -> None:
    lane, broken = rig.campaign(3), rig.campaign(1, "Summer")
    await rig.deliver(lane)
    await rig.deliver(broken)
    ids = f"{lane_keys(broken).ids}0"
    rig.store.client.lpush(ids, "of another program")
    reply(rig, 1)
    assert await rig.sweep() is not None
    progress = rig.store.run(read_progress())
    assert progress.last == "0"
    assert progress.rests_until > rig.store.run(now_ms())
    rig.store.client.delete(ids)
    rig.store.run(keep_progress(progress._replace(rests_until=0)))
    await rig.sweep()
    assert people(rig, lane) == (1, 0)


async def test_many_people_of_a_campaign_are_counted_by_short_scripts(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feedback, "AT_ONCE", 2)
    lane = rig.campaign(5)
    await rig.deliver(lane)
    for index in range(5):
        reply(rig, index)
    await rig.sweep()
    assert people(rig, lane) == (5, 0)
    assert rig.watched.ran.count("count_feedback") == 3
