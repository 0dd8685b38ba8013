"""Receipts from the inbox: status updates that stops a resend, whatever the job is doing."""

import asyncio
import json
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chatapps.responses import NoAnswer, Refused, Result
from store.errors import StoreUnavailable
from store.keys import ASIDE
from store.limits.breakers import open_breaker, read_breakers
from store.limits.tier import UNLIMITED, read_tiers
from store.people.suppressions import read_suppression, release
from store.purposes import Pricing
from store.queue.settlement import mark_posting
from store.receipts.inbox import (
    Entry,
    add_to_inbox,
    inbox_length,
    read_inbox_figures,
    take_inbox,
)
from store.reports.lane_report import outcomes
from store.reports.waiting import now_ms
from store.states import State
from store.templates import read_quality
from tests.integration.worker.rig import Post, Rig, account, refuses
from worker.delivery import eligibility
from worker.receipts import inbox
from worker.receipts.inbox import apply_inbox

BATCH = "abcdef012345"


def receipt(message_id: str | None, state: str, detail: str | None = None, **more: Any) -> bytes:
    """A delivery receipt, as the provider posts it; for the person of that message of a campaign."""
    index = int(message_id.split(".")[1]) if message_id and message_id.count(".") == 2 else 1
    payload = {
        "umid": "5c1a7a4c-0000-4000-8000-000000000001",
        "subAccountId": "shop",
        "channel": "whatsapp",
        "user": {"msisdn": f"+{447700900000 + index % 1000}"},
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


async def test_each_event_of_a_list_is_applied(rig: Rig) -> None:
    lane = rig.campaign(3)
    await rig.deliver(lane)
    events = [receipt(f"{lane}.{index}.1", "read") for index in range(3)]
    post(rig, b" [" + b",\n".join([*events, b'"no event"', b"null"]) + b"]", b"[[]]", b"[")
    assert await apply_inbox(rig.tools) == 3
    assert rig.counts(lane) == {State.READ: 3}
    found = rig.store.run(read_inbox_figures())
    assert (found.applied, found.unreadable, found.waiting) == (3, 4, 0)


async def test_what_several_receiving_processes_were_posted_is_applied(rig: Rig) -> None:
    lane = rig.campaign(3)
    await rig.deliver(lane)
    for index in range(3):
        number = rig.store.run(take_inbox())
        rig.store.run(add_to_inbox(receipt(f"{lane}.{index}.1", "read"), number=number))
    rig.store.run(add_to_inbox(b"no JSON", number=2))
    assert rig.store.run(inbox_length()) == 4
    assert await apply_inbox(rig.tools) == 4
    assert rig.counts(lane) == {State.READ: 3}
    found = rig.store.run(read_inbox_figures())
    assert (found.applied, found.unreadable, found.waiting) == (3, 1, 0)


async def test_a_receipt_resolves_what_a_lost_worker_left_in_doubt(rig: Rig) -> None:
    """The worker dies after the provider took the batch; the lane would send all of it again."""
    lane = rig.campaign(3, on_unconfirmed="resend")
    batch = await rig.claim(lane)
    rig.store.run(mark_posting(lane, batch.id, owner=rig.owner, request=1, messages=3, lease_ms=1))
    rig.due(lane)
    post(rig, receipt(f"{lane}.1.1", "sent"))
    await rig.sweep()
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.QUEUED: 2, State.FORWARDED: 1}
    await rig.deliver(lane)
    await rig.deliver(lane)
    assert [post.ids for post in rig.provider.posts] == [[f"{lane}.0.2"], [f"{lane}.2.2"]]
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.FORWARDED: 1}


async def test_a_receipt_stops_the_resend_of_a_job_that_is_queued_again(rig: Rig) -> None:
    rig.resend_at_once()
    lane = rig.campaign(2, on_unconfirmed="resend")
    rig.provider.steps = [NoAnswer("reset")]
    await rig.deliver(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.QUEUED: 2}
    post(rig, receipt(f"{lane}.0.1", "delivered", "delivered_to_recipient"))
    await apply_inbox(rig.tools)
    batch = await rig.claim(lane)
    batch = replace(batch, early_updates=1)
    await rig.delivery().deliver(batch)
    assert rig.provider.posts[1].ids == [f"{lane}.1.2"]
    assert rig.counts(lane) == {State.DELIVERED: 1, State.ACCEPTED: 1}


