"""The provider's events about templates and accounts, and the breakers they move."""

from typing import Any

import pytest
from pydantic import SecretStr

from chatapps.webhooks import AccountChange, NumberChange, Restriction, TemplateChange
from config.sections import SubAccount
from config.settings import Settings
from worker.receipts.provider_events import ProviderEvent, provider_event_of, sub_accounts_of

ACCOUNT_ID = "11111111-2222-4333-8444-555555555555"


def template(**changes: Any) -> TemplateChange:
    fields = {"event_type": "template_status_update", "name": "sale", "language": "en_GB"}
    return TemplateChange(**{**fields, **changes})


def account(**changes: Any) -> AccountChange:
    return AccountChange(event_type="account_update", **changes)


def configured(**accounts: dict[str, Any]) -> Settings:
    made = {
        name: SubAccount(api_key=SecretStr("key"), **fields) for name, fields in accounts.items()
    }
    return Settings(sub_accounts=made)


@pytest.mark.parametrize("status", ["PAUSED", "REJECTED", "DISABLED", "FLAGGED"])
def test_a_template_that_may_not_be_sent_is_held_up(status: str) -> None:
    news = provider_event_of(template(status=status, title="FIRST_PAUSE"))
    assert news is not None
    assert (news.scope, news.closed) == ("template:sale:en_GB", False)
    assert status in news.reason
    assert "FIRST_PAUSE" in news.reason


def test_a_template_that_is_approved_goes_on() -> None:
    assert provider_event_of(template(status="APPROVED")) == ProviderEvent(
        "template:sale:en_GB", closed=True
    )


def test_a_red_quality_holds_up_and_a_green_one_says_nothing() -> None:
    red = provider_event_of(template(quality="RED"))
    assert red is not None
    assert not red.closed
    assert provider_event_of(template(quality="GREEN")) is None


def test_a_category_or_the_limit_of_a_number_moves_nothing() -> None:
    assert provider_event_of(template(category="MARKETING")) is None
    assert provider_event_of(number("DOWNGRADE")) is None


def number(event: str) -> NumberChange:
    return NumberChange(event_type="phone_number_quality_update", event=event)


def test_a_number_that_is_flagged_holds_up_bulk_until_it_is_flagged_no_more() -> None:
    flagged = provider_event_of(number("FLAGGED"))
    assert flagged is not None
    assert (flagged.scope, flagged.closed) == ("bulk", False)
    assert provider_event_of(number("UNFLAGGED")) == ProviderEvent("bulk", closed=True)


def test_a_restriction_of_messaging_holds_up_everything_until_it_ends() -> None:
    stops = Restriction("RESTRICTED_BIZ_INITIATED_MESSAGING", expires=5000)
    news = provider_event_of(account(event="ACCOUNT_RESTRICTION", restrictions=(stops,)))
    assert news is not None
    assert (news.scope, news.closed, news.ends) == ("account", False, 5000)
    endless = Restriction("RESTRICTED_CUSTOMER_INITIATED_MESSAGING")
    news = provider_event_of(account(event="ACCOUNT_RESTRICTION", restrictions=(stops, endless)))
    assert news is not None
    assert news.ends is None


def test_a_restriction_of_something_else_holds_up_nothing() -> None:
    other = Restriction("RESTRICTED_ADD_PHONE_NUMBER_ACTION", expires=5000)
    assert provider_event_of(account(event="ACCOUNT_RESTRICTION", restrictions=(other,))) is None


def test_a_restriction_that_does_not_say_of_what_holds_up_everything() -> None:
    news = provider_event_of(account(event="ACCOUNT_RESTRICTION"))
    assert news is not None
    assert not news.closed


@pytest.mark.parametrize(
    ("changes", "closed"),
    [
        ({"event": "DISABLED_UPDATE"}, False),
        ({"event": "ACCOUNT_DELETED"}, False),
        ({"event": "ACCOUNT_REINSTATED"}, True),
        ({"event": "ACCOUNT_VIOLATION", "violation": "CALLING_OFFBOARD"}, False),
    ],
)
def test_an_account_that_is_gone_stops_and_one_that_is_back_goes_on(
    changes: dict[str, Any], closed: bool
) -> None:
    news = provider_event_of(account(**changes))
    assert news is not None
    assert news.closed is closed


@pytest.mark.parametrize("what", ["WARN", "STRIKE_1", "OFFBOARD", "UNBAN"])
def test_what_concerns_direct_send_alone_moves_nothing(what: str) -> None:
    violation = f"DIRECT_SEND_UTILITY_CATEGORY_ABUSE_{what}"
    assert provider_event_of(account(event="ACCOUNT_VIOLATION", violation=violation)) is None


def test_an_event_is_about_the_sub_accounts_of_its_account() -> None:
    settings = configured(
        shop={"account_id": ACCOUNT_ID},
        bank={"account_id": ACCOUNT_ID.replace("-", "").upper()},
        gym={"account_id": "99999999-2222-4333-8444-555555555555", "account_name": "Gym Ltd"},
    )
    assert sub_accounts_of(template(account_id=ACCOUNT_ID), settings) == ["shop", "bank"]
    assert sub_accounts_of(template(account_id="gym ltd"), settings) == ["gym"]
    assert sub_accounts_of(template(account_id="Somebody"), settings) == []
    assert sub_accounts_of(template(), settings) == []


def test_a_name_that_nobody_told_us_is_that_of_the_only_account() -> None:
    one = configured(shop={"account_id": ACCOUNT_ID}, bank={"account_id": ACCOUNT_ID})
    assert sub_accounts_of(template(account_id="DemoAccount"), one) == ["shop", "bank"]
    other_id = ACCOUNT_ID.replace("1", "8")
    assert sub_accounts_of(template(account_id=other_id), one) == []
    two = configured(shop={}, bank={})
    assert sub_accounts_of(template(account_id="DemoAccount"), two) == []
