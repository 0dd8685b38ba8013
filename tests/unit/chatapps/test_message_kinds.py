"""Every kind of message: read, typed, and emitted as it came."""

import json
from typing import Any

import pytest

from chatapps.messages import (
    AudioContent,
    Channel,
    Content,
    FileContent,
    ImageContent,
    InteractiveContent,
    LocationContent,
    Message,
    OtherContent,
    Template,
    TemplateContent,
    TextContent,
    User,
    VideoContent,
    read_message,
    read_message_body,
)
from chatapps.messages.interactive import (
    ButtonInteractive,
    ListInteractive,
    OtherInteractive,
    ProductInteractive,
    ProductListInteractive,
)
from chatapps.messages.parameters import LocationParameter, TextParameter
from chatapps.messages.template import (
    BodyComponent,
    CopyCodeButton,
    HeaderComponent,
    OtherButton,
    OtherComponent,
    QuickReplyButton,
    UrlButton,
)

Json = dict[str, Any]

PERSON = {"msisdn": "+447700900123"}
PIER = {"latitude": 50.8157, "longitude": -0.1369, "name": "The pier", "address": "Marine Parade"}


def message(kind: str, content: Json, **others: Any) -> Json:
    return {"user": PERSON, "type": kind, "content": content, **others}


def template(*components: Json, **others: Any) -> Json:
    named = {"name": "boat_trip", "language": "en_GB", "components": list(components)}
    return message("template", {"template": named, **others})


def header(kind: str, **value: Any) -> Json:
    return {"type": "header", "parameters": [{"type": kind, **value}]}


def body(*texts: str) -> Json:
    return {"type": "body", "parameters": [{"type": "text", "text": text} for text in texts]}


def button(sub_type: str, index: int, **value: Any) -> Json:
    parameter = {"type": next(iter(value)), **value}
    return {"type": "button", "subType": sub_type, "index": index, "parameters": [parameter]}


def interactive(kind: str, action: Json | None, **parts: Any) -> Json:
    acts = {} if action is None else {"action": action}
    return message("interactive", {"interactive": {"type": kind, **acts, **parts}})


REPLIES = {
    "buttons": [
        {"type": "reply", "reply": {"id": "go", "title": "Count me in"}},
        {"type": "reply", "reply": {"id": "no", "title": "Not today"}},
    ]
}
BOATS = {
    "button": "See boats",
    "sections": [
        {"title": "Morning", "rows": [{"id": "b1", "title": "Seagull", "description": "9 seats"}]},
        {"title": "Evening", "rows": [{"id": "b2", "title": "Heron"}]},
    ],
}
CATALOGUE = {
    "catalog_id": "harbour-shop",
    "sections": [
        {
            "title": "Hats",
            "product_items": [{"product_retailer_id": "hat-1"}, {"product_retailer_id": "hat-2"}],
        }
    ],
}