async def test_a_receipt_before_the_answer_is_kept(rig: Rig) -> None:
    lane = rig.campaign(2)
    batch = await rig.claim(lane)
    post(rig, receipt(f"{lane}.0.1", "delivered", "delivered_to_recipient"))
    await apply_inbox(rig.tools)
    assert rig.counts(lane) == {State.IN_FLIGHT: 2}
    await rig.delivery().deliver(batch)
    assert rig.counts(lane) == {State.DELIVERED: 1, State.ACCEPTED: 1}


async def test_a_receipt_makes_an_unknown_message_known(rig: Rig) -> None:
    lane = rig.campaign(1)
    rig.provider.steps = [NoAnswer("reset")]
    await rig.deliver(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.UNCONFIRMED: 1}
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


def reply(text: str, at: str) -> bytes:
    """A reply as the provider posts it."""
    payload = {
        "umid": "5c1a7a4c-0000-4000-9000-000000000001",
        "subAccountId": "shop",
        "timestamp": at,
        "user": {"msisdn": "+447700900001"},
        "recipient": {"channel": "whatsapp", "channelId": "channel-1"},
        "type": "Text",
        "content": {"text": text},
    }
    return json.dumps(
        {"eventType": "inbound_message_received", "version": 3, "payload": payload}
    ).encode()


