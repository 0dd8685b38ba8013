"""Events of people and templates: only for a subscription of that type, once, gone with the person."""

from collections.abc import Sequence

import pytest
from pydantic import SecretStr

from chatapps.templates import RegisteredTemplate
from config.sections import SubAccount
from dashboard.person import forget_person
from store.errors import StoreUnavailable
from store.keys import outcome_stream, person_events, shard_of, templates_asked
from store.outcomes.stream import want_outcomes
from store.people.person import Person
from store.people.suppressions import EVERYWHERE, MARKETING, Why, opt_out, suppress
from store.purposes import Purpose
from store.reports.outcomes import OutcomeEvent
from store.reports.waiting import now_ms
from store.templates import keep_registry
from tests.integration.worker.receipts.test_inbox import (
    ago,
    only_shop,
    post,
    reply,
    template_event,
)
from tests.integration.worker.rig import Rig, until
from tests.integration.worker.test_outcomes import news, surveyed
from tests.integration.worker.test_subscriptions import endpoint, serving, subscribed
from tests.integration.worker.test_template_registry import ACCOUNT
from worker.receipts.inbox import apply_inbox
from worker.template_registry import Templates

ANN, BOB = "447700900001", "447700900002"
HOOK = "https://example.com/hook"


def shown(items: Sequence[OutcomeEvent]) -> list[tuple[str, str | None, dict[str, str] | None]]:
    return [(item.type, item.number, item.about) for item in items]


def kept(rig: Rig, who: str = ANN, scope: str = "shop") -> int:
    return rig.store.client.xlen(person_events(scope, shard_of(who)))


async def test_a_reply_that_opts_out_is_told_as_both(rig: Rig) -> None:
    subscribed(rig, HOOK, "reply.received", "optout.added")
    post(rig, reply("Stop", ago(rig, 60)))
    await surveyed(rig)
    await surveyed(rig)
    told, stopped = news(rig)
    about = {"channel": "whatsapp", "kind": "text", "text": "Stop"}
    assert shown([told]) == [("reply.received", "+447700900001", about)]
    assert told.id == "5c1a7a4c-0000-4000-9000-000000000001"
    assert told.at is not None
    assert stopped.at is not None
    assert told.at < stopped.at
    about = {"source": "reply", "purposes": "marketing"}
    assert shown([stopped]) == [("optout.added", "+447700900001", about)]
    assert stopped.id != told.id


async def test_nothing_is_kept_without_a_subscription_of_the_type(rig: Rig) -> None:
    want_outcomes(rig.store, "shop")
    subscribed(rig, HOOK, "message.delivered")
    only_shop(rig)
    post(rig, reply("Stop", ago(rig, 60)), template_event("PAUSED", "2026-01-05T10:00:00Z"))
    await surveyed(rig)
    assert (kept(rig), news(rig)) == (0, [])


async def test_an_opt_out_is_told_when_it_stops_more_and_not_when_it_is_known(rig: Rig) -> None:
    subscribed(rig, HOOK, "optout.added")
    for source, purposes in ((Why.REPLY, MARKETING), (Why.REPLY, MARKETING), (Why.OPERATOR, None)):
        call = opt_out("shop", [(ANN, None)], source, purposes, asked=())
        rig.store.run(call)
    everything = frozenset(Purpose)
    rig.store.run(opt_out("shop", [(ANN, None)], Why.OPERATOR, everything, asked=()))
    await surveyed(rig)
    told = [item.about for item in news(rig)]
    assert told == [
        {"source": "reply", "purposes": "marketing"},
        {"source": "operator", "purposes": "all"},
    ]


async def test_an_opt_out_of_all_sub_accounts_is_told_to_each(rig: Rig) -> None:
    subscribed(rig, HOOK, "optout.added")
    want_outcomes(rig.store, "bank")
    rig.store.run(suppress(EVERYWHERE, [(ANN, None), (BOB, None)], Why.OPERATOR))
    rig.store.run(suppress("bank", [(BOB, None)], Why.OPERATOR))  # of another one
    await surveyed(rig)
    assert sorted(item.number or "" for item in news(rig)) == [f"+{ANN}", f"+{BOB}"]
    bank, _, _ = outcome_stream("bank")
    assert rig.store.client.xlen(bank) == 2


async def test_an_imported_list_is_not_told(rig: Rig) -> None:
    subscribed(rig, HOOK, "optout.added")
    rig.store.run(suppress("shop", [(ANN, None)], Why.IMPORT))
    assert kept(rig) == 0


