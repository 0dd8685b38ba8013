"""Content compiled once, rendered for each recipient, and safe whatever the values hold."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapps.rendering.compiled import (
    CompiledContent,
    UnknownColumns,
    compile_content,
    escape_value,
    template_of,
)
from chatapps.rendering.job_line import pack_line
from chatapps.rendering.renderer import BrokenJob, MessageRenderer

TEXT = {"type": "text", "content": {"text": "Hello {{name}}, {{ city }} calls {{name}}"}}
COLUMNS = ("msisdn", "name", "city")
RECIPIENT = "447700900123"

values = st.text(st.characters(exclude_categories=["Cs"]))
nasty = st.text(st.sampled_from('"\\%{}\n\r\t\0\x1f\x7f\u2028é😀bs{{name}}'))


def rendered(content: CompiledContent, *jobs: tuple[int, int, bytes]) -> dict[str, Any]:
    body = json.loads(content.renderer("spring").render("spring.0123456789ab", jobs))
    assert isinstance(body, dict)
    return body


def substituted(value: Any, cells: dict[str, str]) -> Any:
    """The reference for compiling: plain substitution in the string values."""
    if isinstance(value, str):
        return re.sub(r"\{\{ ?(\w+) ?\}\}", lambda match: cells[match[1]], value)
    if isinstance(value, dict):
        return {name: substituted(member, cells) for name, member in value.items()}
    return [substituted(item, cells) for item in value] if isinstance(value, list) else value


def test_a_message_has_its_id_its_recipient_and_its_values() -> None:
    content = compile_content(TEXT, COLUMNS)
    body = rendered(content, (7, 2, pack_line(RECIPIENT, ["Ana", "Porto"])))
    assert body == {
        "clientBatchId": "spring.0123456789ab",
        "includeMessagesInResponse": True,
        "template": {"type": "text"},
        "messages": [
            {
                "clientMessageId": "spring.7.2",
                "user": {"msisdn": "+447700900123"},
                "content": {"text": "Hello Ana, Porto calls Ana"},
            }
        ],
    }


def test_what_is_the_same_for_everyone_is_sent_once() -> None:
    message = {"type": "text", "content": {"text": "100 % off"}, "channels": [{"channel": "SMS"}]}
    content = compile_content(message, COLUMNS)
    assert content.columns == ()
    assert json.loads(content.shared or b"") == message
    [only] = rendered(content, (0, 1, b"447700900123"))["messages"]
    assert only == {"clientMessageId": "spring.0.1", "user": {"msisdn": "+447700900123"}}


def test_what_the_provider_does_not_merge_is_repeated_in_each_message() -> None:
    own = {"scheduled": "2100-01-01T00:00:00Z", "context": {"umid": "x"}, "expiry": "5 % late"}
    content = compile_content({"type": "text", "content": {"text": "Hi"}, **own}, COLUMNS)
    assert json.loads(content.shared or b"") == {"type": "text", "content": {"text": "Hi"}}
    [only] = rendered(content, (0, 1, b"447700900123"))["messages"]
    assert only.items() >= own.items()


def test_nothing_is_shared_when_every_property_has_a_placeholder() -> None:
    content = compile_content({"content": {"text": "{{name}}"}}, COLUMNS)
    assert content.shared is None
    assert "template" not in rendered(content, (0, 1, pack_line(RECIPIENT, ["Ana"])))


def test_columns_come_in_the_order_of_their_first_appearance() -> None:
    assert compile_content(TEXT, ("city", "msisdn", "name")).columns == ("name", "city")


def test_a_user_id_is_addressed_as_such() -> None:
    content = compile_content(TEXT, COLUMNS)
    body = rendered(content, (0, 1, pack_line("GB.1349120865530274", ["Ana", "Porto"])))
    assert body["messages"][0]["user"] == {"channelUserId": "GB.1349120865530274"}


def test_an_unknown_column_is_named_with_its_path_and_a_near_match() -> None:
    message = {"type": "text", "content": {"list": [{"text": "{{Nmae}} {{age}}"}]}}
    with pytest.raises(UnknownColumns) as caught:
        compile_content(message, COLUMNS)
    assert str(caught.value) == (
        'content.list[0].text uses the unknown column "Nmae" (did you mean "name"?); '
        'content.list[0].text uses the unknown column "age". '
        "The columns are: msisdn, name, city"
    )
    assert [each.column for each in caught.value.unknown] == ["Nmae", "age"]


def test_empty_braces_are_an_unknown_column_and_single_braces_are_text() -> None:
    with pytest.raises(UnknownColumns):
        compile_content({"content": {"text": "{{ }}"}}, COLUMNS)
    assert compile_content({"content": {"text": "{name} }}{{"}}, COLUMNS).columns == ()


@pytest.mark.parametrize("name", ["user", "clientMessageId"])
def test_content_cannot_hold_what_is_written_for_each_recipient(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        compile_content({name: "x"}, COLUMNS)


def test_compiled_content_survives_storage_and_keeps_its_digest() -> None:
    content = compile_content({**TEXT, "context": {"umid": "é 😀"}}, COLUMNS)
    loaded = CompiledContent.load(content.dump())
    assert loaded == content
    assert loaded.digest == content.digest
    assert compile_content({"type": "text"}, COLUMNS).digest != content.digest


def test_content_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format 2"):
        CompiledContent.load(b'{"format":2}')


@given(st.lists(st.tuples(values | nasty, values | nasty), max_size=4))
def test_no_value_breaks_out_of_its_string(rows: list[tuple[str, str]]) -> None:
    message = {
        "type": "template",
        "content": {
            "t%d": 'say "{{name}}" \\ 5 % of {{city}}{{name}}',
            "{{name}}": ["{{ name }}", 1.5, True, None, {"x": "{{city}}"}],
        },
        "context": {"umid": "%s\n\u2028"},
    }
    content = compile_content(message, COLUMNS)
    jobs = [(i, 1, pack_line(RECIPIENT, row)) for i, row in enumerate(rows)]
    assert all(b"\n" not in line and line.count(b"\t") == 2 for _, _, line in jobs)
    body = rendered(content, *jobs)
    for row, sent in zip(rows, body["messages"], strict=True):
        cells = dict(zip(content.columns, row, strict=True))
        expected = substituted(message, cells)
        own = {name: sent[name] for name in sent if name not in ("user", "clientMessageId")}
        assert {**body["template"], **own} == expected
        assert sent["user"] == {"msisdn": f"+{RECIPIENT}"}


@given(values | nasty)
def test_an_escaped_value_is_the_inside_of_a_json_string(text: str) -> None:
    assert json.loads(b'"%b"' % escape_value(text)) == text


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        escape_value("a\ud800b")


@pytest.mark.parametrize("text", ["{{name}} {{city}}", "{{name}} {{city}} {{name}}"])
def test_a_line_that_lacks_a_value_is_named(text: str) -> None:
    content = compile_content({"content": {"text": text}}, COLUMNS)
    jobs = [(4, 1, b"447700900123\ta\tb"), (5, 1, b"447700900124\ta")]
    with pytest.raises(BrokenJob, match=r"spring\.5"):
        content.renderer("spring").messages(jobs)


def test_a_lane_id_is_checked() -> None:
    with pytest.raises(ValueError, match="lane id"):
        compile_content(TEXT, COLUMNS).renderer('x","y":"')


def test_a_whole_message_gets_its_id() -> None:
    line = b'447700900123\t{"user":{"msisdn":"+447700900123"},"type":"text","content":{"text":"%"}}'
    body = json.loads(MessageRenderer("otp-1").render("otp-1.0123456789ab", [(3, 2, line)]))
    assert body == {
        "clientBatchId": "otp-1.0123456789ab",
        "includeMessagesInResponse": True,
        "messages": [
            {
                "clientMessageId": "otp-1.3.2",
                "user": {"msisdn": "+447700900123"},
                "type": "text",
                "content": {"text": "%"},
            }
        ],
    }


def test_when_a_message_expires_is_for_us_and_does_not_travel() -> None:
    body = b'{"user":{"msisdn":"+447700900123"},"type":"text","content":{"text":"}\\t"}}'
    plain, expiring = b"447700900123\t" + body, b"447700900123\t" + body + b"\t1795348800"
    renderer = MessageRenderer("otp-1")
    rendered = renderer.messages([(3, 1, plain), (4, 1, expiring), (5, 2, plain)])
    assert rendered == renderer.messages([(3, 1, plain), (4, 1, plain), (5, 2, plain)])
    assert json.loads(rendered[1])["content"] == {"text": "}\t"}


def test_a_line_without_a_message_is_named() -> None:
    with pytest.raises(BrokenJob, match=r"otp-1\.3"):
        MessageRenderer("otp-1").messages([(3, 1, b"447700900123\t{}")])


@pytest.mark.parametrize(
    ("name", "found"), [("sale", ("sale", "en")), ("sale_{{name}}", None), ("{{name}}", None)]
)
def test_the_template_is_found_beside_numbers_from_columns(
    name: str, found: tuple[str, str] | None
) -> None:
    place = {"type": "location", "location": {"latitude": "{{lat}}", "longitude": 2}}
    header = {"type": "header", "parameters": [place]}
    template = {"name": name, "language": "en", "components": [header]}
    message = {"type": "template", "content": {"template": template}}
    path = "content.template.components[0].parameters[0].location.latitude"
    assert template_of(compile_content(message, ["lat", "name"], [path])) == found


def test_content_with_numbers_from_columns_and_no_template_has_none() -> None:
    message = {"type": "location", "content": {"location": {"latitude": "{{lat}}", "longitude": 2}}}
    content = compile_content(message, ["lat"], ["content.location.latitude"])
    assert template_of(content) is None