def ago(rig: Rig, seconds: int) -> str:
    """A moment before now, by Redis' clock, as the provider writes it."""
    then = rig.store.run(now_ms()) // 1000 - seconds
    return datetime.fromtimestamp(then, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(
    kind: str, account: str = "DemoAccount", at: str = "2026-01-05T10:00:00Z", **details: Any
) -> bytes:
    """A business event, as the provider posts it."""
    return json.dumps(
        {
            "eventId": f"{kind}-{at}",
            "timestamp": at,
            "accountId": account,
            "eventType": kind,
            "eventDetails": details,
        }
    ).encode()


def template_event(status: str, at: str, account: str = "DemoAccount") -> bytes:
    return event(
        "template_status_update",
        account,
        at,
        templateName="sale",
        templateLanguage="en",
        meta={"status": status},
    )


def only_shop(rig: Rig) -> None:
    """One sub-account, so that a name of an account is its account's."""
    accounts = {"shop": rig.settings.sub_accounts["shop"]}
    rig.settings = rig.settings.model_copy(update={"sub_accounts": accounts})


def open_scopes(rig: Rig) -> list[str]:
    return [breaker.scope for breaker in rig.store.run(read_breakers("shop"))]


async def test_a_template_that_is_paused_is_held_up_until_it_is_approved(rig: Rig) -> None:
    only_shop(rig)
    post(rig, template_event("PAUSED", "2026-01-05T10:00:00Z"))
    await apply_inbox(rig.tools)
    assert open_scopes(rig) == ["template:sale:en"]
    post(rig, template_event("APPROVED", "2026-01-05T11:00:00Z"))
    await apply_inbox(rig.tools)
    assert open_scopes(rig) == []
    post(rig, template_event("PAUSED", "2026-01-05T10:00:00Z"))  # told again, and late
    await apply_inbox(rig.tools)
    assert open_scopes(rig) == []
    assert rig.store.run(read_inbox_figures()).events == 3


async def test_the_quality_of_a_template_is_kept(rig: Rig) -> None:
    only_shop(rig)
    assert rig.store.run(read_quality("shop", "sale:en")) == ""
    named = {"templateName": "sale", "templateLanguage": "en"}
    post(rig, event("template_quality_update", meta={"newQualityScore": "GREEN"}, **named))
    await apply_inbox(rig.tools)
    assert rig.store.run(read_quality("shop", "sale:en")) == "GREEN"


async def test_a_tier_that_is_told_is_that_of_the_portfolio_if_one_is_configured(rig: Rig) -> None:
    only_shop(rig)

    def told(tier: str, at: str) -> bytes:
        meta = {"event": "UPGRADE", "maxDailyConversationsPerBusiness": tier}
        return event("phone_number_quality_update", at=at, meta=meta)

    post(rig, told("TIER_10K", "2026-01-05T10:00:00Z"))
    await apply_inbox(rig.tools)
    assert rig.store.run(read_tiers()).revision == 0
    rig.configure(sub_accounts={"shop": account(tier=2000, portfolio="Group")})
    for tier, at, people in (
        ("TIER_10K", "2026-01-05T10:00:00Z", 10_000),
        ("TIER_2K", "2026-01-04T10:00:00Z", 10_000),  # told late
        ("TIER_NOT_SET", "2026-01-06T10:00:00Z", 10_000),
        ("TIER_UNLIMITED", "2026-01-07T10:00:00Z", UNLIMITED),
    ):
        post(rig, told(tier, at))
        await apply_inbox(rig.tools)
        assert rig.store.run(read_tiers()).of("Group", 2000) == people


async def test_what_an_operator_opened_is_not_closed_by_an_approval(rig: Rig) -> None:
    only_shop(rig)
    rig.store.run(open_breaker("shop", "template:sale:en", "broken", by="operator"))
    post(rig, template_event("APPROVED", "2026-01-05T11:00:00Z"))
    await apply_inbox(rig.tools)
    assert open_scopes(rig) == ["template:sale:en"]


async def test_a_restricted_account_is_held_up_and_a_reinstated_one_goes_on(rig: Rig) -> None:
    only_shop(rig)
    restriction = [{"restrictionType": "RESTRICTED_BIZ_INITIATED_MESSAGING"}]
    post(rig, event("account_update", event="ACCOUNT_RESTRICTION", restrictionInfo=restriction))
    await apply_inbox(rig.tools)
    (breaker,) = rig.store.run(read_breakers("shop"))
    assert (breaker.scope, breaker.by, breaker.probe_at) == ("account", "provider", 0)
    later = "2026-01-06T10:00:00Z"
    post(rig, event("account_update", at=later, event="ACCOUNT_REINSTATED"))
    await apply_inbox(rig.tools)
    assert open_scopes(rig) == []


async def test_an_event_about_somebody_elses_account_moves_nothing(rig: Rig) -> None:
    post(rig, template_event("PAUSED", "2026-01-05T10:00:00Z", account="Somebody"))
    await apply_inbox(rig.tools)
    assert open_scopes(rig) == []
    assert rig.store.run(read_inbox_figures()).unmatched == {"account": 1}
    assert rig.store.client.xlen(ASIDE) == 1


# Receipts that name a batch and no message


async def lost(rig: Rig, n: int = 3, **policies: Any) -> tuple[str, str]:
    """A lane whose only batch was posted by a worker that died; and that batch."""
    lane = rig.campaign(n, **policies)
    batch = await rig.claim(lane, batch="abcdef012345")
    rig.store.run(mark_posting(lane, batch.id, owner=rig.owner, request=1, messages=n, lease_ms=1))
    return lane, batch.id


async def test_a_receipt_that_names_the_batch_alone_keeps_it_from_going_out_again(rig: Rig) -> None:
    lane, batch = await lost(rig, on_unconfirmed="resend")
    post(
        rig, receipt(None, "sent", clientBatchId=f"{lane}.{batch}", user={"msisdn": "+12025550100"})
    )
    await apply_inbox(rig.tools)
    for _ in range(2):
        rig.due(lane)
        await rig.sweep()
    assert rig.counts(lane) == {State.UNCONFIRMED: 3}
    assert rig.provider.posts == []
    assert rig.store.run(read_inbox_figures()).unmatched == {"batch_held": 1}


async def test_in_time_for_what_is_in_doubt_already_too(rig: Rig) -> None:
    lane = rig.campaign(2, on_unconfirmed="resend", settle_after=60)
    rig.provider.steps = [NoAnswer("reset")]
    batch = await rig.claim(lane, batch="abcdef012345")
    await rig.delivery().deliver(batch)
    assert rig.counts(lane) == {State.IN_DOUBT: 2}
    post(rig, receipt(None, "sent", clientBatchId=f"{lane}.{batch.id}", user={}))
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.UNCONFIRMED: 2}


