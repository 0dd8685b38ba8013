"""Undocumented forms that are accepted, and errors in words."""

import json
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatapps.messages import (
    MessageError,
    Problem,
    read_batch,
    read_message,
    read_message_body,
)
from chatapps.messages.base_model import Wire
from chatapps.messages.json_parser import MAX_DEPTH
from tests.examples import examples

Json = dict[str, Any]

FOLDER = Path(__file__).parents[3] / "fixtures" / "messages"
PERSON = {"msisdn": "+447700900123"}
TEXT: Json = {"user": PERSON, "type": "text", "content": {"text": "The boat leaves at noon."}}


def template(component: Json) -> Json:
    named = {"name": "boat_trip", "language": "en", "components": [component]}
    return {"user": PERSON, "type": "template", "content": {"template": named}}


def component_of(message: Json) -> Any:
    return read_message(message).emit()["content"]["template"]["components"][0]


def rules(raw: Any) -> str:
    with pytest.raises(MessageError) as caught:
        read_message(raw)
    return str(caught.value)


# --- spellings that the API is known to take -----------------------------------------------------


@pytest.mark.parametrize("spelt", ["text", "Text", "TEXT"])
def test_the_message_type_is_read_in_any_case(spelt: str) -> None:
    assert read_message(TEXT | {"type": spelt}).emit() == TEXT


@pytest.mark.parametrize("spelt", ["richCard", "RichCard", "richcard"])
def test_a_type_of_two_words_gets_its_own_spelling_back(spelt: str) -> None:
    media = {"contentInfo": {"fileUrl": "https://media.example.net/pier.png"}}
    card = {"cardOrientation": "vertical", "media": media}
    written = TEXT | {"type": spelt, "content": {"richCard": card}}

    assert read_message(written).type == "richCard"


@pytest.mark.parametrize("spelt", ["button", "Button", "BUTTON"])
@pytest.mark.parametrize(
    ("sub_type", "kind", "emitted"),
    [
        ("Url", "text", "Url"),
        ("url", "text", "Url"),
        (1, "text", "Url"),
        ("QuickReply", "payload", "QuickReply"),
        ("quickreply", "payload", "QuickReply"),
        ("quickReply", "Payload", "QuickReply"),
        ("copyCode", "couponCode", "CopyCode"),
        ("COPYCODE", "couponcode", "CopyCode"),
        ("flow", "action", "Flow"),
        ("voicecall", "payload", "VoiceCall"),
    ],
)
@pytest.mark.parametrize(("index", "place"), [(4, 4), ("4", 4), (0, 0), ("0", 0)])
def test_buttons_are_read_in_the_spellings_of_the_docs(
    spelt: str, sub_type: str | int, kind: str, emitted: str, index: int | str, place: int
) -> None:
    value = {"type": kind, "text": "a", "payload": "b", "couponCode": "c"}
    written = {"type": spelt, "subType": sub_type, "index": index, "parameters": [value]}

    read = component_of(template(written))

    assert (read["type"], read["subType"], read["index"]) == ("button", emitted, place)


def test_a_component_without_a_type_is_the_body() -> None:
    read = component_of(template({"parameters": [{"type": "text", "text": "Ivy"}]}))

    assert read == {"type": "body", "parameters": [{"type": "text", "text": "Ivy"}]}


@pytest.mark.parametrize(
    ("written", "read"), [("50.8157", 50.8157), (50.8157, 50.8157), ("-7", -7.0), (3, 3.0)]
)
def test_coordinates_are_read_as_numbers_or_numeric_texts(
    written: float | str, read: float
) -> None:
    place = {"latitude": written, "longitude": written}
    message = TEXT | {"type": "location", "content": {"location": place}}

    emitted = read_message(message).emit()["content"]["location"]

    assert emitted == {"latitude": read, "longitude": read}


@pytest.mark.parametrize("written", ["", " 5", "1_0", "nan", "1e5", "\u0665", True, 10**400, []])
def test_what_is_no_plain_number_is_no_coordinate(written: Any) -> None:
    place = {"latitude": written, "longitude": 0}
    message = TEXT | {"type": "location", "content": {"location": place}}

    assert rules(message) == "content.location.latitude: must be a number"


