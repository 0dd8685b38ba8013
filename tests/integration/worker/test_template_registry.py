"""The registry of templates is read from the provider now and then, by one worker at a time."""

import asyncio
from collections.abc import Sequence

from pydantic import SecretStr

from chatapps.management import ProviderUnavailable
from chatapps.templates import RegisteredTemplate
from config.sections import SubAccount
from config.settings import Settings
from store.errors import StoreUnavailable
from store.keys import templates_asked
from store.purposes import Purpose
from store.templates import keep_registry, read_registry
from tests.integration.worker.rig import Rig
from worker.template_registry import ASK_AGAIN_SECONDS, ASK_SECONDS, READ_SECONDS, Templates

ACCOUNT = "5c1a7a4c-0000-4000-8000-000000000001"
FOUND = [
    RegisteredTemplate("code", "en", "AUTHENTICATION"),
    RegisteredTemplate("offer", "en", "MARKETING"),
    RegisteredTemplate("odd", "en", "SOMETHING_NEW"),
]


class Provider:
    """Lists templates, or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.asked: list[str] = []
        self.fails = fails

    async def __call__(self, sub_account: str) -> Sequence[RegisteredTemplate]:
        self.asked.append(sub_account)
        if self.fails:
            raise ProviderUnavailable("away")
        return FOUND


def settings() -> Settings:
    with_registry = SubAccount(api_key=SecretStr("key"), account_id=ACCOUNT, channel_id="c1")
    return Settings(sub_accounts={"shop": with_registry, "bank": SubAccount()})


async def refresh(rig: Rig, templates: Templates) -> None:
    """Wait for the tasks that a sweep starts."""
    templates.refresh(rig.watched, settings())
    assert templates._asking is not None
    await asyncio.wait([templates._asking])
    templates._asking.result()


async def test_the_categories_are_kept_where_account_and_channel_are_configured(rig: Rig) -> None:
    provider = Provider()
    await refresh(rig, Templates(provider))
    assert provider.asked == ["shop"]
    assert rig.store.run(read_registry("shop")) == {
        "code:en": Purpose.AUTHENTICATION, "offer:en": Purpose.MARKETING,
    }  # fmt: skip
    assert rig.store.run(read_registry("bank")) == {}


async def test_the_provider_is_asked_once_in_15_minutes_by_all_workers(rig: Rig) -> None:
    provider = Provider()
    for _ in range(3):
        await refresh(rig, Templates(provider))
    assert provider.asked == ["shop"]
    assert 0 < rig.store.client.pttl(templates_asked("shop")) <= ASK_SECONDS * 1000
    rig.store.client.delete(templates_asked("shop"))
    await refresh(rig, Templates(provider))
    assert provider.asked == ["shop", "shop"]


async def test_a_provider_that_does_not_tell_is_asked_again_sooner_and_what_is_known_stays(
    rig: Rig,
) -> None:
    rig.store.run(keep_registry("shop", {"code:en": Purpose.AUTHENTICATION}))
    await refresh(rig, Templates(Provider(fails=True)))
    assert 0 < rig.store.client.pttl(templates_asked("shop")) <= ASK_AGAIN_SECONDS * 1000
    assert rig.store.run(read_registry("shop")) == {"code:en": Purpose.AUTHENTICATION}


async def test_a_process_reads_the_registry_once_a_minute_and_does_without_the_store(
    rig: Rig,
) -> None:
    templates, lane = Templates(), rig.lane(rig.campaign(1, template="order:en"))
    await templates.look(rig.watched, "shop", 0)
    assert templates.purposes(lane).of_all is Purpose.MARKETING
    rig.store.run(keep_registry("shop", {"order:en": Purpose.UTILITY}))
    await templates.look(rig.watched, "shop", READ_SECONDS - 1)
    assert templates.purposes(lane).of_all is Purpose.MARKETING
    await templates.look(rig.watched, "shop", READ_SECONDS)
    assert templates.purposes(lane).of_all is Purpose.UTILITY
    rig.watched.failures["GET"] = [StoreUnavailable("away")]
    await templates.look(rig.watched, "shop", 2 * READ_SECONDS)
    assert templates.purposes(lane).of_all is Purpose.UTILITY


async def test_closing_ends_a_question_that_is_under_way(rig: Rig) -> None:
    asked = asyncio.Event()

    async def never(_: str) -> Sequence[RegisteredTemplate]:
        asked.set()
        await asyncio.Event().wait()
        return ()

    templates = Templates(never)
    templates.refresh(rig.watched, settings())
    await asked.wait()
    await templates.close()
    assert templates._asking is not None
    assert templates._asking.cancelled()
