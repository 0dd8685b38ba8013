"""Receipts from the inbox: evidence that stops a resend, whatever the job is doing."""

import json
from typing import Any

from chatapps.answers import NoAnswer
from store.flights import mark_posting
from store.inbox import add_to_inbox, inbox_length
from store.keys import ASIDE
from store.states import State
from tests.integration.worker.rig import Rig
from worker.inbox import apply_inbox


def receipt(message_id: str | None, state: str, detail: str | None = None, **more: Any) -> bytes:
    """A delivery receipt, as the provider posts it."""
    payload = {
        "umid": "5c1a7a4c-0000-4000-8000-000000000001",
        "subAccountId": "shop",
        "channel": "whatsapp",
        "user": {"msisdn": "+447700900001"},
        "status": {"state": state, "detail": detail, "timestamp": "2027-03-01T09:05:00.01Z"},
        "clientMessageId": message_id,
        **more,
    }
    kept = {name: value for name, value in payload.items() if value is not None}
    kept["status"] = {name: value for name, value in kept["status"].items() if value is not None}
    return json.dumps(
        {
            "namespace": "ChatApps",
            "eventType": "outbound_message_status_changed",
            "version": 9,
            "payload": kept,
        }
    ).encode()


def post(rig: Rig, *bodies: bytes) -> None:
    """The provider posts, and the receiver stores."""
    for body in bodies:
        rig.store.run(add_to_inbox(body))


async def test_receipts_move_messages_forward_in_any_order(rig: Rig) -> None:
    lane = rig.campaign(3)
    await rig.deliver(lane)
    post(
        rig,
        receipt(f"{lane}.0.1", "read"),
        receipt(f"{lane}.0.1", "sent"),
        receipt(f"{lane}.1.1", "delivered", "delivered_to_recipient"),
        receipt(f"{lane}.1.1", "delivered", "delivered_to_recipient"),
    )
    assert await apply_inbox(rig.tools) == 4
    assert rig.counts(lane) == {State.READ: 1, State.DELIVERED: 1, State.ACCEPTED: 1}
    assert rig.store.run(inbox_length()) == 0


async def test_a_receipt_resolves_what_a_lost_worker_left_in_doubt(rig: Rig) -> None:
    """The worker dies after the provider took the batch; the lane would send all of it again."""
    lane = rig.campaign(3, on_unknown="resend")
    flight = await rig.claim(lane)
    rig.store.run(
        mark_posting(lane, flight.batch, owner=rig.owner, request=1, messages=3, lease_ms=1)
    )
    rig.due(lane)
    post(rig, receipt(f"{lane}.1.1", "sent"))
    await rig.sweep()
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.QUEUED: 2, State.SENT: 1}
    await rig.deliver(lane)
    assert rig.provider.posts[0].ids == [f"{lane}.0.2", f"{lane}.2.2"]
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.SENT: 1}


async def test_a_receipt_stops_the_resend_of_a_job_that_is_queued_again(rig: Rig) -> None:
    lane = rig.campaign(2, on_unknown="resend")
    rig.provider.steps = [NoAnswer("reset")]
    await rig.deliver(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.QUEUED: 2}
    post(rig, receipt(f"{lane}.0.1", "delivered", "delivered_to_recipient"))
    await apply_inbox(rig.tools)
    flight = await rig.claim(lane)
    flight.early_news = 1
    await rig.delivery().deliver(flight)
    assert rig.provider.posts[1].ids == [f"{lane}.1.2"]
    assert rig.counts(lane) == {State.DELIVERED: 1, State.ACCEPTED: 1}


async def test_a_receipt_before_the_answer_is_kept(rig: Rig) -> None:
    lane = rig.campaign(2)
    flight = await rig.claim(lane)
    post(rig, receipt(f"{lane}.0.1", "delivered", "delivered_to_recipient"))
    await apply_inbox(rig.tools)
    assert rig.counts(lane) == {State.IN_FLIGHT: 2}
    await rig.delivery().deliver(flight)
    assert rig.counts(lane) == {State.DELIVERED: 1, State.ACCEPTED: 1}


async def test_a_receipt_makes_an_unknown_message_known(rig: Rig) -> None:
    lane = rig.campaign(1)
    rig.provider.steps = [NoAnswer("reset")]
    await rig.deliver(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.UNKNOWN: 1}
    post(rig, receipt(f"{lane}.0.1", "undelivered", "undelivered_to_recipient"))
    await apply_inbox(rig.tools)
    assert rig.counts(lane) == {State.UNDELIVERED: 1}


async def test_what_names_no_message_of_ours_is_kept_aside(rig: Rig) -> None:
    lane = rig.campaign(1)
    await rig.deliver(lane)
    post(
        rig,
        receipt(None, "read"),
        receipt("somebody-else-1", "read"),
        receipt(f"{lane}.99.1", "read"),
        b"not even JSON",
    )
    assert await apply_inbox(rig.tools) == 4
    assert rig.counts(lane) == {State.ACCEPTED: 1}
    assert rig.store.client.xlen(ASIDE) == 3
    assert rig.store.run(inbox_length()) == 0