CONTENTS: dict[str, tuple[Json, type[Content]]] = {
    "text": (message("text", {"text": "The boat leaves at noon. Bring a hat 🧢"}), TextContent),
    "image": (
        message("image", {"url": "https://media.example.net/pier.png", "text": "The pier"}),
        ImageContent,
    ),
    "image for LINE": (
        message(
            "image",
            {
                "url": "https://media.example.net/pier.png",
                "image": {"thumbnail": "https://media.example.net/pier-small.png"},
            },
        ),
        ImageContent,
    ),
    "audio": (
        message("audio", {"url": "https://media.example.net/horn.mp3", "audio": {"duration": 7.5}}),
        AudioContent,
    ),
    "video": (
        message(
            "video",
            {
                "url": "https://media.example.net/waves.mp4",
                "video": {"filesize": 90210, "duration": 12},
            },
        ),
        VideoContent,
    ),
    "file": (
        message("file", {"url": "https://media.example.net/tides.pdf", "text": "Tides"}),
        FileContent,
    ),
    "location": (message("location", {"location": PIER}), LocationContent),
    "template without values": (template(), TemplateContent),
    "template with texts": (template(header("text", text="Noon"), body("Ivy")), TemplateContent),
    "template with a picture": (
        template(header("image", url="https://media.example.net/pier.png")),
        TemplateContent,
    ),
    "template with a video": (
        template(header("video", url="https://media.example.net/waves.mp4")),
        TemplateContent,
    ),
    "template with a moving picture": (
        template(header("gif", url="https://media.example.net/waves.mp4")),
        TemplateContent,
    ),
    "template with a document": (
        template(body("Ivy"), header("document", url="https://media.example.net/tides.pdf")),
        TemplateContent,
    ),
    "template with a place": (template(header("location", location=PIER)), TemplateContent),
    "template with buttons": (
        template(
            body("Ivy", "noon"),
            button("QuickReply", 0, payload="stop:boats"),
            button("Url", 1, text="trips/17"),
            button("Url", 2, text="map/17"),
        ),
        TemplateContent,
    ),
    "authentication": (template(body("48151"), button("Url", 0, text="48151")), TemplateContent),
    "coupon": (template(button("CopyCode", 0, couponCode="SEASIDE10")), TemplateContent),
    "SMS fallback": (
        template(
            body("Ivy"),
            fallbackText="Ivy, the boat leaves at noon.",
            sms={"encoding": "AUTO", "source": "HARBOUR"},
        ),
        TemplateContent,
    ),
    "reply buttons": (
        interactive(
            "button",
            REPLIES,
            header={"type": "text", "text": "Boat trip"},
            body={"text": "Coming along?"},
            footer={"text": "Harbour office"},
        ),
        InteractiveContent,
    ),
    "reply buttons under a document": (
        interactive(
            "button",
            REPLIES,
            header={
                "type": "document",
                "document": {"link": "https://media.example.net/t.pdf", "filename": "tides.pdf"},
            },
            body={"text": "Coming along?"},
        ),
        InteractiveContent,
    ),
    "list": (interactive("list", BOATS, body={"text": "Which boat?"}), InteractiveContent),
    "product": (
        interactive("product", {"catalog_id": "harbour-shop", "product_retailer_id": "hat-1"}),
        InteractiveContent,
    ),
    "products": (
        interactive(
            "product_list",
            CATALOGUE,
            header={"type": "text", "text": "Harbour shop"},
            body={"text": "Against the sun"},
        ),
        InteractiveContent,
    ),
}

