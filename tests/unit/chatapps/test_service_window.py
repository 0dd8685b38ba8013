"""Which messages WhatsApp carries only within the service window."""

from typing import Any

import pytest

from chatapps.messages import read_message
from chatapps.rendering.compiled import compile_content
from chatapps.service_window import content_needs_window, line_needs_window

TEXT = {"type": "text", "content": {"text": "Hello {{name}}"}}
TEMPLATE = {"type": "template", "content": {"template": {"name": "sale", "language": "en"}}}
WHATSAPP, SMS = {"channel": "WhatsApp"}, {"channel": "SMS"}
DIRECT = {"text": "Hello", "whatsApp": {"directSend": {"category": "utility"}}}
BUTTONS = {
    "type": "button",
    "body": {"text": "Template?"},
    "action": {"buttons": [{"type": "reply", "reply": {"id": "template", "title": "template"}}]},
}


CASES: list[tuple[dict[str, Any], bool]] = [
    (TEXT, True),
    (TEMPLATE, False),
    ({"type": "interactive", "content": {"interactive": BUTTONS}}, True),
    ({"type": "image", "content": {"url": "https://shop.test/a.png"}}, True),
    ({**TEXT, "channels": [WHATSAPP]}, True),
    ({**TEXT, "channels": [WHATSAPP, SMS]}, False),
    ({**TEXT, "channels": [{"channel": "Viber"}]}, False),
    ({**TEMPLATE, "channels": [WHATSAPP]}, False),
    ({"type": "text", "content": DIRECT}, False),
    ({"type": "text", "content": {"text": '{"type":"template"} "type":"template"'}}, True),
    ({"type": "text", "content": {"text": 'x","channels":[{"channel":"SMS"}]'}}, True),
]


@pytest.mark.parametrize(("message", "needs"), CASES)
def test_a_campaign_needs_the_window_by_its_message(message: dict[str, Any], needs: bool) -> None:
    assert content_needs_window(compile_content(message, ["name"])) is needs


@pytest.mark.parametrize(("message", "needs"), CASES)
def test_a_single_message_needs_it_by_the_bytes_of_its_line(
    message: dict[str, Any], needs: bool
) -> None:
    body = read_message({**message, "user": {"msisdn": "+447700900123"}}).emit_json()
    assert line_needs_window(b"447700900123\t" + body) is needs
    assert line_needs_window(b"447700900123\t" + body + b"\t1795344000") is needs


def test_a_template_is_known_wherever_its_type_stands() -> None:
    line = b'447700900123\t{"content":{"template":{"name":"a","language":"en"}},"type":"template"}'
    assert not line_needs_window(line)


def test_placeholders_in_the_channels_or_the_type_do_not_hide_them() -> None:
    message = {"type": "text", "content": DIRECT | {"text": "{{name}}"}, "channels": [WHATSAPP]}
    assert not content_needs_window(compile_content(message, ["name"]))


@pytest.mark.parametrize("line", [b"447700900123", b"447700900123\t{", b"447700900123\t[1]", b""])
def test_a_line_that_cannot_be_read_needs_none(line: bytes) -> None:
    assert not line_needs_window(line)


def test_a_location_whose_numbers_are_columns_needs_it() -> None:
    place = {"latitude": "{{lat}}", "longitude": "{{lon}}", "name": "{{name}}"}
    message = {"type": "location", "content": {"location": place}}
    numbers = ("content.location.latitude", "content.location.longitude")
    assert content_needs_window(compile_content(message, ["lat", "lon", "name"], numbers))
