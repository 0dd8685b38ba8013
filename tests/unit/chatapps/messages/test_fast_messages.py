"""The quick way of reading messages: it takes nothing that the models refuse, and changes no byte."""

import json
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapps.messages import MessageError, read_message
from chatapps.messages.fast_messages import read_plain
from tests.examples import examples

USER = {"msisdn": "+447700900123"}
TEXT: dict[str, Any] = {"user": USER, "type": "text", "content": {"text": "Hello"}}


def template(*components: Any, **more: Any) -> dict[str, Any]:
    """A template message with these components."""
    parts = {"name": "trip", "language": "en_GB", **more}
    if components:
        parts["components"] = list(components)
    return {"user": USER, "type": "template", "content": {"template": parts}}


def texts(*values: str) -> list[dict[str, Any]]:
    """Text parameters."""
    return [{"type": "text", "text": value} for value in values]


BODY = {"type": "body", "parameters": texts("Ann", "9 o'clock")}
HEADER = {"type": "header", "parameters": [{"type": "image", "url": "https://a.test/1.png"}]}


def link(index: int) -> dict[str, Any]:
    """A link button."""
    return {"type": "button", "subType": "Url", "index": index, "parameters": texts("x/1")}


@pytest.mark.parametrize(
    "message",
    [TEXT, template(), template(BODY), template(HEADER, BODY, link(0), link(1))],
    ids=["text", "bare template", "body", "everything"],
)
def test_the_common_kinds_go_the_quick_way_and_come_out_the_same(message: Any) -> None:
    slow = read_message(message).emit_json()
    for raw in (message, json.dumps(message), json.dumps(message, indent=1).encode()):
        plain = read_plain(raw)
        assert plain is not None
        assert plain.body == slow
        assert plain.number == "+447700900123"


# Pieces that are right, nearly right, and wrong: what is not JSON at all is given as Python values.

awkward_text = st.one_of(
    st.text(max_size=6),
    st.sampled_from(["", "\ud800", "\0", "a\nb\t", "\x7f\u2028", '"\\/', "x" * 4097, "é😀"]),
)
numbers = st.sampled_from(
    [
        "+447700900123",
        "447700900123",
        "07700900123",
        "+447700900123\n",
        "+44",
        "",
        "+0123456",
        "+4a4",
    ]
)
nothing_good = st.one_of(
    st.none(), st.booleans(), st.just(1.0), st.just(set()), st.just(()), st.just([]), st.just({}),
    st.just(b"x"), st.just(MappingProxyType({"text": "Hello"})),
)  # fmt: skip


def an_object(draw: st.DrawFn, required: dict[str, Any], optional: dict[str, Any]) -> Any:
    """An object that nearly always has what it needs, and now and then something else."""
    luck = draw(st.integers(0, 9))
    if luck == 9:
        return draw(nothing_good)
    chosen = {**required, **{name: one for name, one in optional.items() if draw(st.booleans())}}
    members = {name: draw(value) for name, value in chosen.items()}
    return {**members, draw(st.sampled_from(["extra", "name"])): "x"} if luck == 8 else members


kinds = st.sampled_from(["text", "template", "Text", "TEXT", "image", "video", "document", "x"])
indexes = st.one_of(st.integers(-1, 11), st.sampled_from([0, "0", 1.0, True, None]))


@st.composite
def parameters(draw: st.DrawFn) -> Any:
    if draw(st.booleans()):
        return an_object(draw, {"type": st.just("text"), "text": awkward_text}, {})
    return an_object(draw, {"type": kinds, "url": awkward_text}, {})


@st.composite
def lists(draw: st.DrawFn) -> Any:
    values = draw(st.lists(parameters(), max_size=2))
    return draw(st.sampled_from([values, values, values, tuple(values), None, set()]))


