"""Anything at all gives an event or one clear error, alone or in a list."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatapps.webhooks import (
    ExternalMessage,
    MessageError,
    OtherEvent,
    Person,
    Reply,
    WebhookEvent,
    items_of,
    read_webhook,
)
from chatapps.webhooks.parse import MOST_ITEMS

Json = dict[str, Any]
Body = Callable[[str], Json]

# A busy machine is no fault of the code.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
FILES: Final = sorted((Path(__file__).parent / "bodies").glob("*.json"))
TYPES: Final = [
    *("outbound_message_status_changed", "inbound_message_received", "inboundMessage"),
    *("external_app_message", "template_status_update", "template_quality_update"),
    *("phone_number_quality_update", "account_update", "something_new"),
]

SCALARS: Final = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)
)
NAMES: Final = st.sampled_from(
    [
        *("payload", "eventDetails", "meta", "user", "status", "content", "interactive"),
        *("umid", "state", "channel", "type", "text", "timestamp", "recipient", "msisdn"),
        *("nfmReply", "responseJson", "restrictionInfo", "outboundContent", "version"),
    ]
) | st.text(max_size=4)
ANY_JSON: Final = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=25,
)
EVENTS: Final = st.builds(
    lambda members, name: {**members, "eventType": name},
    st.dictionaries(NAMES, ANY_JSON, max_size=6),
    st.sampled_from(TYPES),
)


def judge(raw: bytes) -> WebhookEvent | str:
    """The event, or the error in words; anything else fails the test."""
    try:
        event = read_webhook(raw)
    except MessageError as error:
        return str(error)
    json.dumps(event.emit())
    return event


@UNHURRIED
@given(ANY_JSON | EVENTS)
def test_any_json_is_an_event_or_one_error(value: object) -> None:
    found = judge(json.dumps(value).encode())

    assert found if isinstance(found, str) else found.kind


@UNHURRIED
@given(st.binary(max_size=64))
def test_any_bytes_are_an_event_or_one_error(raw: bytes) -> None:
    assert isinstance(judge(raw), str)
    assert items_of(raw) in (None, [])


@UNHURRIED
@given(st.sampled_from(FILES), st.data())
def test_a_damaged_body_is_an_event_or_one_error(path: Path, data: st.DataObject) -> None:
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)) | st.just(len(raw)))

    assert judge(bytes(raw[:cut]))


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b"", "not JSON at line 1"),
        (b"null", "must be a JSON object"),
        (b"[]", "must be a JSON object"),
        (b"{}", "eventType: is required"),
        (b'{"eventType": ""}', "eventType: is required"),
        (b'{"eventType": 5}', "eventType: must be a text"),
        (b'{"eventType": "' + b"x" * 129 + b'"}', "eventType: must be a text"),
        (b'{"eventType": "x", "data": ' + b"[" * 100 + b"]" * 100 + b"}", "nested deeper than"),
        (b"[" * 100_000, "nested deeper than"),
        (b'{"eventType": "x", "n": NaN}', "NaN is not a number"),
    ],
)
def test_what_is_no_event_is_refused_in_words(raw: bytes, complaint: str) -> None:
    with pytest.raises(MessageError) as caught:
        read_webhook(raw)

    assert complaint in str(caught.value)


def test_an_object_is_read_as_well_as_its_text(body: Body) -> None:
    written = body("receipt-v9-read")

    assert read_webhook(written) == read_webhook(json.dumps(written))


def test_an_event_of_an_unknown_type_is_kept_whole() -> None:
    written = {"eventType": "Typing_Started", "payload": {"umid": "u-1", "n": [1]}, "news": None}
    event = read_webhook(json.dumps(written).encode())

    assert event == OtherEvent(event_type="typing_started", event_id="u-1", data=written)
    assert event.kind == "other"


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ({"eventType": "inbound_call"}, "reply"),
        ({"eventType": "outbound_price"}, "receipt"),
        ({"eventType": "x", "payload": {"status": {}}}, "receipt"),
        ({"eventType": "x", "payload": [], "businessAccountId": "1"}, "business"),
        ({"eventType": "x"}, "other"),
    ],
)
def test_an_unknown_event_tells_by_which_webhook_it_came(written: Json, kind: str) -> None:
    assert read_webhook(written).kind == kind


def test_a_message_from_the_business_app_is_no_receipt(body: Body) -> None:
    written = body("external-message")
    event = read_webhook(written)

    assert isinstance(event, ExternalMessage)
    assert event.kind == "receipt"
    assert event.person == Person("447700900417", "GB.9021744810022")
    assert (event.channel, event.type, event.text) == (
        "whatsapp",
        "text",
        "We kept your umbrella.",
    )
    assert event.event_id == written["payload"]["umid"]
    assert event.data == written
    assert "umbrella" not in repr(event)


def test_a_message_from_the_business_app_may_be_empty() -> None:
    assert isinstance(read_webhook({"eventType": "external_app_message"}), ExternalMessage)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_what_we_understood_is_plain_json(path: Path) -> None:
    event = read_webhook(path.read_bytes())
    emitted = event.emit()

    assert json.loads(json.dumps(emitted)) == emitted
    assert emitted["kind"] == event.kind
    assert emitted["time"].endswith("Z")


def test_half_a_character_does_not_cost_a_message() -> None:
    raw = b'{"eventType": "inbound_message_received", "payload": {"umid": "u", "content": %s}}'

    for text in (rb'{"text": "STOP \ud83d"}', b'{"text": "STOP \xf0\x9f"}'):
        event = read_webhook(raw % text)
        assert isinstance(event, Reply)
        assert event.text is not None
        assert event.text.startswith("STOP ")


def test_a_raw_line_break_in_a_text_does_not_cost_a_message() -> None:
    event = read_webhook(
        b'\xef\xbb\xbf{"eventType": "inbound_message_received",'
        b' "payload": {"umid": "u", "content": {"text": "two\nlines"}}}'
    )

    assert isinstance(event, Reply)
    assert event.text == "two\nlines"


def test_a_list_gives_the_texts_of_its_events(body: Body) -> None:
    written = [body("receipt-v9-read"), body("reply-v3-text"), 7]
    found = items_of(json.dumps(written).encode())
    assert found is not None
    assert [json.loads(item) for item in found] == written
    assert items_of(b" [ ] ") == []
    assert items_of(b"[" + b"0," * MOST_ITEMS + b"0]") is None


def test_any_other_body_is_no_list(body: Body) -> None:
    for raw in (json.dumps(body("receipt-v9-read")).encode(), b"{}", b"[", b"7", b"[" * 100_000):
        assert items_of(raw) is None


def test_a_list_with_flaws_in_its_text_is_read_with_patience(body: Body) -> None:
    raw = json.dumps([body("reply-v3-text")]).encode().replace(b" STOP! ", b"STOP\nnow")

    (item,) = items_of(raw) or []
    event = read_webhook(item)
    assert isinstance(event, Reply)
    assert event.text == "STOP\nnow"
