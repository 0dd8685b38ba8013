"""News about templates, numbers and the account."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from chatapps.webhooks import (
    AccountChange,
    MessageError,
    NumberChange,
    OtherEvent,
    Restriction,
    TemplateChange,
    read_webhook,
)

Json = dict[str, Any]
Body = Callable[[str], Json]

FILES: Final = sorted((Path(__file__).parent / "bodies").glob("business-*.json"))


def read(body: Json) -> Any:
    return read_webhook(json.dumps(body).encode())


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_a_documented_event_is_understood_whole(path: Path) -> None:
    event = read_webhook(path.read_bytes())

    assert event.kind == "business"
    assert event.extra == {}
    assert event.timestamp == 1_777_939_201_500


def test_a_template_change_has_one_form(body: Body) -> None:
    assert read(body("business-template-paused")) == TemplateChange(
        event_type="template_status_update",
        event_id="e0c1f2a3-0000-4000-9000-000000000001",
        timestamp=1_777_939_201_500,
        account_id="HarbourFerries",
        business_account_id="200300400500600",
        provider="whatsapp",
        template_id="700800900",
        name="may_timetable",
        language="en_GB",
        status="PAUSED",
        title="SECOND_PAUSE",
        description="people complained",
    )


@pytest.mark.parametrize(
    ("name", "told", "may_be_sent"),
    [
        ("business-template-approved", {"status": "APPROVED", "reason": "NONE"}, True),
        ("business-template-rejected", {"status": "REJECTED", "reason": "SCAM"}, False),
        ("business-template-flagged", {"status": "FLAGGED", "disable_date": "2026-06-01"}, False),
        ("business-template-paused", {"status": "PAUSED", "title": "SECOND_PAUSE"}, False),
        (
            "business-template-quality",
            {"quality": "RED", "previous_quality": "YELLOW"},
            False,
        ),
        (
            "business-template-category",
            {"category": "MARKETING", "previous_category": "UTILITY"},
            None,
        ),
        (
            "business-template-advice",
            {"category": "UTILITY", "advised_category": "MARKETING"},
            None,
        ),
    ],
)
def test_a_template_change_says_what_changed_and_whether_to_stop(
    body: Body, name: str, told: dict[str, str], may_be_sent: bool | None
) -> None:
    change = read(body(name))

    assert isinstance(change, TemplateChange)
    assert {field: getattr(change, field) for field in told} == told
    assert change.may_be_sent is may_be_sent


def test_a_better_quality_does_not_lift_a_pause(body: Body) -> None:
    change = body("business-template-quality")
    change["eventDetails"]["meta"] = {"newQualityScore": "Green"}

    assert read(change).quality == "GREEN"
    assert read(change).may_be_sent is None


def test_the_names_that_meta_uses_are_known_too(body: Body) -> None:
    change = body("business-template-paused")
    change["eventType"] = "message_template_status_update"

    assert read(change) == read(body("business-template-paused"))


@pytest.mark.parametrize(
    ("tier", "limit"),
    [
        ("TIER_50", 50),
        ("TIER_250", 250),
        ("TIER_1K", 1_000),
        ("tier_2k", 2_000),
        ("TIER_10K", 10_000),
        ("TIER_100K", 100_000),
        ("TIER_UNLIMITED", None),
        ("TIER_NOT_SET", None),
        ("TIER_1M", None),
    ],
)
def test_a_number_change_tells_the_daily_limit(body: Body, tier: str, limit: int | None) -> None:
    change = body("business-number-upgrade")
    change["eventDetails"]["meta"]["maxDailyConversationsPerBusiness"] = tier

    assert isinstance(read(change), NumberChange)
    assert read(change).tier == tier.upper()
    assert read(change).daily_limit == limit


def test_the_older_form_of_a_number_change_is_the_same(body: Body) -> None:
    change = read(body("business-number-older"))

    assert (change.event, change.tier, change.previous_tier) == (
        "DOWNGRADE",
        "TIER_1K",
        "TIER_10K",
    )
    assert change.number == "442079460123"
    assert change.daily_limit == 1_000
    assert "79460123" not in repr(change)


def test_an_account_change_tells_violations_and_restrictions(body: Body) -> None:
    strike, check = read(body("business-account-strike")), read(body("business-account-verified"))

    assert isinstance(strike, AccountChange)
    assert strike.violation == "DIRECT_SEND_UTILITY_CATEGORY_ABUSE_STRIKE_2"
    assert strike.restrictions == (
        Restriction("RESTRICTED_DIRECT_SEND_UTILITY_TEMPLATES", 1_780_531_200_000),
    )
    assert (check.verification, check.rejection_reasons) == ("FAILED", ("NAME_NOT_FOUND",))
    assert "79460123" not in repr(strike)


def test_what_is_not_understood_is_kept_under_its_path(body: Body) -> None:
    change = body("business-account-strike")
    change["eventDetails"]["restrictionInfo"] = ["calls"]
    change["eventDetails"]["banInfo"] = {"state": "SCHEDULED"}
    change["eventDetails"]["phoneNumber"] = "the blue one"

    assert read(change).restrictions == ()
    assert read(change).extra == {
        "eventDetails.restrictionInfo": ["calls"],
        "eventDetails.banInfo": {"state": "SCHEDULED"},
        "eventDetails.phoneNumber": "the blue one",
    }


def test_members_inside_a_list_are_kept_with_their_place(body: Body) -> None:
    change = body("business-account-strike")
    change["eventDetails"]["restrictionInfo"][0]["level"] = 3

    assert read(change).extra == {"eventDetails.restrictionInfo[0].level": 3}


@pytest.mark.parametrize(
    ("details", "complaint"),
    [(None, "eventDetails: is required"), ([], "eventDetails: must be an object")],
)
def test_without_details_it_is_refused(body: Body, details: object, complaint: str) -> None:
    with pytest.raises(MessageError) as caught:
        read(body("business-template-paused") | {"eventDetails": details})

    assert str(caught.value) == complaint


def test_an_unknown_business_event_is_kept_whole(body: Body) -> None:
    written = body("business-unknown")
    event = read(written)

    assert isinstance(event, OtherEvent)
    assert (event.event_type, event.kind) == ("flow_status_update", "business")
    assert event.data == written