@st.composite
def components(draw: st.DrawFn) -> Any:
    if draw(st.booleans()):
        kind = st.sampled_from(["body", "header", "footer", "Body"])
        return an_object(draw, {"type": kind}, {"parameters": lists()})
    sub_type = st.sampled_from(["Url", "Url", "url", 1, "QuickReply"])
    required = {"type": st.just("button"), "subType": sub_type}
    return an_object(draw, required, {"index": indexes, "parameters": lists()})


@st.composite
def contents(draw: st.DrawFn) -> Any:
    if draw(st.booleans()):
        return an_object(draw, {"text": awkward_text}, {"url": awkward_text})
    parts = st.lists(components(), max_size=4)
    required = {"name": awkward_text, "language": st.sampled_from(["en_GB", ""])}
    made = an_object(draw, required, {"components": st.one_of(parts, parts, nothing_good)})
    return an_object(draw, {"template": st.just(made)}, {})


@st.composite
def messages(draw: st.DrawFn) -> Any:
    user = an_object(draw, {"msisdn": numbers}, {"country": st.sampled_from(["GB", None])})
    required = {"user": st.just(user), "type": kinds, "content": contents()}
    channels = st.just([{"channel": "SMS"}])
    return an_object(draw, required, {"channels": channels} if draw(st.booleans()) else {})


def compare(raw: Any) -> bool:
    """True when the fast path took it; then the slow one must agree."""
    plain = read_plain(raw)
    if plain is None:
        return False
    slow = read_message(raw)
    assert slow.emit_json() == plain.body
    assert slow.user.msisdn == plain.number
    return True


@settings(max_examples=examples(1500))
@given(messages())
def test_what_the_quick_way_takes_the_models_take_too(message: Any) -> None:
    compare(message)
    with suppress(TypeError, UnicodeEncodeError):  # no JSON
        compare(json.dumps(message, ensure_ascii=False).encode())


@settings(max_examples=examples(300))
@given(st.lists(parameters(), min_size=1, max_size=3), st.lists(components(), max_size=3))
def test_templates_alone_are_compared_more_closely(values: list[Any], parts: list[Any]) -> None:
    compare(template({"type": "body", "parameters": values}, *parts))
    compare(template(*parts))


@settings(max_examples=examples(300))
@given(st.text())
def test_any_text_is_written_the_same(text: str) -> None:
    compare({**TEXT, "content": {"text": text}})
    compare(template({"type": "body", "parameters": texts(text)}))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"type":"text","content":{"text":"a"},"user":{"msisdn":"+447700900123"},"type":"template"}',
        b'{"type":"template","content":{"text":"a"},"user":{"msisdn":"+447700900123"},"type":"text"}',
        b'{"type":"text","content":{"text":"a","text":"b"},"user":{"msisdn":"+447700900123"}}',
        b'{"type":"text","content":{"text":"a"},"user":{"msisdn":"1"},"user":{"msisdn":"+447700900123"}}',
        b'\xef\xbb\xbf{"type":"text","content":{"text":"a"},"user":{"msisdn":"+447700900123"}}',
        b'{"type":"text","content":{"text":"\xff"},"user":{"msisdn":"+447700900123"}}',
        b'{"type":"text","content":{"text":"\\ud83d\\ude00\\ud83d"},"user":{"msisdn":"+447700900123"}}',
        b'{"type":"text","content":{"text":"a\nb"},"user":{"msisdn":"+447700900123"}} ',
        b'{"type":"text","content":{"text":"a"},"user":{"msisdn":"+447700900123"}} x',
        b"",
        b"[]",
        None,
        7,
        ["type"],
        {"type": []},
    ],
)
def test_odd_json_is_read_alike(raw: Any) -> None:
    try:
        compare(raw)
    except MessageError:
        pytest.fail("the models refuse what the quick way took")


def test_a_message_that_holds_itself_is_left_to_the_models() -> None:
    message: dict[str, Any] = {**TEXT}
    message["content"] = message
    assert read_plain(message) is None


def test_a_template_with_any_link_goes_the_quick_way() -> None:
    taken = sum(compare(template(BODY, link(i))) for i in range(10))
    assert taken == 10
