"""Actions of interactive messages (provider docs, WhatsApp interactive)."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from chatapps.messages.base_model import OfOneKind, SnakeWire, Wire, refuse
from chatapps.messages.discriminator import Kind
from chatapps.messages.scalar_types import (
    CallPayload,
    FilledObject,
    Label,
    NonEmpty,
    TtlMinutes,
    WebAddress,
)

MAX_ROWS: Final = 10
MAX_PRODUCTS: Final = 30

Title = Annotated[str, Field(min_length=1, max_length=24)]


class Action(Wire):
    """An action without members besides its name, which is optional."""

    name: NonEmpty | None = None


class Reply(Wire):
    """Title of a reply button, and the id that is returned when it is tapped."""

    id: Annotated[str, Field(min_length=1, max_length=256)]
    title: Label


class ReplyButton(Wire):
    """A button below the message."""

    type: Kind[Literal["reply"]] = "reply"
    reply: Reply


class ReplyAction(Action):
    """One to three reply buttons."""

    buttons: Annotated[tuple[ReplyButton, ...], Field(min_length=1, max_length=3)]

    @model_validator(mode="after")
    def _buttons_differ(self) -> Self:
        if _repeats(button.reply.id for button in self.buttons):
            raise refuse("two buttons have the same id", "buttons")
        if _repeats(button.reply.title for button in self.buttons):
            raise refuse("two buttons have the same title", "buttons")
        return self


class Row(Wire):
    """One row of a list."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    title: Title
    description: Annotated[str, Field(max_length=72)] | None = None


class ListSection(Wire):
    """Rows of a list under one title."""

    title: Title | None = None
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]


class ListAction(Action):
    """The button that opens the list, and the list."""

    button: Label
    sections: Annotated[tuple[ListSection, ...], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        rows = sum(len(section.rows) for section in self.sections)
        if rows > MAX_ROWS:
            raise refuse(f"at most {MAX_ROWS} rows in all, got {rows}", "sections")
        _need_titles(self.sections)
        return self


class ProductAction(SnakeWire):
    """One product of a catalogue."""

    catalog_id: NonEmpty
    product_retailer_id: NonEmpty


class ProductItem(SnakeWire):
    """A product in a section."""

    product_retailer_id: NonEmpty


class ProductSection(SnakeWire):
    """Products under one title."""

    title: Title | None = None
    product_items: Annotated[tuple[ProductItem, ...], Field(min_length=1)]


class ProductListAction(SnakeWire):
    """Products of a catalogue, in sections."""

    catalog_id: NonEmpty
    # Required by the OpenAPI text, missing in the docs.
    product_retailer_id: NonEmpty | None = None
    sections: Annotated[tuple[ProductSection, ...], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        products = sum(len(section.product_items) for section in self.sections)
        if products > MAX_PRODUCTS:
            raise refuse(f"at most {MAX_PRODUCTS} products in all, got {products}", "sections")
        _need_titles(self.sections)
        return self


class ButtonParameters(OfOneKind):
    """Label and action of a message's only button."""


class Link(ButtonParameters, SnakeWire):
    """Label of the link button, and its address."""

    kind = "cta_url"

    display_text: Label
    url: WebAddress


class LinkAction(Action):
    """One button that opens a page."""

    parameters: Link


class FlowActionPayload(Wire):
    """The screen on which a flow opens, and its initial data."""

    screen: NonEmpty | None = None  # the provider's default is FIRST_ENTRY_SCREEN
    data: FilledObject | None = None


class Flow(ButtonParameters):
    """The flow that the button opens. Members that only the Flows page documents are kept."""

    kind = "flow"

    flow_id: NonEmpty
    flow_cta: Label  # the OpenAPI file allows 30 characters, the docs 20
    flow_action: Literal["navigate", "data_exchange"] | None = None  # navigate when absent
    flow_action_payload: FlowActionPayload | None = None

    @model_validator(mode="after")
    def _payload_is_used(self) -> Self:
        if self.flow_action_payload is not None and self.flow_action == "data_exchange":
            raise refuse("goes only with the flowAction navigate", "flowActionPayload")
        return self


class FlowAction(Action):
    """One button that opens a flow."""

    parameters: Flow


class Call(ButtonParameters):
    """Label of the call button, its time to live, and its payload; all optional."""

    kind = "voice_call"

    display_text: Annotated[Label | None, Field(alias="display_text")] = None  # "Call Now"
    ttl_minutes: TtlMinutes | None = None  # 7 days when absent
    payload: CallPayload | None = None


class VoiceCallAction(Action):
    """One button that calls the business."""

    name: Literal["voice_call"] = "voice_call"
    parameters: Call


class LocationRequestAction(Action):
    """One button that sends the person's location."""

    name: Literal["send_location"]


def _repeats(values: Iterable[str]) -> bool:
    seen = list(values)
    return len(set(seen)) < len(seen)


def _need_titles(sections: Sequence[ListSection | ProductSection]) -> None:
    if len(sections) == 1:
        return
    for place, section in enumerate(sections):
        if section.title is None:
            raise refuse("is required in a list of several sections", "sections", place, "title")
