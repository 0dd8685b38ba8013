"""Lanes at hand: opened once, never too many of them."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from chatapps.rendering.compiled import compile_content
from chatapps.rendering.renderer import ContentRenderer, MessageRenderer
from config.sections import SettingsError, SubAccount
from config.settings import Settings
from store.limits.rate_limit import Limits
from tests.unit.worker.given import FakeStore, lane
from worker.dispatch.lane_cache import LaneCache, note_trouble, sender_of

SHOP = SubAccount(api_key=SecretStr("key"), messages_per_second=500, burst=100, urgent_reserve=10)
SETTINGS = Settings(sub_accounts={"shop": SHOP})
CONTENT = compile_content({"type": "text", "content": {"text": "Hi {{name}}"}}, ["name"]).dump()


def test_a_sender_has_the_limits_and_the_address_of_its_sub_account() -> None:
    sender = sender_of(SETTINGS, "shop")
    assert sender.limits == Limits(500, 100, 10, 1800)
    assert sender.endpoint.messages_url.endswith("/subaccounts/shop/messages")
    assert sender.max_in_air == 32


@pytest.mark.parametrize(
    ("sub_account", "words"),
    [
        (None, "not configured here"),
        (SubAccount(), "has no API key"),
        (SubAccount(api_key_env="SENDMANY_NO_SUCH_KEY"), "has no API key"),
        (SubAccount(api_key_file=Path("/nowhere/key")), "cannot be read"),
        (SubAccount(api_key=SecretStr("two words")), "one word of printable ASCII"),
    ],
)
def test_a_sub_account_that_cannot_be_used_is_told_in_a_sentence_without_the_key(
    sub_account: SubAccount | None, words: str
) -> None:
    settings = Settings(sub_accounts={"shop": sub_account} if sub_account else {})
    with pytest.raises(SettingsError, match=words) as failed:
        sender_of(settings, "shop")
    assert "two words" not in str(failed.value)


async def test_a_lane_is_read_once() -> None:
    store = FakeStore(lane(content=CONTENT))
    cache = LaneCache(store, SETTINGS)
    first = await cache.get("spring-a1b2c3")
    assert first is not None
    assert await cache.get("spring-a1b2c3") is first
    assert cache.known("spring-a1b2c3") is first
    assert len(store.calls) == 1


async def test_a_campaign_renders_its_content_and_notifications_whole_messages() -> None:
    cache = LaneCache(FakeStore(lane(content=CONTENT), lane("notifications")), SETTINGS)
    campaign, notifications = await cache.get("one"), await cache.get("two")
    assert campaign is not None
    assert notifications is not None
    assert isinstance(campaign.renderer, ContentRenderer)
    assert isinstance(notifications.renderer, MessageRenderer)


async def test_a_lane_that_is_gone_is_none() -> None:
    assert await LaneCache(FakeStore(None), SETTINGS).get("gone") is None


async def test_content_that_a_newer_version_wrote_is_refused_and_not_kept() -> None:
    cache = LaneCache(FakeStore(lane(content=b'{"format":99}')), SETTINGS)
    with pytest.raises(ValueError, match="format 99"):
        await cache.get("new")
    assert cache.known("new") is None


async def test_when_the_shelf_is_full_the_lane_longest_unused_makes_room() -> None:
    store = FakeStore(*[lane(content=CONTENT)] * 3)
    cache = LaneCache(store, SETTINGS, room=2)
    for name in ("a", "b"):
        await cache.get(name)
    cache.known("a")
    await cache.get("c")
    assert [cache.known(name) is not None for name in "abc"] == [True, False, True]


async def test_a_lane_that_has_ended_is_forgotten() -> None:
    cache = LaneCache(FakeStore(lane(content=CONTENT)), SETTINGS)
    await cache.get("a")
    cache.forget("a")
    cache.forget("never heard of")
    assert cache.known("a") is None


def test_trouble_is_written_where_people_look_for_reasons() -> None:
    call = note_trouble("spring-a1b2c3", "why")
    assert (call.script, call.keys) == ("write_best_effort", ("sm:{spring-a1b2c3}:meta",))
    assert call.args == ("HSET", "reason", "why")