@pytest.mark.parametrize(
    ("written", "read"), [("2700", 2700), (2700, 2700), ("5", 5), ("5.5", 5.5), (5.5, 5.5)]
)
def test_lengths_of_media_are_read_as_numbers_or_numeric_texts(
    written: float | str, read: float
) -> None:
    content = {"url": "https://media.example.net/waves.mp4", "video": {"duration": written}}

    emitted = read_message(TEXT | {"type": "video", "content": content}).emit()

    assert emitted["content"]["video"]["duration"] == read
    assert type(emitted["content"]["video"]["duration"]) is type(read)


@pytest.mark.parametrize("header_text", ["Boat trip", {"text": "Boat trip"}, {"id": "1"}])
def test_the_text_of_a_header_may_be_a_text_or_an_object(header_text: str | Json) -> None:
    header = {"type": "Text", "text": header_text}
    action = {"buttons": [{"type": "Reply", "reply": {"id": "go", "title": "Go"}}]}
    parts = {"type": "Button", "header": header, "body": {"text": "Come?"}, "action": action}

    read = read_message(TEXT | {"type": "Interactive", "content": {"interactive": parts}})

    emitted = read.emit()["content"]["interactive"]
    assert emitted["type"] == "button"
    assert emitted["header"] == {"type": "text", "text": header_text}
    assert emitted["action"]["buttons"][0]["type"] == "reply"


def test_the_address_of_a_templates_medium_may_lack_its_scheme() -> None:
    written = {
        "type": "header",
        "parameters": [{"type": "image", "url": "media.example.net/a.png"}],
    }

    assert component_of(template(written)) == written


@pytest.mark.parametrize(
    ("written", "emitted"),
    [
        ("2031-07-01T08:00:00Z", "2031-07-01T08:00:00+00:00"),
        ("2031-07-01t08:00:00z", "2031-07-01T08:00:00+00:00"),
        ("2031-07-01T08:00:00.5+01:00", "2031-07-01T08:00:00.500000+01:00"),
        ("2031-07-01T08:00:00.1234567-0300", "2031-07-01T08:00:00.123456-03:00"),
    ],
)
def test_times_are_read_in_every_form_of_the_standard(written: str, emitted: str) -> None:
    assert read_message(TEXT | {"scheduled": written}).emit()["scheduled"] == emitted


def test_null_is_the_same_as_absent() -> None:
    assert read_message(TEXT | {"channels": None, "clientMessageId": None}).emit() == TEXT
    assert read_message(TEXT | {"mood": None}).emit() == TEXT


def test_members_of_other_kinds_may_be_null_as_some_programs_write_them() -> None:
    values = {"text": "Ivy", "url": None, "payload": None, "couponCode": None}
    parts = {"subType": None, "index": None, "cards": None}
    written = template({"type": "body", "parameters": [{"type": "text", **values}], **parts})

    read = component_of(written)

    assert read == {"type": "body", "parameters": [{"type": "text", "text": "Ivy"}]}


@pytest.mark.parametrize("control", ["\t", "\n", "\r", "\x00", "\x1f"])
def test_raw_control_characters_inside_a_text_are_read(control: str) -> None:
    raw = json.dumps(TEXT).replace("boat ", f"boat{control}")

    emitted = read_message(raw).emit_json()

    assert json.loads(emitted)["content"]["text"] == f"The boat{control}leaves at noon."
    assert control.encode() not in emitted


def test_a_byte_order_mark_is_read_over() -> None:
    raw = json.dumps(TEXT)

    assert read_message(b"\xef\xbb\xbf" + raw.encode()).emit() == TEXT
    assert read_message("\ufeff" + raw).emit() == TEXT


def test_text_bytes_and_objects_read_alike() -> None:
    raw = json.dumps(TEXT, ensure_ascii=False)

    assert read_message(raw) == read_message(raw.encode()) == read_message(TEXT)


