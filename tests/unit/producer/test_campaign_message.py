"""The message file of a campaign: read, filled in with samples, and checked once."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from producer.campaign_message import load_message_file, prepare
from producer.errors import InputError

TEXT = {"type": "text", "content": {"text": "Hello {{name}}"}}
COLUMNS = ("msisdn", "name", "lat", "photo", "when")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "message.json"


def test_a_message_file_is_loaded(path: Path) -> None:
    path.write_text("\ufeff" + json.dumps(TEXT), encoding="utf-8")
    assert load_message_file(path) == TEXT


def test_a_raw_tab_inside_a_string_is_tolerated(path: Path) -> None:
    path.write_text('{"type": "text", "content": {"text": "a\tb"}}')
    message = load_message_file(path)
    assert message["content"]["text"] == "a\tb"
    shared = prepare(message, COLUMNS).content.shared
    assert shared is not None
    assert json.loads(shared)["content"]["text"] == "a\tb"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "line 1, column 1"),
        (b'{"type": "text",\n "content": }', "line 2, column 13"),
        (b'{\n"type": "t\xe4xt"}', "line 2 is not UTF-8"),
        (b"[]", "must be a JSON object"),
        (b'{"user": {"msisdn": "1"}}', 'take out "user"'),
        (b'{"clientMessageId": "1"}', 'take out "clientMessageId"'),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"[" * 100_000, "nested deeper"),
    ],
)
def test_a_file_that_is_no_message_is_refused_in_one_sentence(
    path: Path, content: bytes, sentence: str
) -> None:
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"message\.json") as caught:
        load_message_file(path)
    assert sentence in str(caught.value)


def test_a_missing_file_and_a_folder_are_refused(path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        load_message_file(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_message_file(path.parent)


def test_prepared_content_names_the_columns_it_needs() -> None:
    assert prepare(TEXT, COLUMNS).content.columns == ("name",)


def test_an_unknown_column_stops_the_launch() -> None:
    message = {"type": "text", "content": {"text": "Hello {{nmae}}"}}
    with pytest.raises(InputError, match=r'content\.text .* "nmae" \(did you mean "name"'):
        prepare(message, COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        "Hello {{name",
        "Hello {{name}",
        "Hello {name}}",
        'Hello {{name"',
        "{{name}} and {{ {name} }}",
    ],
)
def test_a_placeholder_that_is_not_whole_stops_the_launch(text: str) -> None:
    with pytest.raises(InputError, match=r"content\.text has a placeholder .*write \{\{column\}\}"):
        prepare({"type": "text", "content": {"text": text}}, COLUMNS)


def test_single_braces_are_text() -> None:
    message = {"type": "text", "content": {"text": "{a} {{{name}}} }{ {"}}
    assert prepare(message, COLUMNS).content.columns == ("name",)
    for text in ('{"a":{"b":1}}', "function () { if (a) { b() }}", ":-}}"):
        prepare({"type": "text", "content": {"text": text}}, COLUMNS)


def test_a_message_that_the_provider_would_refuse_stops_the_launch() -> None:
    with pytest.raises(InputError, match="provider would refuse the message: content"):
        prepare({"type": "text", "content": {"txt": "Hello {{name}}"}}, COLUMNS)


def test_half_a_character_stops_the_launch() -> None:
    with pytest.raises(InputError, match="surrogate"):
        prepare({"type": "text", "content": {"text": "\ud800"}}, COLUMNS)


def test_columns_may_stand_where_the_provider_reads_numbers_times_and_addresses() -> None:
    location = {"latitude": "{{lat}}", "longitude": "{{lat}}", "name": "{{name}}"}
    prepare({"type": "location", "content": {"location": location}}, COLUMNS)
    prepare({"type": "image", "content": {"url": "{{photo}}"}, "scheduled": "{{when}}"}, COLUMNS)
    prepare({"type": "image", "content": {"url": "https://example.com/{{photo}}.png"}}, COLUMNS)


def test_texts_that_must_differ_differ_between_columns() -> None:
    buttons = [
        {"type": "reply", "reply": {"id": f"{{{{{column}}}}}", "title": f"{{{{{column}}}}}"}}
        for column in ("name", "lat", "photo")
    ]
    interactive = {"type": "button", "body": {"text": "?"}, "action": {"buttons": buttons}}
    message = {"type": "interactive", "content": {"interactive": interactive}}
    assert prepare(message, COLUMNS).content.columns == ("name", "lat", "photo")


SAMPLES = Path(os.environ.get("SENDMANY_SAMPLES", "/nonexistent")) / "seed"


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="SENDMANY_SAMPLES names no folder of samples")
def test_every_sample_of_a_single_message_can_be_a_campaign(path: Path) -> None:
    checked = 0
    for sample in sorted(SAMPLES.glob("*.json")):
        message: dict[str, Any] = json.loads(sample.read_text(), strict=False)
        if message.pop("user", None) is None:
            continue  # a fragment or a batch
        path.write_text(json.dumps(message))
        assert prepare(load_message_file(path), COLUMNS).content.columns == (), sample.name
        checked += 1
    assert checked == 13
