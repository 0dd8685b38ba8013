"""Who must not be written to is skipped, with the reason, whenever it becomes known before the POST."""

import json
from dataclasses import replace
from typing import Any

from chatapps.responses import NoAnswer
from store.errors import StoreUnavailable
from store.keys import PEOPLE_SHARDS, shard_of, windows
from store.lanes.lane import Policies, Priority, announce
from store.lanes.open import open_notifications
from store.people.service_windows import open_windows
from store.people.suppressions import EVERYWHERE, MARKETING, Why, find_unmarketed, suppress
from store.purposes import Purpose
from store.queue.enqueue import NewMessage, enqueue_messages
from store.receipts.inbox import add_to_inbox
from store.records.outcome import LocalReason, Origin
from store.reports.waiting import now_ms
from store.states import State
from store.templates import keep_registry
from tests.integration.worker.rig import Rig
from worker.receipts.inbox import apply_inbox

LANE = "n-a1b2c3-u250615"
TEXT = '{"type":"text","content":{"text":"Hi"}}'
TEMPLATE = '{"type":"template","content":{"template":{"name":"a","language":"en"}}}'


def number(index: int) -> str:
    """Who gets message `index` of a campaign of the rig."""
    return str(447700900000 + index)


def stop(rig: Rig, *indexes: int, scope: str = "shop") -> None:
    rig.store.run(suppress(scope, [(number(index), None) for index in indexes], Why.OPERATOR))


def writes(rig: Rig, *indexes: int) -> None:
    """These people write to us."""
    rig.store.run(open_windows("shop", [(number(i), None) for i in indexes], written=True))


def reply(index: int, text: str) -> bytes:
    """A reply as the provider posts it."""
    body = {
        "eventType": "inbound_message_received",
        "version": 3,
        "payload": {
            "umid": f"5c1a7a4c-0000-4000-9000-{index:012x}",
            "subAccountId": "shop",
            "timestamp": "2026-01-05T10:00:00Z",
            "user": {"msisdn": f"+{number(index)}"},
            "recipient": {"channel": "whatsapp", "channelId": "channel-1"},
            "type": "Text",
            "content": {"text": text},
        },
    }
    return json.dumps(body).encode()


def reason(rig: Rig, lane: str, index: int) -> tuple[State, Origin, int]:
    found = rig.message(lane, index)
    assert found.outcome is not None
    return found.outcome.state, found.outcome.origin, found.outcome.code


def skipped(why: LocalReason) -> tuple[State, Origin, int]:
    return State.SKIPPED, Origin.LOCAL, why


def enqueue(rig: Rig, *lines: str, lane: str = LANE, **policies: Any) -> str:
    """A notification lane with these lines after the number."""
    open_notifications(rig.store, lane, "shop", Priority.URGENT, Policies(**policies))
    messages = [
        NewMessage(f"{number(i)}\t{line}".encode(), b"", b"") for i, line in enumerate(lines)
    ]
    rig.store.run(enqueue_messages(lane, messages))
    rig.store.run(announce(lane, Priority.URGENT))
    return lane


async def test_the_suppressed_are_skipped_and_the_others_go_out(rig: Rig) -> None:
    lane = rig.campaign(5)
    stop(rig, 1)
    stop(rig, 3, scope=EVERYWHERE)
    stop(rig, 4, scope="bank")
    await rig.deliver(lane)
    assert rig.provider.posts[0].indexes == [0, 2, 4]
    assert rig.counts(lane) == {State.ACCEPTED: 3, State.SKIPPED: 2}
    assert reason(rig, lane, 1) == reason(rig, lane, 3) == skipped(LocalReason.SUPPRESSED)
    assert rig.report(lane).codes == {"skipped:local:8": 2}
    assert rig.dead(lane) == []


async def test_a_stop_in_the_middle_of_a_campaign_counts_for_what_is_not_claimed_yet(
    rig: Rig,
) -> None:
    lane = rig.campaign(6, window="send")
    delivery = rig.delivery()  # one process, which has found nobody suppressed so far
    await delivery.deliver(await rig.claim(lane, 2))
    rig.store.run(add_to_inbox(reply(0, "Stop")))
    rig.store.run(add_to_inbox(reply(4, "STOP!")))
    await apply_inbox(rig.tools)
    await delivery.deliver(await rig.claim(lane, 4))
    assert [post.indexes for post in rig.provider.posts] == [[0, 1], [2, 3, 5]]
    assert reason(rig, lane, 4) == skipped(LocalReason.SUPPRESSED)
    assert reason(rig, lane, 0)[0] is State.ACCEPTED


