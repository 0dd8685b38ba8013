"""Policies of a lane, and what is said at a launch about closed service windows."""

from typing import Any

import fakeredis
import pytest

from chatapps.rendering.compiled import compile_content
from config.sections import Policies as PolicySettings
from config.sections import Webhooks
from config.settings import Settings
from producer.campaigns.preflight import warn_of_windows
from producer.errors import BadPurpose, InputError
from producer.policies import (
    campaign_policies,
    campaign_purpose,
    notification_policies,
    see_that_authentication,
    template_named,
)
from store.client import Store
from store.lanes.lane import Policies
from store.people.service_windows import open_windows
from store.purposes import Purpose
from store.scripts import load_scripts

TEXT = compile_content({"type": "text", "content": {"text": "Hi"}}, [])
TEMPLATE = compile_content(
    {"type": "template", "content": {"template": {"name": "a", "language": "en"}}}, []
)


@pytest.fixture
def store() -> Store:
    client = fakeredis.FakeRedis(server=fakeredis.FakeServer())
    return Store(client, load_scripts(flags=False))


def settings(**sections: Any) -> Settings:
    return Settings(**sections)


def test_what_the_launch_says_goes_before_the_settings() -> None:
    ours = settings(policies=PolicySettings(window="skip", settle_after=7))
    assert campaign_policies(ours) == Policies("hold", "retry", 7, "skip")
    said = campaign_policies(
        ours, on_unconfirmed="resend", on_server_error="hold", settle_after=0, window="send"
    )
    assert said == Policies("resend", "hold", 0, "send")
    assert notification_policies(ours) == Policies("resend", "retry", 7, "skip")


@pytest.mark.parametrize(
    ("webhooks", "seconds"),
    [
        (Webhooks(), 60),
        (Webhooks(received=True), 180),
        (Webhooks(authorization_env=["WEBHOOK_AUTHORIZATION"]), 180),
    ],
)
def test_status_updates_is_waited_for_where_receipts_are_received(
    webhooks: Webhooks, seconds: float
) -> None:
    assert settings(webhooks=webhooks).settle_after == seconds
    said = settings(webhooks=webhooks, policies=PolicySettings(settle_after=5))
    assert said.settle_after == 5


def test_a_template_is_launched_without_a_word(store: Store) -> None:
    assert warn_of_windows(store, TEMPLATE, "shop", Policies(window="skip")) == []


def test_without_replies_everybody_gets_it_and_that_is_said(store: Store) -> None:
    (told,) = warn_of_windows(store, TEXT, "shop", Policies(window="auto"))
    assert "no reply to shop has been received" in told
    assert "It is sent to all" in told


def test_with_replies_the_others_are_skipped_and_that_is_said(store: Store) -> None:
    store.run(open_windows("shop", [("447700900001", None)], written=True))
    (told,) = warn_of_windows(store, TEXT, "shop", Policies(window="auto"))
    assert "the others are skipped" in told
    (told,) = warn_of_windows(store, TEXT, "shop", Policies(window="send"))
    assert "It is sent to all" in told
    assert "no reply" not in told


REGISTRY = {"a:en": Purpose.UTILITY, "otp:en": Purpose.AUTHENTICATION}


def test_a_campaign_is_for_what_its_template_is_registered_for() -> None:
    assert campaign_purpose(REGISTRY, template_named(TEMPLATE), None) is Purpose.UTILITY
    assert campaign_purpose(REGISTRY, template_named(TEMPLATE), Purpose.MARKETING) is (
        Purpose.MARKETING
    )
    assert campaign_purpose({}, template_named(TEMPLATE), Purpose.UTILITY) is Purpose.UTILITY
    assert campaign_purpose(REGISTRY, template_named(TEXT), None) is None


def test_authentication_is_registered_or_refused() -> None:
    assert campaign_purpose(REGISTRY, "otp:en", Purpose.AUTHENTICATION) is Purpose.AUTHENTICATION
    with pytest.raises(InputError, match="authentication: the template a:en is registered as UTIL"):
        campaign_purpose(REGISTRY, "a:en", Purpose.AUTHENTICATION)


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("", "needs a template that is registered"),
        ("a:en", "the template a:en is registered as UTILITY"),
        ("otp:de", "not known to be registered as AUTHENTICATION: set account_id and channel_id"),
    ],
)
def test_it_is_told_why_something_is_no_authentication(template: str, why: str) -> None:
    with pytest.raises(BadPurpose, match=why):
        see_that_authentication(REGISTRY, template)
    see_that_authentication(REGISTRY, "otp:en")


@pytest.mark.parametrize(
    ("other", "option"),
    [
        ("on_unconfirmed", "--on-unconfirmed resend"),
        ("on_server_error", "--on-server-error resend"),
    ],
)
def test_hold_beside_its_opposite_is_refused_by_the_names_of_the_options(
    other: str, option: str
) -> None:
    options: dict[str, Any] = {other: "resend"}
    same: dict[str, Any] = {other: "hold"}
    with pytest.raises(InputError, match=f"either --hold or {option}"):
        campaign_policies(Settings(), hold=True, **options)
    campaign_policies(Settings(), hold=True, **same)
