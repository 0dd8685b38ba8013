"""The message file of a campaign: read, filled in with samples, and checked once."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from chatapps.messages.base_model import Wire
from producer.campaigns.message_file import load_message_file, prepare
from producer.errors import BadRow, InputError
from producer.files.header import Header
from producer.files.rows import RowPacker
from producer.layout import Layout, ReadOptions

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


def test_a_named_column_comes_before_one_that_is_called_like_the_placeholder() -> None:
    other = prepare(TEXT, COLUMNS, ReadOptions(names={"name": "photo"}))
    assert other.content.columns == ("photo",)
    with pytest.raises(InputError, match="Given name"):
        prepare(TEXT, COLUMNS, ReadOptions(names={"name": "Given name"}))
    number = ReadOptions(names={"phone": "msisdn"})
    text = {"type": "text", "content": {"text": "Call {{phone}}"}}
    assert prepare(text, (*COLUMNS, "phone"), number).content.columns == ("phone",)
    assert prepare(text, COLUMNS, number).content.columns == ("msisdn",)


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
    message = {"type": "text", "content": {"text": "{a} {b{{name}}} }{ {"}}
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


@pytest.mark.parametrize(
    "text",
    ["Hi {name}", "Hi ${name}", "Hi { Name }", "Hi *|NAME|*", "Hi *|NAME:there|*", "Hi %name%",
     "20% off, %NAME%", "Hi %%name%%", "Hi [name]", "Hi [[name]]", "Hi [Name|there]", "Hi <<name>>",
     "Hi <name>", "Hi «name»", "Hi {contact.name}", "Hi {$name}", "Hi {%name%}", "Hi %(name)s",
     "https://example.com/?n=[NAME]", "Hi #name#", "Hi @Name@", "Hi __NAME__", "Hi $name,", "Hi $NAME"],
)  # fmt: skip
def test_a_placeholder_of_another_tool_stops_the_launch_with_a_hint(text: str) -> None:
    message = {"type": "text", "content": {"text": text}}
    with pytest.raises(
        InputError, match=r"content\.text has a placeholder of another tool, at "
    ) as c:
        prepare(message, COLUMNS)
    assert "write {{name}}" in str(c.value)


@pytest.mark.parametrize("text", ["Hi {{{name}}}", 'Hi "{{{ name|there }}}"'])
def test_three_braces_of_another_tool_stop_the_launch(text: str) -> None:
    message = {"type": "text", "content": {"text": text}}
    with pytest.raises(InputError, match=r"has a placeholder that is not whole, at .*: write \{\{"):
        prepare(message, COLUMNS)


@pytest.mark.parametrize(
    "text",
    [
        "20% off today, 30% tomorrow",
        "[1] {a} <b> %x% *|Y|*",
        "{{name}} (name) #name",
        "a < b > c",
        "me@name.org",
        "$5",
        "{ {{name}} }",
        "[{{name}}]",
    ],
)
def test_what_names_no_column_is_text(text: str) -> None:
    prepare({"type": "text", "content": {"text": text}}, COLUMNS)


@pytest.mark.parametrize(
    "name", ["First Name", "first_name", "FIRSTNAME", "first-name", "Fírst name"]
)
def test_a_placeholder_names_its_column_without_case_blanks_and_marks(name: str) -> None:
    message = {"type": "text", "content": {"text": f"Hi {{{{{name}}}}}"}}
    assert prepare(message, ("phone", "First Name")).content.columns == ("First Name",)
    with pytest.raises(InputError, match="unknown column"):
        prepare(
            {"type": "text", "content": {"text": "{{firstname}}"}}, ("First Name", "first_name")
        )


def sent(message: dict[str, Any], *rows: tuple[str, ...]) -> list[Any]:
    """Messages of people with these columns."""
    columns = ("phone", "a", "b")
    made = prepare(message, columns)
    layout = Layout(Header(columns, ",", 0, 0), "phone", None, None)
    packer = RowPacker(layout, made.content.columns, made.rules)
    jobs = [(n, 1, packer.pack(["+447700900001", *row])) for n, row in enumerate(rows)]
    body = json.loads(made.content.renderer("spring").render("spring.1", jobs))
    return [body.get("template", {}) | each for each in body["messages"]]


def test_a_name_of_the_map_and_a_default_for_empty_cells_fill_the_message() -> None:
    columns = ("Mobile", "Given name", "lang")
    template = {"name": "t", "language": "en", "components": [
        {"type": "body", "parameters": [{"type": "text", "text": "{{first_name|there}}"}]}
    ]}  # fmt: skip
    reading = ReadOptions({"phone": "Mobile", "first name": "Given name"}, language_column="Lang")
    made = prepare({"type": "template", "content": {"template": template}}, columns, reading)
    packer = RowPacker(
        Layout(Header(columns, ",", 0, 0), "Mobile", None, None), made.content.columns, made.rules
    )
    rows = [("Ada", "pt-br"), ("nan", ""), ("", "de")]
    jobs = [(n, 1, packer.pack(["+447700900001", *row])) for n, row in enumerate(rows)]
    body = json.loads(made.content.renderer("spring").render("spring.1", jobs))
    sent = [each["content"]["template"] for each in body["messages"]]
    assert [(one["language"], one["components"][0]["parameters"][0]["text"]) for one in sent] == [
        ("pt_BR", "Ada"), ("en", "there"), ("de", "there")
    ]  # fmt: skip
    with pytest.raises(BadRow, match="write the language as in the template"):
        packer.pack(["+447700900001", "Ada", "Deutsch!"])
    with pytest.raises(InputError, match='unknown column "nick"'):
        prepare({"type": "text", "content": {"text": "{{nick|you}}"}}, columns)
    with pytest.raises(InputError, match='has "lang" with another default than elsewhere'):
        prepare({"type": "text", "content": {"text": "{{lang|a}} {{lang|b}}"}}, columns)


PLACE = {"latitude": "{{a}}", "longitude": "{{ b }}"}


def test_a_place_from_columns_goes_out_as_numbers() -> None:
    message = {"type": "location", "content": {"location": {**PLACE, "name": "at {{a}}"}}}
    rows = [("38.8693", "-77.0536"), ("52,52", "13"), ("-0.5", "+0")]
    with pytest.raises(BadRow, match=r"column 'b' holds \+0: must be a number"):
        sent(message, *rows)
    assert [one["content"]["location"] for one in sent(message, *rows[:2])] == [
        {"latitude": 38.8693, "longitude": -77.0536, "name": "at 38.8693"},
        {"latitude": 52.52, "longitude": 13.0, "name": "at 52.52"},
    ]


@pytest.mark.parametrize(
    ("cell", "rule"),
    [("north", "must be a number"), ("91", "at most 90"), ("-90.01", "at least -90"), ("1e3", "number"),
     ("12.5.1", "number"), ("5°", "number"), ("inf", "number"), ('1,"x":2', "number")],
)  # fmt: skip
def test_a_row_whose_number_is_none_is_refused_with_the_rule(cell: str, rule: str) -> None:
    message = {"type": "location", "content": {"location": PLACE}}
    with pytest.raises(BadRow, match=rf"column 'a' holds {re.escape(cell)}: .*{rule}"):
        sent(message, (cell, "1"))


NUMBERS: dict[str, tuple[dict[str, Any], str, object, str]] = {
    "audio": (
        {"type": "audio", "content": {"url": "https://x.y/a", "audio": {"duration": "{{a}}"}}},
        "12.5", 12.5, "-1",
    ),
    "video": (
        {"type": "video", "content": {"url": "https://x.y/a", "video": {"filesize": "{{a}}"}}},
        "1024", 1024, "1,024",
    ),
    "fallback": (
        {"type": "text", "content": {"text": "Hi"},
         "channels": [{"channel": "WhatsApp", "fallbackAfter": "{{a}}"}, {"channel": "SMS"}]},
        "600", 600, "9",
    ),
    "button": (
        {"type": "template", "content": {"template": {"name": "t", "language": "en", "components": [
            {"type": "button", "subType": "Url", "index": "{{a}}",
             "parameters": [{"type": "text", "text": "x"}]}]}}},
        "3", 3, "10",
    ),
    "ttl": (
        {"type": "template", "content": {"template": {"name": "t", "language": "en", "components": [
            {"type": "button", "subType": "VoiceCall", "index": 0,
             "parameters": [{"type": "ttlMinutes", "ttlMinutes": "{{a}}"}]}]}}},
        "60", 60, "1.5",
    ),
    "map": (
        {"type": "text", "content": {"text": "Hi", "suggestions": [{"action": {
            "text": "Map", "postbackData": "m",
            "viewLocationAction": {"latLong": {"latitude": "{{a}}", "longitude": 1}}}}]}},
        "1.25", 1.25, "100",
    ),
    "header": (
        {"type": "template", "content": {"template": {"name": "t", "language": "en", "components": [
            {"type": "header", "parameters": [
                {"type": "location", "location": {"latitude": "{{a}}", "longitude": 2}}]}]}}},
        "1.25", 1.25, "x",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", NUMBERS)
def test_every_member_that_is_a_number_gets_a_number_from_a_column(kind: str) -> None:
    message, good, number, bad = NUMBERS[kind]
    (one,) = sent(message, (good, ""))
    assert '"{{a}}"' in json.dumps(message)
    expected = json.loads(json.dumps(message).replace('"{{a}}"', json.dumps(number)))
    assert {name: one[name] for name in expected} == expected
    with pytest.raises(BadRow, match="column 'a' holds"):
        sent(message, (bad, ""))


def test_no_member_of_the_models_that_is_a_number_is_left_out() -> None:
    def is_number(annotation: Any) -> bool:
        return annotation in (int, float) or any(map(is_number, get_args(annotation)))

    def classes(model: type[Wire]) -> Iterator[type[Wire]]:
        for below in model.__subclasses__():
            yield below
            yield from classes(below)

    members = {
        field.alias or name
        for model in classes(Wire)
        if model.__module__.startswith("chatapps.messages")
        for name, field in model.model_fields.items()
        if is_number(field.annotation)
    }
    tried = {
        "latitude",
        "longitude",
        "duration",
        "filesize",
        "fallbackAfter",
        "index",
        "ttlMinutes",
    }
    assert members == tried | {"cardIndex", "ttlSeconds"}  # two more of the same kinds


def test_a_number_made_of_more_than_a_column_stops_the_launch() -> None:
    location = {"latitude": "{{a}}.5", "longitude": 1}
    with pytest.raises(
        InputError, match=r"content\.location\.latitude is a number: give it one column"
    ):
        prepare({"type": "location", "content": {"location": location}}, ("phone", "a"))


def template(*texts: str) -> dict[str, Any]:
    parameters = [{"type": "text", "text": text} for text in texts]
    body = {"type": "body", "parameters": parameters}
    return {
        "type": "template",
        "content": {"template": {"name": "t", "language": "en", "components": [body]}},
    }


def test_values_are_folded_where_they_fill_a_template_and_nowhere_else() -> None:
    (one,) = sent(template("{{a}}", "to {{b}}"), ("x\ny", "1\t2"))
    (body,) = one["content"]["template"]["components"]
    assert [each["text"] for each in body["parameters"]] == ["x y", "to 1 2"]
    text = {"type": "text", "content": {"text": "{{a}}"}}
    assert sent(text, ("x\ny", ""))[0]["content"]["text"] == "x\ny"


@pytest.mark.parametrize("text", ["{{a}}\nx", "{{a}}\t", "{{a}}     {{b}}"])
def test_a_parameter_that_whatsapp_never_takes_stops_the_launch(text: str) -> None:
    with pytest.raises(InputError, match="holds a line end, a tab or more than 4 blanks in a row"):
        prepare(template(text), ("phone", "a", "b"))