async def test_a_batch_of_the_suppressed_alone_is_settled_without_a_request(rig: Rig) -> None:
    lane = rig.campaign(2)
    stop(rig, 0, 1)
    await rig.deliver(lane)
    assert rig.provider.posts == []
    assert rig.counts(lane) == {State.SKIPPED: 2}


async def test_a_batch_names_its_people_only_where_there_are_rules(rig: Rig) -> None:
    lane = rig.campaign(8)
    delivery = rig.delivery()

    async def calls() -> tuple[int, int]:
        batch = await rig.claim(lane, 2)  # of two shards
        rig.watched.ran.clear()
        rig.watched.ran_together.clear()
        await delivery.deliver(batch)
        ran = [*rig.watched.ran, *rig.watched.ran_together]
        return ran.count("read_rules"), ran.count("check_recipients")

    assert await calls() == (2, 0)  # once in the life of a process it asks before
    assert await calls() == (1, 0)
    stop(rig, 4)
    assert await calls() == (2, 2)  # the first look tells that there is a rule now
    assert await calls() == (1, 2)


async def test_who_is_suppressed_everywhere_is_not_noted_to_have_got_a_message(rig: Rig) -> None:
    stop(rig, 0, scope=EVERYWHERE)
    lane = rig.notifications("n-a1b2c3-n681231", ["a", "b"])
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.SKIPPED: 1, State.ACCEPTED: 1}
    people = [number(0), number(1)]
    assert rig.store.run(find_unmarketed("shop", people)) == {number(1)}


async def test_without_the_store_a_batch_goes_back(rig: Rig) -> None:
    lane = rig.campaign(2)
    rig.watched.failures["read_rules"] = [StoreUnavailable("away")]
    await rig.deliver(lane)
    assert rig.provider.posts == []
    assert rig.counts(lane) == {State.QUEUED: 2}


async def test_a_stop_counts_before_a_resend(rig: Rig) -> None:
    lane = rig.campaign(2, on_unconfirmed="resend")
    rig.provider.steps = [NoAnswer("reset")]
    await rig.deliver(lane)
    stop(rig, 1)
    rig.due(lane)
    await rig.sweep()
    await rig.deliver(lane)
    assert rig.provider.posts[1].ids == [f"{lane}.0.2"]
    assert rig.counts(lane) == {State.ACCEPTED: 1, State.SKIPPED: 1}


async def test_without_replies_everybody_is_written_to(rig: Rig) -> None:
    lane = rig.campaign(2)
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 2}


async def test_once_people_have_written_the_others_are_skipped(rig: Rig) -> None:
    lane = rig.campaign(3)
    writes(rig, 1)
    await rig.deliver(lane)
    assert rig.provider.posts[0].indexes == [1]
    assert reason(rig, lane, 0) == skipped(LocalReason.WINDOW)


async def test_a_window_is_that_of_the_sub_account(rig: Rig) -> None:
    rig.store.run(open_windows("bank", [(number(0), None)], written=True))
    here, there = rig.campaign(2), rig.campaign(2, "Bank", sub_account="bank")
    await rig.deliver(here)
    await rig.deliver(there)
    assert rig.counts(here) == {State.ACCEPTED: 2}
    assert rig.counts(there) == {State.ACCEPTED: 1, State.SKIPPED: 1}


async def test_a_lane_may_send_all_the_same_or_skip_from_the_beginning(rig: Rig) -> None:
    always = rig.campaign(2, window="send")
    never = rig.campaign(2, "Never", window="skip")
    await rig.deliver(never)
    assert rig.counts(never) == {State.SKIPPED: 2}
    writes(rig, 0)
    await rig.deliver(always)
    assert rig.counts(always) == {State.ACCEPTED: 2}


