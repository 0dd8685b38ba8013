"""Templates for review: every kind is read whatever its spelling, and written in one."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatapps.messages import MessageError
from chatapps.templates import TemplateDraft, advice, read_template

Json = dict[str, Any]

KINDS = sorted((Path(__file__).parents[3] / "fixtures/templates").glob("*.json"))
BODY: Json = {"type": "BODY", "text": "Dear {{1}}, the boat is back.", "examples": ["Ana"]}
LINK: Json = {"type": "URL", "text": "See it", "url": "https://boats.example.com/{{1}}"}
every_kind = pytest.mark.parametrize("path", KINDS, ids=lambda path: path.stem)


def draft(*components: Json, **members: Any) -> Json:
    named = {"language": "en_GB", "name": "boat_is_back", "category": "MARKETING"}
    return {**named, "components": list(components or (BODY,)), **members}


def buttons(*entries: Json, **members: Any) -> Json:
    return draft(BODY, {"type": "BUTTONS", "buttons": list(entries)}, **members)


def parts(read: TemplateDraft) -> list[Any]:
    emitted: list[Any] = read.emit()["components"]
    return emitted


def test_there_is_a_fixture_for_every_kind() -> None:
    text = "".join(path.read_text() for path in KINDS)
    kinds = {"HEADER", "BODY", "FOOTER", "BUTTONS", "CAROUSEL", "CALL_PERMISSION_REQUEST"}
    formats = {"Text", "Image", "Gif", "Video", "Document", "Location"}
    button_kinds = {"QUICK_REPLY", "URL", "PHONE_NUMBER", "OTP", "COPY_CODE", "FLOW", "VOICE_CALL"}
    wanted = kinds | formats | button_kinds | {"REQUEST_CONTACT_INFO"}
    assert {name for name in wanted if f'"{name}"' not in text} == set()


@every_kind
def test_what_is_spelt_as_we_write_it_comes_out_as_it_went_in(path: Path) -> None:
    assert read_template(path.read_bytes()).emit() == json.loads(path.read_bytes())


@every_kind
def test_a_kind_survives_the_way_through_json(path: Path) -> None:
    read = read_template(path.read_bytes())
    assert read_template(read.emit_json()) == read


def swap_case(value: Any, key: str = "") -> Any:
    """The same template with the names of its kinds in another case."""
    if isinstance(value, dict):
        return {name: swap_case(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [swap_case(inner) for inner in value]
    is_name = key in ("type", "format", "category", "flowAction", "otp_type")
    return value.swapcase() if is_name else value


@every_kind
def test_names_of_kinds_are_read_in_any_case(path: Path) -> None:
    written = json.loads(path.read_bytes())
    assert read_template(swap_case(written)).emit() == written


def test_unknown_members_are_kept() -> None:
    written = draft({**BODY, "tone": "warm"}, sub_category="boats")
    assert read_template(written).emit() == written


def test_samples_are_read_by_any_of_their_names() -> None:
    text = {"type": "BODY", "text": BODY["text"]}
    for given in (
        {"example": ["Ana"]},
        {"examples": "Ana"},
        {"example": {"bodyText": ["Ana"]}},
        {"example": {"body_text": [["Ana"]]}},
        {"examples": ["Ana"], "example": None},
    ):
        assert parts(read_template(draft(text | given))) == [BODY]
    listed = read_template(buttons(LINK | {"examples": ["spring"]}))
    assert parts(listed)[1]["buttons"][0]["example"] == ["spring"]


def test_html_entities_are_unescaped_however_often_they_were_escaped() -> None:
    text = "Fish &amp;amp; chips &lt;today&gt; &quot;at {{1}}&quot; &#128674; &copy2 & more"
    (body,) = parts(read_template(draft(BODY | {"text": text})))
    assert body["text"] == 'Fish & chips <today> "at {{1}}" 🚢 &copy2 & more'


def test_an_address_loses_its_entities_and_nothing_else() -> None:
    link = {"type": "URL", "text": "Go", "url": "https://b.example.com/?a=1&amp;copy=2&lt=3"}
    button = parts(read_template(buttons(link)))[1]["buttons"][0]
    assert button["url"] == "https://b.example.com/?a=1&copy=2&lt=3"


def test_fixed_labels_may_be_left_out() -> None:
    coupon = {"type": "COPY_CODE", "examples": ["BOAT25"]}
    shown = parts(read_template(buttons(coupon)))[1]["buttons"][0]
    assert shown == {"type": "COPY_CODE", "text": "Copy Code", "example": ["BOAT25"]}
    contact = parts(read_template(buttons({"type": "REQUEST_CONTACT_INFO"})))[1]["buttons"][0]
    assert contact["text"] == "Share contact info"


def test_a_header_with_a_text_needs_no_format() -> None:
    header = {"type": "HEADER", "text": "News from the pier"}
    assert parts(read_template(draft(header, BODY)))[0]["format"] == "Text"


def test_cards_may_be_a_flat_list_and_come_out_nested() -> None:
    def flat(text: str) -> list[Json]:
        return [
            {"type": "header", "format": "image"},
            {"type": "body", "text": text},
            {"type": "buttons", "buttons": [{"type": "quick_reply", "text": "More"}]},
        ]

    cards = flat("Seals.") + flat("Sunset.")
    carousel = parts(read_template(draft(BODY, {"type": "carousel", "cards": cards})))[1]
    texts = [card["components"][1]["text"] for card in carousel["cards"]]
    assert texts == ["Seals.", "Sunset."]
    assert [len(card["components"]) for card in carousel["cards"]] == [3, 3]


def test_a_name_is_handed_in_as_it_is_written_and_capitals_are_pointed_out() -> None:
    read = read_template(draft(name="ticket_update_en_US", allow_category_change=True))
    assert read.emit()["name"] == "ticket_update_en_US"
    (hint,) = advice(read)
    assert hint.path == "name"
    assert "list it as ticket_update_en_us" in hint.rule


def test_samples_lose_their_html_entities() -> None:
    written = draft(
        {"type": "HEADER", "text": "For {{1}}!", "examples": ["Fish &amp; chips"]},
        {"type": "BODY", "text": "Ahoy {{1}}!", "example": {"bodyText": [["Ana &amp;amp; Ben"]]}},
        {
            "type": "BUTTONS",
            "buttons": [
                {
                    "type": "URL",
                    "text": "Go",
                    "url": "https://b.example.com/{{1}}",
                    "examples": ["a=1&amp;b=2"],
                },
                {"type": "COPY_CODE", "example": ["R&amp;B 25"]},
            ],
        },
    )
    header, body, buttons = parts(read_template(written))
    assert header["examples"] == ["Fish & chips"]
    assert body["examples"] == ["Ana & Ben"]
    assert [button["example"] for button in buttons["buttons"]] == [["a=1&b=2"], ["R&B 25"]]


def test_samples_of_media_and_cards_lose_them_too() -> None:
    address = "https://media.example.net/?a=1&amp;b=2"
    card = {
        "components": [
            {"type": "HEADER", "format": "Image", "examples": [address]},
            {"type": "BODY", "text": "For {{1}}.", "examples": ["&lt;you&gt;"]},
            {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "More"}]},
        ]
    }
    carousel = {"type": "CAROUSEL", "cards": [card]}
    header = {"type": "HEADER", "format": "Image", "example": {"headerHandle": [address]}}
    top, _, cards = parts(read_template(draft(header, BODY, carousel)))
    picture, text, _ = cards["cards"][0]["components"]
    assert top["examples"] == picture["examples"] == ["https://media.example.net/?a=1&b=2"]
    assert text["examples"] == ["<you>"]


def test_a_flow_id_may_be_a_number() -> None:
    flow = {"type": "FLOW", "text": "Answer", "flowId": 100000000000002}
    assert parts(read_template(buttons(flow)))[1]["buttons"][0]["flowId"] == "100000000000002"


@pytest.mark.parametrize(
    ("written", "path"),
    [
        (draft(name="a" * 201), "name"),
        (
            buttons({"type": "QUICK_REPLY", "text": "Send me more of these!"}),
            "components[1].buttons[0].text",
        ),
    ],
)
def test_what_only_some_pages_allow_is_read_but_not_sent(written: Json, path: str) -> None:
    read = read_template(written)
    with pytest.raises(MessageError) as caught:
        read.emit_json()
    assert [problem.path for problem in caught.value.problems] == [path]


def test_a_phone_number_does_not_show_in_logs() -> None:
    phone = {"type": "PHONE_NUMBER", "text": "Call", "phoneNumber": "+442079460000"}
    assert "7946" not in repr(read_template(buttons(phone)))
    with pytest.raises(MessageError) as caught:
        read_template(buttons(phone | {"phoneNumber": "+4420x7946"}))
    assert "x7946" not in f"{caught.value}{caught.value.__cause__}"


@pytest.mark.parametrize(
    ("written", "path"),
    [
        (draft(), "allow_category_change"),
        (draft(message_send_ttl_seconds=50_000), "message_send_ttl_seconds"),
        (draft({"type": "HEADER", "format": "Video"}, BODY), "components[0].examples"),
        (draft({"type": "HEADER", "format": "Gif"}, BODY), "components[0].format"),
        (draft(BODY, category="AUTHENTICATION"), "components[0].text"),
    ],
)
def test_what_often_fails_in_review_is_said_without_refusing_it(written: Json, path: str) -> None:
    assert path in [hint.path for hint in advice(read_template(written))]


def test_cards_that_may_be_refused_are_pointed_out() -> None:
    parts = [
        {"type": "HEADER", "format": "Image"},
        {"type": "BUTTONS", "buttons": [{"type": "COPY_CODE", "example": ["BOAT25"]}]},
    ]
    carousel = {"type": "CAROUSEL", "cards": [{"components": parts}]}
    hints = advice(read_template(draft(BODY, carousel, allow_category_change=True)))
    places = [hint.path for hint in hints]
    assert places == ["components[1].cards", *["components[1].cards[0]"] * 2]


def test_a_template_without_weak_points_gets_no_advice() -> None:
    assert advice(read_template(draft(allow_category_change=True))) == ()