def test_names_of_our_python_models_mean_nothing_in_json() -> None:
    read = read_message(TEXT | {"client_message_id": "trip.17.1"})

    assert read.client_message_id is None
    assert read.emit()["client_message_id"] == "trip.17.1"


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("", "not JSON at line 1, column 1: expecting value"),
        ('{"user":\n  }', "not JSON at line 2, column 3: expecting value"),
        (b'{"a": 1,\n "b" 2}', "not JSON at line 2, column 6: expecting ':' delimiter"),
        ('{"a": 1} x', "not JSON at line 1, column 10: extra data"),
        ("[]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('{"a": NaN}', "not JSON: NaN is not a number"),
        ('{"a": -Infinity}', "not JSON: -Infinity is not a number"),
        (b'{"a": "\xff"}', "not UTF-8 text at byte 7"),
        ('{"a": "\\ud800"}', "holds half a character (a lone surrogate)"),
        ('{"a": "\ud800"}', "holds half a character (a lone surrogate)"),
        (b'{"a": "\xed\xa0\x80"}', "holds half a character (a lone surrogate)"),
        ('{"a": ' + "9" * 5000 + "}", "holds a number of too many digits"),
        ("[" * 100_000, "nested deeper than 64 levels"),
        ('{"a":' * 100_000, "nested deeper than 64 levels"),
        (None, "must be JSON text or an object"),
        (17, "must be JSON text or an object"),
        ({"a": object()}, "not JSON: Object of type object is not JSON serializable"),
    ],
)
def test_what_is_not_json_is_refused_in_plain_words(raw: Any, said: str) -> None:
    assert rules(raw) == said


@pytest.mark.parametrize("number", ["1e999", "-1e999"])
def test_a_number_beyond_all_bounds_is_refused(number: str) -> None:
    assert "not finite" in rules('{"a": ' + number + "}")


def test_an_object_that_holds_itself_is_refused() -> None:
    knot: Json = {}
    knot["a"] = knot

    assert "holds itself" in rules(knot)


@pytest.mark.parametrize(("levels", "fits"), [(MAX_DEPTH - 1, True), (MAX_DEPTH, False)])
def test_depth_is_limited_so_that_whatever_was_read_can_be_emitted(levels: int, fits: bool) -> None:
    raw = json.dumps(TEXT)[:-1] + ', "deep": ' + "[" * levels + "0" + "]" * levels + "}"

    if fits:
        assert json.loads(read_message(raw).emit_json()) == json.loads(raw)
    else:
        assert "nested deeper" in rules(raw)


def test_a_number_of_many_digits_is_kept() -> None:
    assert json.loads(read_message(TEXT | {"n": 10**30}).emit_json())["n"] == 10**30


def test_problems_name_place_and_rule() -> None:
    with pytest.raises(MessageError) as caught:
        read_message({"type": "text", "content": {"text": ""}, "user": {}})

    assert caught.value.problems == (
        Problem("content.text", "must not be empty"),
        Problem("user", "needs msisdn, channelUserId or lineUserId"),
    )
    assert str(caught.value) == (
        "content.text: must not be empty; user: needs msisdn, channelUserId or lineUserId"
    )


@pytest.mark.parametrize(
    ("component", "said"),
    [
        (5, "[0]: must be an object"),
        (
            {"type": "boddy"},
            "[0].type: must be one of header, body, button, footer, carousel,"
            " call_permission_request, request_contact_info",
        ),
        (
            {"type": "button"},
            "[0].subType: must be one of QuickReply, Url, CopyCode, Flow, VoiceCall",
        ),
        (
            {"type": "button", "subType": 2},
            "[0].subType: must be one of QuickReply, Url, CopyCode, Flow, VoiceCall",
        ),
        (
            {"type": "button", "subType": True},
            "[0].subType: must be one of QuickReply, Url, CopyCode, Flow, VoiceCall",
        ),
        (
            {"type": "header", "parameters": [{"type": "currency"}]},
            "[0].parameters[0].type: must be one of text, image, video, document, gif, location",
        ),
        (
            {"type": "header", "parameters": [{"type": "text"}]},
            "[0].parameters[0].text: is required",
        ),
        (
            {
                "type": "header",
                "parameters": [{"type": "location", "location": {"latitude": True}}],
            },
            "[0].parameters[0].location.latitude: must be a number;"
            " content.template.components[0].parameters[0].location.longitude: is required",
        ),
        ({"parameters": [{"type": "text", "text": 5}]}, "[0].parameters[0].text: must be a text"),
        ({"parameters": {}}, "[0].parameters: must be a list"),
    ],
)
def test_paths_read_like_the_json(component: Any, said: str) -> None:
    assert rules(template(component)) == f"content.template.components{said}"


