"""A batch: what its messages share, and how it is checked."""

import json
from typing import Any

import pytest

from chatapps.messages import (
    BatchRequest,
    MessageError,
    TextContent,
    read_batch,
    read_message,
)

Json = dict[str, Any]


def person(number: int, **members: Any) -> Json:
    return {"user": {"msisdn": f"+447700900{number:03}"}, **members}


GREETING: Json = {"type": "text", "content": {"text": "The boat leaves at noon."}}
PICTURE: Json = {"type": "image", "content": {"url": "https://media.example.net/pier.png"}}


def refusal(batch: Json) -> str:
    with pytest.raises(MessageError) as caught:
        read_batch(batch)
    return str(caught.value)


def test_a_message_takes_what_it_lacks_from_the_template() -> None:
    shared = {
        **GREETING,
        "type": "Text",
        "channels": [{"channel": "WhatsApp"}],
        "dlrCallbackUrl": "https://hooks.example.net/receipts",
    }
    batch = {"template": shared, "messages": [person(1, clientMessageId="a"), person(2)]}

    first, second = read_batch(batch).messages

    assert first.emit() == {**shared, **person(1, clientMessageId="a"), "type": "text"}
    assert second.emit() == {**shared, **person(2), "type": "text"}


def test_what_a_message_says_itself_wins_whole() -> None:
    shared = {**PICTURE, "content": {**PICTURE["content"], "fallbackText": "A picture"}}
    batch = {"template": shared, "messages": [person(1, **GREETING), person(2, type=None)]}

    first, second = read_batch(batch).messages

    assert isinstance(first.content, TextContent)
    assert first.content.fallback_text is None
    assert second.content.fallback_text == "A picture"


def test_content_is_checked_after_the_merge() -> None:
    batch = {"template": GREETING, "messages": [person(1), person(2, content={"txt": "a"})]}

    assert refusal(batch) == "messages[1].content.text: is required"


def test_a_batch_without_a_template_needs_whole_messages() -> None:
    said = "messages[1].type: is required; messages[1].content: is required"

    assert refusal({"messages": [person(1, **GREETING), person(2)]}) == said


@pytest.mark.parametrize("name", ["scheduled", "expiry", "context", "clientMessageId", "user"])
def test_what_a_batch_cannot_share_is_refused_not_dropped(name: str) -> None:
    batch = {"template": {**GREETING, name: "a"}, "messages": [person(1)]}

    assert refusal(batch) == f"template.{name}: is not shared by a batch: set it in each message"


def test_a_fault_of_the_template_is_said_once() -> None:
    batch = {
        "template": {"type": "text", "content": {"text": ""}},
        "messages": [person(number) for number in range(1, 50)],
    }

    assert refusal(batch) == "template.content.text: must not be empty"


def test_a_batch_holds_one_to_a_thousand_messages() -> None:
    message = person(1, **GREETING)

    assert len(read_batch({"messages": [message] * 1000}).messages) == 1000
    assert refusal({"messages": [message] * 1001}) == "messages: at most 1000, got 1001"
    assert refusal({"messages": []}) == "messages: at least 1, got 0"
    assert refusal({}) == "messages: is required"


def test_a_batch_id_has_up_to_100_characters() -> None:
    messages = [person(1, **GREETING)]

    assert read_batch({"clientBatchId": "x" * 100, "messages": messages})
    said = refusal({"clientBatchId": "x" * 101, "messages": messages})
    assert said == "clientBatchId: at most 100 characters, got 101"


def test_a_shared_text_need_only_fit_the_channels_that_the_messages_name() -> None:
    shared = {"type": "text", "content": {"text": "x" * 5000}}
    by_sms = person(1, channels=[{"channel": "SMS"}])

    assert len(read_batch({"template": shared, "messages": [by_sms]}).messages) == 1
    said = "template.content.text: at most 4096 characters on WhatsApp, got 5000"
    assert refusal({"template": shared, "messages": [by_sms, person(2)]}) == said


@pytest.mark.parametrize("members", [{"template": []}, {"messages": {}}, {"messages": [5]}])
def test_parts_of_the_wrong_shape_are_refused(members: Json) -> None:
    assert "must be a" in refusal({"messages": [person(1, **GREETING)]} | members)


def test_what_is_emitted_is_whole_and_reads_the_same() -> None:
    batch = {
        "clientBatchId": "boats.0a1b2c3d4e5f",
        "includeMessagesInResponse": True,
        "messages": [person(1, **GREETING), person(2, **PICTURE)],
        "unknown": [1, None],
    }

    read = read_batch(json.dumps(batch).encode())

    assert read.emit() == batch
    assert read_batch(read.emit_json()) == read


def test_a_batch_can_be_built_of_messages() -> None:
    messages = tuple(read_message(person(number, **GREETING)) for number in (1, 2))

    built = BatchRequest(messages=messages, include_messages_in_response=True)

    assert built.emit() == {
        "includeMessagesInResponse": True,
        "messages": [person(1, **GREETING), person(2, **GREETING)],
    }
