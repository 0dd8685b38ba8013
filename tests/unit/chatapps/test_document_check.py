"""Telling what a document is, and whether it is sound."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapps.document_check import Checked, Kind, check_document
from tests.examples import examples

Json = dict[str, Any]

FOLDER = Path(__file__).parents[2] / "fixtures" / "messages"
PERSON = {"msisdn": "+447700900123"}
CONTENT = {"type": "Text", "content": {"text": "The boat leaves at noon."}}
WRITTEN: dict[Kind, Json] = {
    "message": {"user": PERSON, **CONTENT},
    "batch": {"template": CONTENT, "messages": [{"user": PERSON}]},
    "template": {
        "name": "boat_trip",
        "language": "en_GB",
        "category": "utility",
        "components": [{"type": "body", "text": "The boat leaves at noon today."}],
    },
    "receipt": {
        "version": 9,
        "namespace": "ChatApps",
        "eventType": "outbound_message_status_changed",
        "payload": {
            "umid": "0b7f9f5e-0000-4000-8000-00000000000a",
            "status": {"state": "delivered", "timestamp": "2031-07-01T08:00:00Z"},
        },
    },
    "reply": {
        "version": 3,
        "namespace": "ChatApps",
        "eventType": "inbound_message_received",
        "payload": {
            "umid": "0b7f9f5e-0000-4000-8000-00000000000b",
            "user": PERSON,
            "type": "Text",
            "content": {"text": "Count me in"},
        },
    },
    "business": {
        "eventId": "0b7f9f5e-0000-4000-8000-00000000000c",
        "eventType": "template_status_update",
        "eventDetails": {"templateName": "boat_trip", "meta": {"status": "APPROVED"}},
    },
}


def check(document: Any, kind: Kind | None = None) -> Checked:
    return check_document(json.dumps(document).encode(), kind)


def test_every_kind_is_tried_here() -> None:
    assert set(WRITTEN) == set(get_args(Kind))


@pytest.mark.parametrize("kind", WRITTEN)
def test_the_kind_is_told_by_the_members(kind: Kind) -> None:
    guessed = check(WRITTEN[kind])

    assert (guessed.kind, guessed.ok, guessed.errors) == (kind, True, ())
    assert guessed == check(WRITTEN[kind], kind)


def test_what_is_emitted_is_in_the_providers_spelling() -> None:
    message = {"user": PERSON, **CONTENT, "type": "text"}

    assert check(WRITTEN["message"]).emitted == message
    assert check(WRITTEN["batch"]).emitted == {"messages": [message]}
    assert check(WRITTEN["template"]).emitted == {
        **WRITTEN["template"],
        "category": "UTILITY",
        "components": [{"type": "BODY", "text": "The boat leaves at noon today."}],
    }


def test_of_a_webhook_it_shows_what_is_understood() -> None:
    reply, business = check(WRITTEN["reply"]).emitted, check(WRITTEN["business"]).emitted

    assert reply
    assert reply["text"] == "Count me in"
    assert business
    assert business["status"] == "APPROVED"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_messages_of_every_kind_are_sound(path: Path) -> None:
    checked = check_document(path.read_bytes())

    assert checked == Checked("message", True, json.loads(path.read_bytes()), ())


def test_the_message_of_a_campaign_needs_nobody_and_may_hold_placeholders() -> None:
    place = {"latitude": "{{lat}}", "longitude": "{{lon}}", "name": "{{where}} at noon"}
    picture = {"type": "image", "content": {"url": "{{picture}}"}}

    assert check({"type": "location", "content": {"location": place}}).emitted == {
        "type": "location",
        "content": {"location": place},
    }
    assert check(picture).emitted == picture


@pytest.mark.parametrize(
    ("document", "kind", "said"),
    [
        ({"user": PERSON, "type": "text"}, "message", "content: is required"),
        ({"type": "text", "content": {}}, "message", "content.text: is required"),
        ({"clientMessageId": "a", **CONTENT}, "message", "user: is required"),
        ({"messages": []}, "batch", "messages: at least 1, got 0"),
        ({"eventType": "inbound_message_received"}, "reply", "umid"),
        ({"eventDetails": {}}, "business", "eventType"),
        ({"category": "UTILITY"}, "template", "is required"),
    ],
)
def test_what_is_refused_is_refused_as_something(document: Json, kind: str, said: str) -> None:
    checked = check(document)

    assert (checked.kind, checked.ok, checked.emitted) == (kind, False, None)
    assert said in "; ".join(map(str, checked.errors))


def test_a_webhook_of_another_kind_is_told() -> None:
    checked = check(WRITTEN["reply"], "receipt")

    assert checked.kind == "receipt"
    assert list(map(str, checked.errors)) == ["eventType: is that of a reply, not of a receipt"]


def test_an_event_that_nobody_knows_is_kept() -> None:
    checked = check({"eventType": "moon_phase_changed", "payload": {"phase": "full"}})

    assert (checked.kind, checked.ok) == ("other", True)
    assert checked.emitted
    assert checked.emitted["data"]["payload"] == {"phase": "full"}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"{}", "looks like none of message, batch, template, receipt, reply, business"),
        (b'{"fallbackText": "Go!"}', "say what it is"),
        (b"[]", "must be a JSON object"),
        (b"", "not JSON at line 1"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_what_tells_nothing_has_no_kind(raw: bytes, said: str) -> None:
    checked = check_document(raw)

    assert (checked.kind, checked.ok, checked.emitted) == (None, False, None)
    assert said in str(checked.errors[0])


KINDS = st.none() | st.sampled_from(get_args(Kind))
NAMES = st.sampled_from([name for document in WRITTEN.values() for name in document])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)
CHANGED = st.builds(
    lambda document, name, value: json.dumps({**document, name: value}).encode(),
    st.sampled_from(list(WRITTEN.values())),
    NAMES,
    VALUES,
)


@settings(max_examples=examples(200), deadline=None)
@given(raw=st.binary(max_size=40) | CHANGED, kind=KINDS)
def test_anything_at_all_is_sound_or_refused(raw: bytes, kind: Kind | None) -> None:
    checked = check_document(raw, kind)

    assert checked.ok is (checked.emitted is not None) is not bool(checked.errors)
    assert json.dumps(checked.emitted)