NOT_MODELLED_YET: dict[str, Json] = {
    "rich card": message("richCard", {"richCard": {"cardOrientation": "vertical", "media": {}}}),
    "RCS carousel": message("carousel", {"carousel": {"cardWidth": "small", "cards": [1, None]}}),
    "Viber buttons": message("buttons", {"text": "Go?", "button": {"caption": "Yes"}}),
    "suggestions": message("text", {"text": "Go?", "suggestions": [{"reply": {"text": "Yes"}}]}),
    "direct send": message(
        "text", {"text": "Go!", "whatsApp": {"directSend": {"category": "utility"}}}
    ),
    "link button": interactive(
        "cta_url",
        {"parameters": {"display_text": "Map", "url": "https://www.example.net/map"}},
        body={"text": "Where we meet"},
    ),
    "call permission": interactive("call_permission_request", None),
    "carousel template": template({"type": "carousel", "cards": [{"cardIndex": 0}]}),
    "flow button": template(
        {
            "type": "button",
            "subType": "Flow",
            "index": 4,
            "parameters": [{"type": "action", "flowActionData": {"data": {"empty": None}}}],
        }
    ),
    "named parameter": template(
        {"type": "body", "parameters": [{"type": "text", "text": "Ivy", "name": "guest"}]}
    ),
    "unknown members": message("text", {"text": "Go!", "mood": {"n": [1, 2.5, None]}}, tag=True),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_every_kind_has_its_class_and_comes_out_as_it_went_in(name: str) -> None:
    written, model = CONTENTS[name]

    read = read_message(json.dumps(written).encode())

    assert type(read.content) is model
    assert read.emit() == written
    assert json.loads(read.emit_json()) == written


@pytest.mark.parametrize("name", NOT_MODELLED_YET)
def test_what_is_not_modelled_yet_passes_through_untouched(name: str) -> None:
    written = NOT_MODELLED_YET[name]

    assert read_message(written).emit() == written


@pytest.mark.parametrize("name", CONTENTS)
def test_a_campaigns_message_is_the_same_without_the_person(name: str) -> None:
    written = {key: value for key, value in CONTENTS[name][0].items() if key != "user"}

    assert read_message_body(written).emit() == written


def test_kinds_without_a_class_are_told_apart_from_modelled_ones() -> None:
    rich_card = read_message(NOT_MODELLED_YET["rich card"])
    call_permission = read_message(NOT_MODELLED_YET["call permission"]).content

    assert type(rich_card.content) is OtherContent
    assert isinstance(call_permission, InteractiveContent)
    assert isinstance(call_permission.interactive, OtherInteractive)


def test_the_parts_of_a_template_are_typed() -> None:
    written = template(
        header("location", location=PIER),
        body("Ivy", "noon"),
        button("QuickReply", 0, payload="stop:boats"),
        button("Url", 1, text="trips/17"),
        button("CopyCode", 2, couponCode="SEASIDE10"),
        {"type": "button", "subType": "VoiceCall", "index": 3},
        {"type": "request_contact_info"},
    )

    content = read_message(written).content

    assert isinstance(content, TemplateContent)
    head, text, *buttons = content.template.components or ()
    assert isinstance(head, HeaderComponent)
    assert head.parameters
    assert isinstance(head.parameters[0], LocationParameter)
    assert head.parameters[0].location.latitude == 50.8157
    assert isinstance(text, BodyComponent)
    assert text.parameters == (TextParameter(text="Ivy"), TextParameter(text="noon"))
    kinds = [QuickReplyButton, UrlButton, CopyCodeButton, OtherButton, OtherComponent]
    assert [type(part) for part in buttons] == kinds


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("reply buttons", ButtonInteractive),
        ("list", ListInteractive),
        ("product", ProductInteractive),
        ("products", ProductListInteractive),
    ],
)
def test_interactive_messages_are_typed(name: str, model: type) -> None:
    content = read_message(CONTENTS[name][0]).content

    assert isinstance(content, InteractiveContent)
    assert type(content.interactive) is model


def test_what_goes_with_a_message_is_typed_too() -> None:
    written = message(
        "text",
        {"text": "Go!"},
        clientMessageId="trip.17.1",
        channels=[
            {"channel": "WhatsApp", "fallbackAfter": 600, "successStatus": "Delivered"},
            {"channel": "SMS"},
        ],
        scheduled="2031-07-01T08:00:00+01:00",
        expiry="2031-07-01T10:00:00+01:00",
        dlrCallbackUrl="https://hooks.example.net/receipts?k=7",
        context={"umid": "0b7f9f5e-0000-4000-8000-00000000000a"},
    )

    read = read_message(written)

    assert read.client_message_id == "trip.17.1"
    assert read.channels
    assert read.channels[0].fallback_after == 600
    assert read.scheduled is not None
    assert read.scheduled.utcoffset() is not None
    assert read.context is not None
    assert read.emit() == written


def test_a_message_built_in_python_is_the_one_read_from_json() -> None:
    built = Message(
        user=User(msisdn="+447700900123"),
        type="template",
        content=TemplateContent(
            template=Template(
                name="boat_trip",
                language="en_GB",
                components=(
                    BodyComponent(parameters=(TextParameter(text="Ivy"),)),
                    UrlButton(index=1, parameters=(TextParameter(text="trips/17"),)),
                ),
            ),
        ),
        channels=(Channel(channel="WhatsApp"),),
    )

    written = template(body("Ivy"), button("Url", 1, text="trips/17"))
    written["channels"] = [{"channel": "WhatsApp"}]

    assert built.emit() == written
    assert read_message(built.emit_json()) == built


def test_what_was_emitted_can_be_changed_without_changing_the_message() -> None:
    read = read_message(NOT_MODELLED_YET["unknown members"])

    read.emit()["content"]["mood"]["n"].append(3)

    assert read.emit() == NOT_MODELLED_YET["unknown members"]
