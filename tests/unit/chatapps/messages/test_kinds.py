"""Every kind of message: read, typed, emitted as it came, and taken by the provider's stand-ins.

The messages are the files of tests/fixtures/messages, one a kind.
"""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from chatapps.messages import (
    Channel,
    InteractiveContent,
    Message,
    Template,
    TemplateContent,
    User,
    read_message,
    read_message_body,
)
from chatapps.messages.base_model import Wire
from chatapps.messages.interactive.interactive import (
    ButtonInteractive,
    CallPermissionInteractive,
    ContactInfoInteractive,
    FlowInteractive,
    LinkInteractive,
    ListInteractive,
    LocationRequestInteractive,
    ProductInteractive,
    ProductListInteractive,
    VoiceCallInteractive,
)
from chatapps.messages.message import CONTENTS, MessageType
from chatapps.messages.template.buttons import (
    CopyCodeButton,
    FlowButton,
    QuickReplyButton,
    UrlButton,
    VoiceCallButton,
)
from chatapps.messages.template.cards import (
    CardHeader,
    CardQuickReply,
    CardUrlButton,
    CarouselComponent,
)
from chatapps.messages.template.components import (
    BodyComponent,
    CallPermissionComponent,
    ContactInfoComponent,
    FooterComponent,
    HeaderComponent,
)
from chatapps.messages.template.parameters import LocationParameter, TextParameter

Json = dict[str, Any]

FOLDER = Path(__file__).parents[3] / "fixtures" / "messages"
KINDS = sorted(path.stem for path in FOLDER.glob("*.json"))


def written(kind: str) -> Json:
    message: Json = json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
    return message


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_class_and_comes_out_as_it_went_in(kind: str) -> None:
    message = written(kind)

    read = read_message((FOLDER / f"{kind}.json").read_bytes())

    assert type(read.content) is CONTENTS[message["type"]]
    assert read.emit() == message
    assert json.loads(read.emit_json()) == message


@pytest.mark.parametrize("kind", KINDS)
def test_a_campaigns_message_is_the_same_without_the_person(kind: str) -> None:
    personal = ("user", "clientMessageId")
    body = {name: value for name, value in written(kind).items() if name not in personal}

    assert read_message_body(body).emit() == body


@pytest.mark.parametrize("kind", KINDS)
def test_what_we_emit_fits_the_providers_schema(
    kind: str, schema_faults: Callable[[Json], list[str]]
) -> None:
    assert schema_faults(read_message(written(kind)).emit()) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_the_sandbox_takes_every_kind(
    kind: str, refusal: Callable[[Json], Awaitable[Json | None]]
) -> None:
    assert await refusal(read_message(written(kind)).emit()) is None


def test_no_type_is_left_out() -> None:
    assert set(CONTENTS) == set(get_args(MessageType))
    assert {written(kind)["type"] for kind in KINDS} == set(CONTENTS)


def components(*kinds: str) -> list[Any]:
    """The components of several templates."""
    found: list[Any] = []
    for kind in kinds:
        content = read_message(written(kind)).content
        assert isinstance(content, TemplateContent)
        found += content.template.components or ()
    return found


def test_the_values_of_a_template_are_typed() -> None:
    place, text = components("template-with-a-place", "template-of-zalo")

    assert isinstance(place, HeaderComponent)
    assert place.parameters
    assert isinstance(place.parameters[0], LocationParameter)
    assert place.parameters[0].location.latitude == 50.8157
    assert text.parameters == (
        TextParameter(text="Ivy", name="guest"),
        TextParameter(text="noon", name="hour"),
    )


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        ("template-with-buttons", [BodyComponent, QuickReplyButton, UrlButton, UrlButton]),
        ("template-coupon", [CopyCodeButton]),
        ("template-with-a-flow", [BodyComponent, FlowButton]),
        ("template-with-a-call-button", [VoiceCallButton]),
        (
            "template-with-parts-that-hold-no-values",
            [FooterComponent, CallPermissionComponent, ContactInfoComponent],
        ),
        ("template-with-cards", [BodyComponent, CarouselComponent]),
    ],
)
def test_the_parts_of_a_template_are_typed(kind: str, types: list[type[Wire]]) -> None:
    assert [type(part) for part in components(kind)] == types


def test_the_cards_of_a_template_are_typed() -> None:
    first, second = components("template-with-cards")[1].cards

    assert [first.card_index, second.card_index] == [0, 1]
    kinds = [CardHeader, BodyComponent, CardUrlButton, CardQuickReply]
    assert [type(part) for part in first.components] == kinds
    assert [type(part) for part in second.components] == [CardHeader, CardQuickReply]


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("reply-buttons", ButtonInteractive),
        ("list", ListInteractive),
        ("product", ProductInteractive),
        ("products", ProductListInteractive),
        ("link-button", LinkInteractive),
        ("flow", FlowInteractive),
        ("call-permission", CallPermissionInteractive),
        ("contact-card", ContactInfoInteractive),
        ("call-button", VoiceCallInteractive),
        ("location-request", LocationRequestInteractive),
    ],
)
def test_interactive_messages_are_typed(kind: str, model: type[Wire]) -> None:
    content = read_message(written(f"interactive-{kind}")).content

    assert isinstance(content, InteractiveContent)
    assert type(content.interactive) is model


def test_what_goes_with_a_message_is_typed_too() -> None:
    read = read_message(written("text-everything-around-it"))

    assert read.client_message_id == "trip.17.1"
    assert read.channels
    assert read.channels[0].fallback_after == 600
    assert read.scheduled is not None
    assert read.scheduled.utcoffset() is not None
    assert read.context is not None


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

    assert built.emit()["content"]["template"]["components"] == [
        {"type": "body", "parameters": [{"type": "text", "text": "Ivy"}]},
        {
            "type": "button",
            "subType": "Url",
            "index": 1,
            "parameters": [{"type": "text", "text": "trips/17"}],
        },
    ]
    assert read_message(built.emit_json()) == built


def test_what_was_emitted_can_be_changed_without_changing_the_message() -> None:
    read = read_message(written("text-unknown-members"))

    read.emit()["content"]["mood"]["n"].append(3)

    assert read.emit() == written("text-unknown-members")