async def test_the_person_tells_which_message_of_the_batch_it_is(rig: Rig) -> None:
    """As good as its id: that message is confirmed, and the others go out again by the policy."""
    lane, batch = await lost(rig, on_unconfirmed="resend")
    post(rig, receipt(None, "sent", clientBatchId=f"{lane}.{batch}"))  # user: 447700900001
    await apply_inbox(rig.tools)
    for _ in range(2):
        rig.due(lane)
        await rig.sweep()
    assert rig.counts(lane) == {State.FORWARDED: 1, State.QUEUED: 2}
    assert rig.message(lane, 1).outcome.state is State.FORWARDED  # type: ignore[union-attr]
    assert rig.store.run(read_inbox_figures()).applied == 1


async def test_many_receipts_of_one_batch_are_looked_up_together(rig: Rig) -> None:
    lane, batch = await lost(rig, 200, on_unconfirmed="resend")
    people = [f"+4477009{i:05d}" for i in range(200)]
    named = f"{lane}.{batch}"
    post(
        rig, *(receipt(None, "sent", clientBatchId=named, user={"msisdn": p}) for p in people[:150])
    )
    strangers = [{"msisdn": f"+120255501{i:02d}"} for i in range(50)]
    post(rig, *(receipt(None, "sent", clientBatchId=named, user=user) for user in strangers))
    rig.watched.ran.clear()
    await apply_inbox(rig.tools)
    assert len(rig.watched.ran) < 20
    assert rig.watched.ran.count("hold_batch") == 1
    found = rig.store.run(read_inbox_figures())
    assert (found.applied, found.unmatched) == (150, {"batch_held": 50})


STRANGER = {"msisdn": "+12025550100"}


def names_the_batch(lane: str, batch: str, **more: Any) -> bytes:
    """A receipt that names a batch and none of its messages."""
    return receipt(None, "delivered", clientBatchId=f"{lane}.{batch}", **more)


async def test_what_waits_to_be_retried_is_found_by_the_person(rig: Rig) -> None:
    lane = rig.campaign(3)
    rig.provider.steps = [Refused(503)] * 3
    await rig.delivery().deliver(await rig.claim(lane, batch=BATCH))
    assert rig.counts(lane) == {State.DELAYED: 3}
    post(rig, names_the_batch(lane, BATCH))  # about 447700900001
    await apply_inbox(rig.tools)
    rig.due(lane)
    await rig.sweep()
    await rig.deliver(lane)
    assert rig.provider.posts[-1].indexes == [0, 2]
    assert sum(rig.counts(lane).values()) == 3


async def test_what_waits_to_be_retried_is_held_where_nobody_can_tell(rig: Rig) -> None:
    lane = rig.campaign(3)
    rig.provider.steps = [Refused(503)] * 3
    await rig.delivery().deliver(await rig.claim(lane, batch=BATCH))
    posted = len(rig.provider.posts)
    post(rig, names_the_batch(lane, BATCH, user=STRANGER))
    await rig.sweep()
    await rig.sweep()
    assert rig.counts(lane) == {State.UNCONFIRMED: 3}
    assert attempts(rig, lane) == [3, 3, 3]
    assert len(rig.provider.posts) == posted
    assert rig.store.run(read_inbox_figures()).unmatched == {"batch_held": 1}


def attempts(rig: Rig, lane: str) -> list[int]:
    return [one.attempts for one in outcomes(rig.store, lane)]


def told_meanwhile(rig: Rig, *bodies: bytes) -> Any:
    """The provider takes a request, tells about it, and fails to answer."""

    async def step(_: object) -> Result:
        post(rig, *bodies)
        await apply_inbox(rig.tools)
        return Refused(503)

    return step


async def test_proof_of_acceptance_stops_a_quick_retry(rig: Rig) -> None:
    lane = rig.campaign(3)
    news = [receipt(f"{lane}.{index}.1", "sent") for index in (0, 2)]
    rig.provider.steps = [told_meanwhile(rig, *news)]
    await rig.deliver(lane)
    assert [post.indexes for post in rig.provider.posts] == [[0, 1, 2], [1]]
    assert rig.counts(lane) == {State.FORWARDED: 2, State.ACCEPTED: 1}
    assert attempts(rig, lane) == [1, 2, 1]


