"""Structural checks of the sandbox."""

import json
from typing import Any

import pytest

from chatapps.sandbox.checks import Checker
from chatapps.sandbox.wire import Message, read_message

TEXT = {"user": {"msisdn": "+447700900001"}, "type": "text", "content": {"text": "Hello"}}


def parse(data: dict[str, Any]) -> Message:
    message = read_message(json.dumps(data).encode())
    assert message is not None
    return message


def flaw(defaults: dict[str, Any] | None = None, /, **changes: Any) -> int:
    checker = Checker(None if defaults is None else parse(defaults))
    return checker.flaw(parse({**TEXT, **changes}))


def template_flaw(**changes: Any) -> int:
    return flaw(type="template", content={"template": {"name": "n", "language": "en"} | changes})


def component_flaw(**component: Any) -> int:
    return template_flaw(components=[component])


@pytest.mark.parametrize(
    ("user", "code"),
    [
        ({"msisdn": "+447700900001"}, 0),
        ({"msisdn": "447700900001"}, 0),
        ({"msisdn": "07700900001", "country": "GB"}, 0),
        ({"channelUserId": "GB.1349120865530274"}, 0),
        ({"lineUserId": "U1"}, 0),
        ({"msisdn": "+447700900001", "channelUserId": "odd"}, 0),
        (None, 3001),
        ({}, 3002),
        ({"msisdn": ""}, 3002),
        ({"msisdn": "07700900001"}, 1002),
        ({"msisdn": "+44 7700 900001"}, 1002),
        ({"msisdn": "+4477009000011111"}, 1002),
        ({"msisdn": "+٤٤7700900001"}, 1002),
        ({"msisdn": "07700900001", "country": "GBR"}, 3018),
        ({"channelUserId": "gb.1"}, 3047),
    ],
)
def test_a_user_has_an_address(user: object, code: int) -> None:
    assert flaw(user=user) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"clientMessageId": "x" * 50}, 0),
        ({"clientMessageId": "x" * 51}, 3009),
        ({"scheduled": "2027-01-15T08:00:00.1234567+00:00"}, 0),
        ({"scheduled": "tomorrow"}, 1011),
        ({"expiry": "2027-01-15T08:00:00Z"}, 0),
        ({"expiry": "never"}, 1006),
        ({"context": {"umid": "u"}}, 0),
        ({"context": {}}, 3029),
        ({"dlrCallbackUrl": "https://hooks.example.com/dr"}, 0),
        ({"dlrCallbackUrl": "hooks"}, 3020),
        ({"channels": [{"channel": "WhatsApp", "fallbackAfter": 60}, {"channel": "sms"}]}, 0),
        ({"channels": [{"channel": "Pigeon"}]}, 3022),
        ({"channels": [{"channel": "SMS", "fallbackAfter": 9}]}, 3023),
        ({"channels": [{"channel": "SMS", "successStatus": "Delivered"}]}, 0),
        ({"channels": [{"channel": "SMS", "successStatus": "Eaten"}]}, 3024),
    ],
)
def test_what_goes_with_a_message_is_checked(changes: dict[str, Any], code: int) -> None:
    assert flaw(**changes) == code


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("Text", {"text": "Hello"}, 0),
        ("text", {}, 3005),
        ("text", {"text": ""}, 3005),
        ("text", {"text": "x" * 35_001}, 3006),
        ("text", None, 3004),
        ("poem", {"text": "Hello"}, 3010),
        (None, {"text": "Hello"}, 3010),
        ("image", {"url": "https://img.example.net/1.jpg"}, 0),
        ("file", {}, 3007),
        ("video", {"url": "nowhere"}, 3008),
        ("location", {"location": {"latitude": "51.4", "longitude": 0}}, 0),
        ("location", {}, 3021),
        ("location", {"location": {"latitude": 51.4}}, 3021),
        ("interactive", {"interactive": {"type": "list"}}, 0),
        ("interactive", {}, 3004),
        ("richCard", {"richCard": {}}, 0),
        ("template", {}, 3030),
        ("buttons", {}, 0),
        ("text", {"text": "Hi", "sms": {"encoding": "AUTO", "source": "x" * 16}}, 0),
        ("text", {"text": "Hi", "sms": {"encoding": "MORSE"}}, 1003),
        ("text", {"text": "Hi", "sms": {"source": "x" * 17}}, 3011),
        ("text", {"text": "Hi", "fallbackText": "x" * 35_001}, 3017),
    ],
)
def test_content_fits_its_type(kind: object, content: object, code: int) -> None:
    assert flaw(type=kind, content=content) == code


def test_a_template_has_name_and_language() -> None:
    assert template_flaw() == 0
    assert template_flaw(name="") == 3031
    assert template_flaw(language=None) == 3036


def test_components_are_known_and_filled() -> None:
    text = {"type": "text", "text": "Anna"}
    assert component_flaw(type="body", parameters=[text]) == 0
    assert component_flaw(parameters=[text]) == 0
    assert component_flaw(type="Button", subType="url", index="0", parameters=[text]) == 0
    assert component_flaw(type="button", subType=1, index=0, parameters=[text]) == 0
    assert component_flaw(type="tail") == 3039
    assert component_flaw(type="button", subType="press") == 3052
    assert component_flaw(type="button", subType="Url", index=10) == 3053
    assert component_flaw(parameters=[{"type": "currency"}]) == 3042
    assert component_flaw(parameters=[{"type": "text"}]) == 3041
    assert component_flaw(parameters=[{"type": "text", "text": ""}]) == 3040
    assert component_flaw(parameters=[{"type": "couponCode", "couponCode": "X"}]) == 0


def test_what_a_message_lacks_comes_from_the_defaults() -> None:
    user_only = {"type": None, "content": None}
    assert flaw(TEXT, **user_only) == 0
    assert flaw(None, **user_only) == 3010
    assert flaw({"type": "text"}, **user_only) == 3004
    assert flaw({"type": "text", "content": {"text": ""}}, **user_only) == 3005


def test_a_property_of_a_message_replaces_the_default_as_a_whole() -> None:
    assert flaw({"type": "image"}, type=None) == 3007
    assert flaw({"content": {"url": "https://x.example.com"}}, type="image", content={}) == 3007
    wrong_channel = {"channels": [{"channel": "Pigeon"}]}
    assert flaw(wrong_channel) == 3022
    assert flaw(wrong_channel, channels=[]) == 0