async def test_what_came_before_the_first_reader_is_not_told_later(rig: Rig) -> None:
    subscribed(rig, HOOK, "optout.added")
    rig.store.run(suppress(EVERYWHERE, [(ANN, None)], Why.OPERATOR))
    rig.store.client.delete(*outcome_stream("shop"))
    rig.store.client.zrem("sm:outcomes", "shop")
    at = rig.store.run(now_ms())
    while rig.store.run(now_ms()) == at:
        """Events of the millisecond in which a stream begins belong to it."""
    want_outcomes(rig.store, "shop")
    await surveyed(rig)
    assert news(rig) == []


async def test_numbers_and_words_come_only_where_they_were_asked_for(rig: Rig) -> None:
    async with endpoint(rig) as hook, endpoint(rig) as other:
        subscribed(rig, hook.url, "reply.received")
        subscribed(rig, other.url, "reply.received", with_numbers=True)
        post(rig, reply("My number is +447700900001", ago(rig, 60)))
        await surveyed(rig)
        await surveyed(rig)
        async with serving(rig):
            await until(lambda: len(hook.events) + len(other.events) >= 2)
        (masked,), (full,) = hook.events, other.events
    assert b"7700900001" not in hook.got[0][1]
    assert masked["about"] == {"channel": "whatsapp", "kind": "text"}
    assert full["number"] == "+447700900001"
    assert full["about"]["text"] == "My number is +447700900001"


async def test_a_worker_that_dies_between_keeping_and_acknowledging_tells_a_reply_twice(
    rig: Rig,
) -> None:
    subscribed(rig, HOOK, "reply.received", "optout.added")
    post(rig, reply("Stop", ago(rig, 60)))
    rig.watched.failures["acknowledge_inbox"] = [StoreUnavailable("away")]
    with pytest.raises(StoreUnavailable):
        await apply_inbox(rig.tools)
    await surveyed(rig)
    await surveyed(rig)
    told = [(item.type, item.id) for item in news(rig)]
    assert [kind for kind, _ in told].count("optout.added") == 1
    assert [kind for kind, _ in told].count("reply.received") == 2
    assert len(set(told)) == 2


async def test_a_survey_that_is_repeated_tells_nothing_twice(rig: Rig) -> None:
    subscribed(rig, HOOK, "optout.added")
    for who in (ANN, BOB):
        rig.store.run(suppress("shop", [(who, None)], Why.OPERATOR))
        for _ in range(3):
            await surveyed(rig)
    assert [item.number for item in news(rig)] == [f"+{ANN}", f"+{BOB}"]


async def test_of_a_forgotten_person_the_event_stays_without_the_person(rig: Rig) -> None:
    subscribed(rig, HOOK, "reply.received")
    post(rig, reply("Hello", ago(rig, 60)))
    await surveyed(rig)
    await surveyed(rig)
    assert [item.number for item in news(rig)] == [f"+{ANN}"]
    clock = iter(range(0, 10_000, 10))
    forget_person(
        rig.store, Person(ANN), ["shop"], b"secret", sleep=lambda _: None, clock=lambda: next(clock)
    )
    assert kept(rig) == 0
    assert shown(news(rig)) == [("reply.received", None, {})]


async def test_a_template_that_the_provider_pauses_is_told(rig: Rig) -> None:
    only_shop(rig)
    subscribed(rig, HOOK, "template.changed")
    post(rig, template_event("PAUSED", "2026-01-05T10:00:00Z"))
    await surveyed(rig)
    (told,) = news(rig)
    assert (told.type, told.id, told.lane, told.about) == (
        "template.changed", "sale:en", "", {"status": "PAUSED"},
    )  # fmt: skip


async def test_a_template_of_another_category_is_told_and_a_first_list_is_not(rig: Rig) -> None:
    account = SubAccount(api_key=SecretStr("key"), account_id=ACCOUNT, channel_id="c")
    rig.settings = rig.settings.model_copy(update={"sub_accounts": {"shop": account}})
    subscribed(rig, HOOK, "template.changed")
    found = [[RegisteredTemplate("code", "en", "UTILITY")]]
    found.append([*found[0], RegisteredTemplate("offer", "en", "MARKETING")])

    async def list_them(_: str) -> Sequence[RegisteredTemplate]:
        return found.pop(0)

    templates = Templates(list_them)
    for known in (None, {"code:en": Purpose.MARKETING, "old:en": Purpose.UTILITY}):
        if known:
            rig.store.run(keep_registry("shop", known))
        rig.store.client.delete(templates_asked("shop"))
        templates.refresh(rig.watched, rig.settings)
        assert templates._asking is not None
        await templates._asking
    assert [(item.id, item.about) for item in news(rig)] == [
        ("code:en", {"category": "utility", "previous_category": "marketing"}),
        ("offer:en", {"category": "marketing"}),
        ("old:en", {"previous_category": "utility"}),
    ]