async def test_of_single_messages_templates_need_no_window(rig: Rig) -> None:
    writes(rig, 2)
    sms = TEXT[:-1] + ',"channels":[{"channel":"WhatsApp"},{"channel":"SMS"}]}'
    lane = enqueue(rig, TEXT, TEMPLATE, TEXT, sms)
    stop(rig, 3)
    await rig.deliver(lane)
    assert rig.provider.posts[0].indexes == [1, 2]
    assert reason(rig, lane, 0) == skipped(LocalReason.WINDOW)
    assert reason(rig, lane, 3) == skipped(LocalReason.SUPPRESSED)


async def test_a_national_number_is_known_by_its_international_one(rig: Rig) -> None:
    stop(rig, 123)
    open_notifications(rig.store, LANE, "shop", Priority.URGENT, Policies())
    line = f"GB:07700900123\t{TEXT}".encode()
    rig.store.run(enqueue_messages(LANE, [NewMessage(line, b"", b"")]))
    await rig.deliver(LANE)
    assert rig.counts(LANE) == {State.SKIPPED: 1}


async def test_a_number_with_its_trunk_prefix_is_known_without_it(rig: Rig) -> None:
    """+44 (0)7700 900000: those who ring up leave the nought out, and replies name the number so."""
    open_notifications(rig.store, LANE, "shop", Priority.URGENT, Policies())
    lines = [f"4407700900000\t{TEXT}".encode(), f"447700900001\t{TEXT}".encode()]
    rig.store.run(enqueue_messages(LANE, [NewMessage(line, b"", b"") for line in lines]))
    stop(rig, 0)
    await rig.deliver(LANE)
    assert reason(rig, LANE, 0) == skipped(LocalReason.SUPPRESSED)
    assert rig.counts(LANE) == {State.SKIPPED: 1, State.ACCEPTED: 1}


async def test_who_is_named_by_number_and_by_id_is_known_by_either(rig: Rig) -> None:
    """A reply may tell the id alone. Who is found by both names is skipped once."""
    open_notifications(rig.store, LANE, "shop", Priority.URGENT, Policies(window="skip"))
    user = '{"user":{"msisdn":"+%s","channelUserId":"GB.%d"},' + TEXT[1:]
    lines = [f"{number(i)}\t{user % (number(i), i)}".encode() for i in range(4)]
    rig.store.run(enqueue_messages(LANE, [NewMessage(line, b"", b"") for line in lines]))
    rig.store.run(suppress("shop", [("GB.0", None), ("GB.1", None)], Why.REPLY))
    stop(rig, 1)
    writes(rig, 2)
    await rig.deliver(LANE)
    assert rig.counts(LANE) == {State.SKIPPED: 3, State.ACCEPTED: 1}
    assert reason(rig, LANE, 0) == reason(rig, LANE, 1) == skipped(LocalReason.SUPPRESSED)
    assert reason(rig, LANE, 3) == skipped(LocalReason.WINDOW)


async def test_what_has_expired_is_skipped(rig: Rig) -> None:
    now = rig.store.run(now_ms()) // 1000
    lane = enqueue(rig, f"{TEXT}\t{now - 1}", f"{TEMPLATE}\t{now}", TEMPLATE)
    await rig.deliver(lane)
    assert rig.provider.posts[0].indexes == [2]
    assert reason(rig, lane, 0) == reason(rig, lane, 1) == skipped(LocalReason.EXPIRED)


async def test_status_updates_comes_before_an_opt_out(rig: Rig) -> None:
    """The provider has had it: it is accepted, and not skipped."""
    rig.resend_at_once()
    lane = rig.campaign(2, on_unconfirmed="resend")
    rig.provider.steps = [NoAnswer("reset")]
    await rig.deliver(lane)
    await rig.sweep()
    body = {
        "eventType": "outbound_message_status_changed",
        "version": 9,
        "payload": {
            "umid": "5c1a7a4c-0000-4000-8000-000000000001",
            "channel": "whatsapp",
            "status": {"state": "sent", "timestamp": "2027-03-01T09:05:00.01Z"},
            "clientMessageId": f"{lane}.0.1",
        },
    }
    rig.store.run(add_to_inbox(json.dumps(body).encode()))
    await apply_inbox(rig.tools)
    stop(rig, 0)
    batch = await rig.claim(lane)
    batch = replace(batch, early_updates=1)
    await rig.delivery().deliver(batch)
    assert rig.counts(lane) == {State.FORWARDED: 1, State.ACCEPTED: 1}