def test_an_unknown_type_is_refused_with_the_known_ones() -> None:
    assert rules(TEXT | {"type": "sticker"}).startswith("type: must be one of text, image, audio")
    assert rules(TEXT | {"type": ["text"]}).startswith("type: must be one of")


def test_a_campaigns_message_names_nobody() -> None:
    with pytest.raises(MessageError, match=r"^user: differs.*; clientMessageId: differs"):
        read_message_body(TEXT | {"clientMessageId": "trip.17.1"})


def test_many_problems_are_counted_not_listed() -> None:
    with pytest.raises(MessageError) as caught:
        read_message(TEXT | {"channels": [{}] * 1500})

    assert len(caught.value.problems) == 101
    assert str(caught.value).endswith("; and 1400 more")


@pytest.mark.parametrize(
    "surplus",
    [
        {f"a{n}": 1 for n in range(2000)},
        {"channels": [{}] * 2000},
        {"more": [[0] * 20] * 100},
    ],
)
def test_a_message_has_so_many_members_and_no_more(surplus: dict[str, Any]) -> None:
    with pytest.raises(MessageError, match=r"^holds more than 2,000 members$"):
        read_message(TEXT | surplus)


def test_commas_in_a_text_are_no_members() -> None:
    assert read_message(TEXT | {"content": {"text": "," * 4000}})


def test_an_error_never_holds_the_number() -> None:
    faulty = TEXT | {"user": {"msisdn": PERSON["msisdn"] + " "}, "channels": 5}

    with pytest.raises(MessageError) as caught:
        read_message(faulty)

    assert "900123" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None


def test_a_message_in_a_log_does_not_show_the_number() -> None:
    assert "900123" not in repr(read_message(TEXT))


def test_an_error_travels_between_processes() -> None:
    error = MessageError(Problem("content.text", "must not be empty"))

    assert pickle.loads(pickle.dumps(error)).problems == error.problems  # noqa: S301


# --- anything at all -----------------------------------------------------------------------------

TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["text", "template", "Button", "1", "+447700900123", "https://a.example.net"]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=3)
            | st.sampled_from(
                ["user", "type", "content", "text", "template", "components", "subType", "messages"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)
SOUND = [path.read_bytes() for path in sorted(FOLDER.glob("*.json"))]


@st.composite
def grafted(draw: st.DrawFn) -> Json:
    """A sound message of some kind with one part replaced by anything."""
    message: Any = json.loads(draw(st.sampled_from(SOUND)))
    node = message
    while True:
        step = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
        if not isinstance(node[step], (dict, list)) or not node[step] or draw(st.booleans()):
            node[step] = draw(TREES)
            return message  # type: ignore[no-any-return]
        node = node[step]


def model_or_none(read: Callable[[Any], Wire], raw: Any) -> Wire | None:
    try:
        return read(raw)
    except MessageError:
        return None


@settings(max_examples=examples(300), deadline=None)
@given(
    raw=st.binary(max_size=60)
    | st.text(max_size=60)
    | TREES
    | grafted()
    | grafted().map(json.dumps)
)
@example(raw=b"")
@example(raw={"type": "template", "content": {"template": {"components": [[]]}}})
def test_anything_at_all_gives_a_model_or_one_message_error(raw: Any) -> None:
    for read in (read_message, read_message_body, read_batch):
        model = model_or_none(read, raw)
        # by what is emitted: an unknown member that is null is read, and is the same as none
        assert model is None or read(model.emit_json()).emit() == model.emit()