async def test_a_receipt_of_the_batch_stops_a_quick_retry(rig: Rig) -> None:
    lane = rig.campaign(3)
    rig.provider.steps = [told_meanwhile(rig, names_the_batch(lane, BATCH, user=STRANGER))]
    await rig.delivery().deliver(await rig.claim(lane, batch=BATCH))
    assert len(rig.provider.posts) == 1
    assert rig.counts(lane) == {State.UNCONFIRMED: 3}
    assert attempts(rig, lane) == [1, 1, 1]


async def test_a_receipt_of_the_batch_stops_the_retry_of_some_of_it(rig: Rig) -> None:
    lane = rig.campaign(3)

    async def step(batch: Post) -> Result:
        post(rig, names_the_batch(lane, BATCH, user=STRANGER))
        await apply_inbox(rig.tools)
        return refuses({1: 2000})(batch)

    rig.provider.steps = [step]
    await rig.delivery().deliver(await rig.claim(lane, batch=BATCH))
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.IN_DOUBT: 1}
    await rig.sweep()
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.UNCONFIRMED: 1}
    assert rig.lane(lane).status.ended


async def test_an_in_doubt_batch_that_is_held_just_before_it_is_resolved_stays_held(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = rig.campaign(3, on_unconfirmed="resend")
    rig.provider.steps = [NoAnswer("reset")]
    await rig.delivery().deliver(await rig.claim(lane, batch=BATCH))
    look = eligibility.confirmed_jobs

    async def slow(*args: Any) -> set[int]:
        found = await look(*args)
        post(rig, names_the_batch(lane, BATCH, user=STRANGER))
        await apply_inbox(rig.tools)
        return found

    monkeypatch.setattr("worker.maintenance.in_doubt.confirmed_jobs", slow)
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.UNCONFIRMED: 3}


async def test_a_batch_that_is_settled_is_only_counted(rig: Rig) -> None:
    lane = rig.campaign(2)
    batch = await rig.claim(lane, batch="abcdef012345")
    await rig.delivery().deliver(batch)
    post(rig, receipt(None, "sent", clientBatchId=f"{lane}.{batch.id}"))
    post(rig, receipt(None, "sent", clientBatchId="somebody else's"))
    post(rig, receipt("an-id-of-others", "sent"), receipt(f"{lane}.0.1", "unknown"))
    await apply_inbox(rig.tools)
    assert rig.counts(lane) == {State.ACCEPTED: 2}
    assert rig.store.run(read_inbox_figures()).unmatched == {
        "batch_only": 1,
        "no_id": 1,
        "other_id": 1,
        "proves_nothing": 1,
    }


async def test_a_time_that_cannot_be_is_the_time_at_which_it_came(rig: Rig) -> None:
    """.NET's empty date; and one of a clock that is far ahead."""
    lane = rig.campaign(3)
    await rig.deliver(lane)
    for index, time in enumerate(("0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z")):
        status = {"state": "sent", "timestamp": time}
        post(rig, receipt(f"{lane}.{index}.1", "", status=status))
    post(rig, receipt(f"{lane}.2.1", "sent"))
    assert await apply_inbox(rig.tools) == 3
    assert rig.counts(lane) == {State.FORWARDED: 3}
    now = rig.store.run(now_ms()) // 1000
    assert all(now - 60 < one.changed_at <= now for one in list(outcomes(rig.store, lane))[:2])


