"""The sandbox's posts about a message: complete, distorted, and their form on the wire."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chatapps.sandbox.phone_number import Fate
from chatapps.sandbox.webhooks.receipt_bodies import body, bsuid
from chatapps.sandbox.webhooks.receipts import (
    FAILURES,
    ON_HANDSET,
    READ,
    SENT,
    WITH_OPERATOR,
    Post,
    ReceiptMode,
    Sent,
    Status,
    Style,
    Taken,
    after_number,
    messages_of,
    plan,
)
from chatapps.sandbox.wire import Channel, Message, MessageAnswer, User
from chatapps.sandbox.wire import Status as Queued
from chatapps.webhooks import Person, Rank, Receipt, Reply, read_webhook
from chatapps.webhooks.fast_receipts import read_fast

AT = 1_800_000_000.0
PEOPLE = 4000
PLAIN, WILD = Style("plain", seed=3), Style("wild", seed=3)


def message(n: int, *channels: str, **changes: Any) -> Sent:
    fixed: dict[str, Any] = {
        "umid": f"5d3f0c2e-0000-4000-8000-{n:012x}",
        "sub_account_id": "sandbox",
        "user": User(msisdn=f"+4477009{n:05d}"),
        "channels": channels or ("WhatsApp",),
        "content_type": "template",
        "at": AT,
        "client_message_id": f"spring.{n}.1",
        "batch_id": "b9a4d1c7-0000-4000-8000-000000000001",
        "client_batch_id": "spring.00c0ffee1234",
    }
    return Sent(**(fixed | changes))


def plans(style: Style, *channels: str) -> Iterator[tuple[Sent, list[Post]]]:
    for n in range(PEOPLE):
        sent = message(n, *channels)
        yield sent, plan(sent, style)


def receipts(posts: list[Post]) -> list[Status]:
    return [post.told for post in posts if isinstance(post.told, Status)]


def test_a_plain_story_is_told_whole_and_in_order() -> None:
    stories = Counter(tuple(receipts(posts)) for _, posts in plans(PLAIN))
    good = (SENT, WITH_OPERATOR, ON_HANDSET)
    bad = {(SENT, failure) for failure in FAILURES}
    assert set(stories) == {good, (*good, READ), (SENT, WITH_OPERATOR)} | bad
    assert 0.04 < sum(stories[story] for story in bad) / PEOPLE < 0.08
    assert 0.5 < stories[*good, READ] / PEOPLE < 0.6
    assert 0.015 < stories[SENT, WITH_OPERATOR] / PEOPLE < 0.045


@pytest.mark.parametrize("style", [PLAIN, WILD])
def test_what_is_posted_later_is_planned_for_later(style: Style) -> None:
    for _, posts in plans(style):
        assert [post.after for post in posts] == sorted(post.after for post in posts)
        assert all(post.observed > 0 for post in posts)


@pytest.mark.parametrize("mode", ["plain", "wild"])
def test_the_same_seed_tells_the_same(mode: ReceiptMode) -> None:
    one, again, other = Style(mode, seed=7), Style(mode, seed=7), Style(mode, seed=8)
    assert [p for _, p in plans(one)] == [p for _, p in plans(again)]
    assert [p for _, p in plans(one)] != [p for _, p in plans(other)]


def test_the_number_delays_what_it_takes_and_refuses_the_rest() -> None:
    posts = plan(message(1), PLAIN)
    late = after_number(posts, Fate(2, 9))
    assert late[0].after == pytest.approx(posts[0].after + 9)
    (refusal,) = after_number(posts, Fate(0, 4, 1009))
    assert (refusal.after, receipts([refusal])[0].code) == (4, 1009)


def test_a_message_that_is_sent_again_has_the_fate_of_its_id_whatever_its_umid() -> None:
    again = message(5, umid="00000000-0000-4000-8000-000000000000")
    assert plan(message(5), WILD) == plan(again, WILD)


def test_messages_without_an_id_do_not_share_their_fate() -> None:
    statuses = {tuple(plan(message(n, client_message_id=None), PLAIN)) for n in range(20)}
    assert len(statuses) == 20


def test_where_one_channel_fails_the_next_one_is_tried() -> None:
    failed, second = 0, 0
    for _, posts in plans(PLAIN, "WhatsApp", "SMS"):
        channels = [post.channel for post in posts]
        failed += posts[1].told in FAILURES
        second += "SMS" in channels
        if "SMS" in channels:
            assert posts[channels.index("SMS")].told == SENT
            assert channels == sorted(channels, reverse=True)
    assert failed == second > 0


def test_some_write_back_and_only_those_who_got_it() -> None:
    wrote = 0
    for _, posts in plans(Style("plain", seed=3, reply_share=0.5)):
        if isinstance(posts[-1].told, str):
            wrote += 1
            assert posts[-1].kind == "MSG"
            assert isinstance(posts[-2].told, Status)
            assert posts[-2].told.by_handset
    assert 0.4 < wrote / PEOPLE < 0.5


def test_a_wild_story_is_disturbed_in_every_way() -> None:
    seen: Counter[str] = Counter()
    for (_, calm), (_, wild) in zip(plans(PLAIN), plans(WILD), strict=True):
        genuine = [post for post in wild if not post.forged]
        told = [post.told for post in genuine]
        seen["forged"] += len(wild) - len(genuine)
        seen["dropped"] += len({post.told for post in calm} - set(told))
        seen["doubled"] += len(told) - len(set(told))
        seen["late"] += sum(post.after > post.observed + 5 for post in genuine)
        seen["reordered"] += [p.observed for p in genuine] != sorted(p.observed for p in genuine)
        seen["without ids"] += sum(not post.with_ids for post in genuine)
        seen["without batch"] += sum(not post.with_batch_id for post in genuine)
        seen["without number"] += sum(not post.with_number for post in genuine)
    assert min(seen.values()) > 40, seen
    assert 0.35 < seen["without batch"] / seen["without ids"] < 0.65


def test_plain_stories_are_not_disturbed() -> None:
    for _, posts in plans(PLAIN):
        assert len({post.told for post in posts}) == len(posts)
        for post in posts:
            assert post.after == post.observed
            assert post.with_ids
            assert post.with_batch_id
            assert post.with_number
            assert not post.forged


def test_a_forged_receipt_says_what_is_not_true() -> None:
    for _, posts in plans(WILD):
        true = {post.told for post in posts if not post.forged}
        lies = {post.told for post in posts if post.forged}
        assert not (lies & {FAILURES[1]} and true & {FAILURES[1]})


@pytest.mark.parametrize("version", [8, 9])
@pytest.mark.parametrize("mode", ["plain", "wild"])
def test_every_receipt_is_read_the_short_way_and_says_what_was_planned(
    version: Any, mode: ReceiptMode
) -> None:
    style = Style(mode, version, seed=5)
    for n in range(300):
        sent = message(n)
        for post in plan(sent, style):
            event = read_fast(body(sent, post, style))
            assert isinstance(event, Receipt)
            assert isinstance(post.told, Status)
            assert event.extra == {}
            assert (event.umid, event.channel) == (sent.umid, "whatsapp")
            assert (event.state, event.detail, event.code) == post.told[:3]
            assert event.provider_code == post.told.provider_code
            assert event.timestamp == pytest.approx((AT + post.observed) * 1000, abs=1)
            assert event.client_message_id == (sent.client_message_id if post.with_ids else None)
            assert event.batch_id == (sent.batch_id if post.with_batch_id else None)


NUMBER = "+447700900417"
PERSON = User(msisdn=NUMBER)
BSUID = User(channel_user_id="GB.9021744810022")


def told(style: Style, user: User, status: Status | str, **changes: Any) -> Person:
    sent = message(1, user=user)
    channel = changes.pop("channel", "WhatsApp")
    event = read_webhook(body(sent, Post(1, 1, status, channel, **changes), style))
    assert isinstance(event, (Receipt, Reply))
    return event.person


def test_version_8_repeats_the_number_and_version_9_gives_the_real_id() -> None:
    v8, v9 = Style(version=8), Style(version=9)
    raw = json.loads(body(message(1, user=PERSON), Post(1, 1, READ, "WhatsApp"), v8))
    assert raw["payload"]["user"] == {"msisdn": NUMBER, "channelUserId": NUMBER[1:]}
    assert "version" not in raw
    assert told(v9, PERSON, READ) == Person(NUMBER[1:], bsuid(NUMBER))
    assert told(v9, PERSON, SENT) == Person(NUMBER[1:])  # not made by WhatsApp itself
    assert told(v9, PERSON, READ, channel="Viber") == Person(NUMBER[1:])
    assert told(v9, BSUID, SENT) == Person(user_id="GB.9021744810022")


def test_version_9_may_leave_out_the_number_where_it_gives_an_id() -> None:
    style = Style(version=9)
    assert told(style, PERSON, READ, with_number=False) == Person(user_id=bsuid(NUMBER))
    assert told(style, PERSON, SENT, with_number=False) == Person(NUMBER[1:])


def test_a_delivery_shows_its_content_masked_in_version_9_only() -> None:
    sent, post = message(1), Post(1, 1, ON_HANDSET, "WhatsApp")
    nine = read_webhook(body(sent, post, Style(version=9)))
    eight = read_webhook(body(sent, post, Style(version=8)))
    assert isinstance(nine, Receipt)
    assert isinstance(eight, Receipt)
    assert nine.content is not None
    assert (nine.content.content_type, nine.pricing, nine.rank) == (
        "template", "marketing", Rank.ON_HANDSET,
    )  # fmt: skip
    assert (eight.content, eight.pricing) == (None, "marketing")


@pytest.mark.parametrize(("version", "of_reply"), [(8, None), (9, 3)])
def test_a_reply_is_a_reply(version: Any, of_reply: int | None) -> None:
    style = Style(version=version, channel_id="5a4d0b0c")
    sent, post = message(1, user=PERSON), Post(9, 9, "STOP", "WhatsApp")
    raw = body(sent, post, style)
    reply = read_webhook(raw)
    assert isinstance(reply, Reply)
    assert (reply.text, reply.reply_to, reply.channel_id) == ("STOP", sent.umid, "5a4d0b0c")
    assert reply.person.msisdn == NUMBER[1:]
    assert reply.umid != sent.umid
    assert reply.extra == {}
    assert json.loads(raw).get("version") == of_reply
    assert raw == body(sent, post, style)  # a repeat is the same


def test_messages_take_what_they_lack_from_their_batch() -> None:
    def pair(**members: Any) -> tuple[Message, MessageAnswer]:
        return Message(**members), MessageAnswer("u", PERSON, Queued("queued", ""), "spring.1.1")

    shared = Message(type="Template", channels=[Channel("whatsapp"), Channel("SMS")])
    pairs = [pair(), pair(type="text", channels=[Channel("RCS")]), pair(scheduled="2030-01-01")]
    first, second, third = messages_of(Taken("sandbox", AT, pairs, "b", "c", shared))
    assert first is not None
    assert second is not None
    assert (first.channels, first.content_type) == (("WhatsApp", "SMS"), "template")
    assert (second.channels, second.content_type) == (("RCS",), "text")
    assert (first.batch_id, first.client_batch_id, first.at) == ("b", "c", AT)
    assert third is None
    alone = next(messages_of(Taken("sandbox", AT, [pair()])))
    assert alone is not None
    assert (alone.channels, alone.batch_id) == (("WhatsApp",), None)