async def test_the_sweep_forgets_closed_windows(rig: Rig) -> None:
    writes(rig, 0)
    rig.store.client.zadd(windows("shop", "whatsapp", shard_of(number(1))), {number(1): 1000})
    await rig.sweep()
    keys = [windows("shop", "whatsapp", shard) for shard in range(PEOPLE_SHARDS)]
    assert sum(map(int, map(rig.store.client.zcard, keys))) == 1


def registered(rig: Rig, **categories: Purpose) -> None:
    """The provider has these templates, in English."""
    found = {f"{name}:en": category for name, category in categories.items()}
    rig.store.run(keep_registry("shop", found))


def template(name: str, option: str = "") -> str:
    content = {"template": {"name": name, "language": "en"}}
    line = json.dumps({"type": "template", "content": content}, separators=(",", ":"))
    return f"{line}\t{option}" if option else line


async def say(rig: Rig, *bodies: bytes) -> None:
    """The provider posts these, and they are applied."""
    for body in bodies:
        rig.store.run(add_to_inbox(body))
    await apply_inbox(rig.tools)


async def test_who_said_stop_to_a_promotion_still_gets_codes_and_news_of_orders(rig: Rig) -> None:
    registered(rig, code=Purpose.AUTHENTICATION, offer=Purpose.MARKETING)
    await rig.deliver(rig.campaign(1))
    await say(rig, reply(0, "STOP"))
    lane = enqueue(rig, template("code"), lane=LANE)
    more = [template("order"), template("offer"), template("order", "m"), template("offer", "u")]
    for line in more:  # all for the same person
        call = enqueue_messages(lane, [NewMessage(f"{number(0)}\t{line}".encode(), b"", b"")])
        rig.store.run(call)
    await rig.deliver(lane)
    assert rig.provider.posts[-1].indexes == [0, 1]
    for index in (2, 3, 4):  # marketing as registered, as said, and as registered whatever is said
        assert reason(rig, lane, index) == skipped(LocalReason.SUPPRESSED)
    purposes = [rig.message(lane, index).outcome.purpose for index in range(5)]  # type: ignore[union-attr]
    assert purposes == [Purpose.AUTHENTICATION, Purpose.UTILITY, *[Purpose.MARKETING] * 3]


async def test_a_stop_after_a_message_that_was_no_marketing_stops_everything(rig: Rig) -> None:
    await rig.deliver(rig.campaign(1))
    await rig.deliver(enqueue(rig, template("order")))
    await say(rig, reply(0, "STOP"))
    lane = enqueue(rig, template("order"))
    await rig.deliver(lane)
    assert reason(rig, lane, 1) == skipped(LocalReason.SUPPRESSED)


async def test_a_stop_counts_by_the_message_that_came_last(rig: Rig) -> None:
    await rig.deliver(enqueue(rig, template("order")))
    await rig.deliver(rig.campaign(1))
    await say(rig, reply(0, "STOP"))
    lane = enqueue(rig, template("order"))
    await rig.deliver(lane)
    assert reason(rig, lane, 1)[0] is State.ACCEPTED


async def test_a_campaign_is_marketing_unless_its_template_or_its_launch_say_otherwise(
    rig: Rig,
) -> None:
    registered(rig, order=Purpose.UTILITY, offer=Purpose.MARKETING)
    rig.store.run(suppress("shop", [(number(0), None)], Why.REPLY, MARKETING))

    async def fared(name: str, purpose: Purpose | None, used: str) -> State:
        lane = rig.campaign(1, name=name, purpose=purpose, template=used)
        await rig.deliver(lane)
        return reason(rig, lane, 0)[0]

    assert await fared("a", None, "") is State.SKIPPED
    assert await fared("b", Purpose.UTILITY, "") is State.ACCEPTED
    assert await fared("c", None, "order:en") is State.ACCEPTED
    assert await fared("d", Purpose.MARKETING, "order:en") is State.SKIPPED
    assert await fared("e", Purpose.UTILITY, "offer:en") is State.SKIPPED
    assert await fared("f", Purpose.AUTHENTICATION, "") is State.SKIPPED