async def test_a_fault_with_one_entry_keeps_no_other_from_being_applied(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = rig.campaign(5)
    await rig.deliver(lane)
    post(rig, *(receipt(f"{lane}.{index}.1", "sent") for index in range(5)))
    note = inbox._note_status

    def faulty(sorted_: inbox.Sorted, entry: Entry, refusals: Collection[int]) -> bool:
        if f"{lane}.2.1".encode() in entry.body:
            raise ValueError("nobody has thought of this")
        return note(sorted_, entry, refusals)

    monkeypatch.setattr(inbox, "_note_status", faulty)
    assert await apply_inbox(rig.tools) == 5
    assert rig.counts(lane) == {State.FORWARDED: 4, State.ACCEPTED: 1}
    assert rig.store.run(inbox_length()) == 0
    assert rig.store.run(read_inbox_figures()).unreadable == 1
    assert rig.store.client.xlen(ASIDE) == 1


async def test_replies_and_receipts_are_counted(rig: Rig) -> None:
    lane = rig.campaign(1)
    await rig.deliver(lane)
    post(rig, receipt(f"{lane}.0.1", "sent"), receipt(f"{lane}.7.1", "sent"), b"[")
    await apply_inbox(rig.tools)
    found = rig.store.run(read_inbox_figures())
    assert (found.applied, found.unreadable, found.waiting) == (1, 1, 0)
    assert found.unmatched == {"no_such_message": 1}


async def test_one_bad_receipt_of_an_entry_keeps_the_others(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it is a fault of ours; and what the entry is worth is counted once."""
    lane = rig.campaign(3)
    await rig.deliver(lane)
    bodies = [receipt(f"{lane}.{index}.1", "sent") for index in range(3)]
    rig.store.run(add_to_inbox(bodies[0], b"no JSON", b'{"eventType": "?"}', bodies[1], bodies[2]))
    note = inbox._note_status

    def faulty(sorted_: inbox.Sorted, entry: Entry, refusals: Collection[int]) -> bool:
        if f"{lane}.1.1".encode() in entry.body:
            raise ZeroDivisionError
        return note(sorted_, entry, refusals)

    monkeypatch.setattr(inbox, "_note_status", faulty)
    assert await apply_inbox(rig.tools) == 5
    assert rig.counts(lane) == {State.FORWARDED: 2, State.ACCEPTED: 1}
    found = rig.store.run(read_inbox_figures())
    assert (found.applied, found.unreadable, found.waiting) == (2, 2, 0)
    assert found.unmatched == {"other_event": 1}


async def test_an_entry_is_applied_in_the_order_in_which_its_bodies_came(rig: Rig) -> None:
    """The last reply counts: later bodies follow earlier ones of the same moment."""
    lane = rig.campaign(1)
    await rig.deliver(lane)
    early = {"pricingCategory": "utility"}, {"pricingCategory": "marketing"}
    told = [receipt(f"{lane}.0.1", "sent", whatsapp=one) for one in early]
    rig.store.run(add_to_inbox(*told))
    await apply_inbox(rig.tools)
    (one,) = outcomes(rig.store, lane)
    assert (one.state, one.pricing) == (State.FORWARDED, Pricing.UTILITY)


async def test_what_was_applied_and_not_acknowledged_does_no_harm_a_second_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker dies in between; meanwhile the person takes the STOP back."""
    monkeypatch.setattr("worker.receipts.inbox.IDLE_MS", 0)
    lane = rig.campaign(1)
    await rig.deliver(lane)
    post(rig, reply("Stop", "2026-01-05T10:00:00Z"), receipt(f"{lane}.0.1", "sent"))
    rig.watched.failures["acknowledge_inbox"] = [StoreUnavailable("gone")]
    with pytest.raises(StoreUnavailable):
        await apply_inbox(rig.tools)
    assert rig.store.run(read_suppression("shop", "447700900001")) is not None
    rig.store.run(release("shop", [("447700900001", None)]))
    post(rig, reply("Start", "2026-01-05T11:00:00Z"))
    await apply_inbox(rig.tools)
    assert rig.store.run(read_suppression("shop", "447700900001")) is None
    assert rig.counts(lane) == {State.FORWARDED: 1}
    found = rig.store.run(read_inbox_figures())
    assert (found.applied, found.replies, found.opt_outs, found.opt_ins) == (1, 2, 1, 1)
    assert found.waiting == 0


async def test_what_was_said_last_counts_in_whatever_order_it_is_told(rig: Rig) -> None:
    stop, start = reply("STOP", ago(rig, 20)), reply("Start", ago(rig, 10))
    for told in ((start, stop), (stop, start, stop)):
        for body in told:
            post(rig, body)
            await apply_inbox(rig.tools)
        assert rig.store.run(read_suppression("shop", "447700900001")) is None
        rig.store.client.flushall()


async def test_what_was_taken_when_the_store_went_away_is_applied_first(rig: Rig) -> None:
    """By the same process, and not only after the minute for which others leave it alone."""
    lane = rig.campaign(2)
    await rig.deliver(lane)
    post(rig, receipt(f"{lane}.0.1", "sent"))
    rig.watched.failures["apply_status_updates"] = [StoreUnavailable("away")]
    with pytest.raises(StoreUnavailable):
        await apply_inbox(rig.tools)
    post(rig, receipt(f"{lane}.1.1", "sent"))
    assert await apply_inbox(rig.tools) == 2
    assert rig.counts(lane) == {State.FORWARDED: 2}


async def test_a_round_that_is_cancelled_is_finished_first(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of a slice another process reads on, who would leave it alone for a minute."""
    lane = rig.campaign(1)
    await rig.deliver(lane)
    post(rig, receipt(f"{lane}.0.1", "sent"))
    has_begun, go_on = asyncio.Event(), asyncio.Event()
    write = inbox._write_updates

    async def slow(*args: Any) -> None:
        has_begun.set()
        await go_on.wait()
        await write(*args)

    monkeypatch.setattr(inbox, "_write_updates", slow)
    applying = asyncio.create_task(apply_inbox(rig.tools))
    await has_begun.wait()
    applying.cancel()
    await asyncio.sleep(0)
    applying.cancel()  # as the dispatcher does, again and again
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await applying
    assert rig.counts(lane) == {State.FORWARDED: 1}
    assert rig.store.run(inbox_length()) == 0


@pytest.mark.parametrize(("code", "suppressed"), [(2007, True), (1051, True), (1018, False)])
async def test_a_receipt_may_tell_that_a_person_wants_no_more(
    rig: Rig, code: int, suppressed: bool
) -> None:
    lane = rig.campaign(1)
    await rig.deliver(lane)
    status = {"state": "undelivered", "timestamp": "2026-01-05T10:00:00Z", "errorCode": code}
    post(rig, receipt(f"{lane}.0.1", "", status=status))
    await apply_inbox(rig.tools)
    found = rig.store.run(read_suppression("shop", "447700900000"))
    assert (found is not None) is suppressed
    assert rig.store.run(read_inbox_figures()).opt_outs == int(suppressed)
    assert rig.counts(lane) == {State.UNDELIVERED: 1}


@pytest.mark.parametrize(
    "told",
    [
        {"subAccountId": "bank"},
        {"user": {"msisdn": "+447700900999"}},
        {"clientMessageId": "somebody-elses"},
        {"clientMessageId": None},
    ],
)
async def test_a_receipt_that_does_not_fit_its_message_suppresses_nobody(
    rig: Rig, told: dict[str, Any]
) -> None:
    lane = rig.campaign(1)
    await rig.deliver(lane)
    status = {"state": "undelivered", "timestamp": "2026-01-05T10:00:00Z", "errorCode": 1051}
    name = told.pop("clientMessageId", f"{lane}.0.1")
    post(rig, receipt(name, "", status=status, umid="5c1a7a4c-0000-4000-8000-00000000ffff", **told))
    await apply_inbox(rig.tools)
    assert rig.counts(lane) == {State.ACCEPTED: 1}
    assert not list(rig.store.client.scan_iter("sm:{people}*"))
    found = rig.store.run(read_inbox_figures())
    assert (found.applied, found.opt_outs, sum(found.unmatched.values())) == (0, 0, 1)


async def test_a_receipt_that_names_nothing_but_its_umid_is_matched_by_it(rig: Rig) -> None:
    """As samples of the provider do, of messages that were sent alone."""
    lanes = [rig.campaign(2, name) for name in ("Spring", "Summer")]
    for lane in lanes:
        await rig.deliver(lane)
    umid = {one.index: one.umid for one in outcomes(rig.store, lanes[0])}[1]
    post(rig, receipt(None, "delivered", "delivered_to_recipient", umid=umid))
    post(rig, receipt(None, "sent", umid="5c1a7a4c-0000-4000-8000-00000000ffff"))
    await apply_inbox(rig.tools)
    assert rig.counts(lanes[0]) == {State.ACCEPTED: 1, State.DELIVERED: 1}
    assert rig.counts(lanes[1]) == {State.ACCEPTED: 2}
    found = rig.store.run(read_inbox_figures())
    assert (found.applied, found.matched, found.unmatched) == (1, 1, {"no_id": 1})
