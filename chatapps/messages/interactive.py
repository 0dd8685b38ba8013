"""Messages with buttons, lists and products (provider docs, WhatsApp interactive messages)."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from chatapps.messages.kinds import Kind, OneOf
from chatapps.messages.values import NonEmpty, Says
from chatapps.messages.wire import SnakeWire, Wire, refuse

MAX_ROWS: Final = 10
MAX_PRODUCTS: Final = 30

Label = Annotated[str, Field(min_length=1, max_length=20)]
Title = Annotated[str, Field(min_length=1, max_length=24)]


class Body(Wire):
    """The message itself."""

    text: Annotated[str, Field(min_length=1, max_length=1024)]


class Footer(Wire):
    """A small line below it."""

    text: Annotated[str, Field(min_length=1, max_length=60)]


class Medium(Wire):
    """A picture, video or document: an address, or the id of one uploaded before."""

    link: NonEmpty | None = None
    id: NonEmpty | None = None
    caption: str | None = None
    filename: str | None = None  # documents only

    @model_validator(mode="after")
    def _can_be_found(self) -> Self:
        if self.link is None and self.id is None:
            raise refuse("needs link or id")
        return self


class TextHeader(Wire):
    """A line above the message.

    The OpenAPI file calls `text` an object, every example sends a plain text: send a text.
    """

    type: Kind[Literal["text"]] = "text"
    text: Annotated[
        Annotated[str, Field(min_length=1, max_length=60)] | dict[str, Any],
        Says("must be a text of 1 to 60 characters"),
    ]


class ImageHeader(Wire):
    """A picture above the message."""

    type: Kind[Literal["image"]] = "image"
    image: Medium


class VideoHeader(Wire):
    """A video above the message."""

    type: Kind[Literal["video"]] = "video"
    video: Medium


class DocumentHeader(Wire):
    """A document above the message."""

    type: Kind[Literal["document"]] = "document"
    document: Medium


Header = Annotated[TextHeader | ImageHeader | VideoHeader | DocumentHeader, OneOf("type")]


class Reply(Wire):
    """What a reply button shows, and the id that comes back when it is tapped."""

    id: Annotated[str, Field(min_length=1, max_length=256)]
    title: Label


class ReplyButton(Wire):
    """A button below the message."""

    type: Kind[Literal["reply"]] = "reply"
    reply: Reply


class ReplyAction(Wire):
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
    """One choice of a list."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    title: Title
    description: Annotated[str, Field(max_length=72)] | None = None


class ListSection(Wire):
    """Some choices of a list under one title."""

    title: Title | None = None
    rows: Annotated[tuple[Row, ...], Field(min_length=1)]


class ListAction(Wire):
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
    """Some products under one title."""

    title: Title | None = None
    product_items: Annotated[tuple[ProductItem, ...], Field(min_length=1)]


class ProductListAction(SnakeWire):
    """Some products of a catalogue, in sections."""

    catalog_id: NonEmpty
    # Asked for by the OpenAPI text, left out by the docs.
    product_retailer_id: NonEmpty | None = None
    sections: Annotated[tuple[ProductSection, ...], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        products = sum(len(section.product_items) for section in self.sections)
        if products > MAX_PRODUCTS:
            raise refuse(f"at most {MAX_PRODUCTS} products in all, got {products}", "sections")
        _need_titles(self.sections)
        return self


class ButtonInteractive(Wire):
    """A message with reply buttons."""

    type: Kind[Literal["button"]] = "button"
    header: Header | None = None
    body: Body
    footer: Footer | None = None
    action: ReplyAction


class ListInteractive(Wire):
    """A message with a list to choose from."""

    type: Kind[Literal["list"]] = "list"
    header: Header | None = None
    body: Body
    footer: Footer | None = None
    action: ListAction


class ProductInteractive(Wire):
    """A message that shows one product."""

    type: Kind[Literal["product"]] = "product"
    header: Annotated[None, Says("not allowed in a product message")] = None
    body: Body | None = None
    footer: Footer | None = None
    action: ProductAction


class ProductListInteractive(Wire):
    """A message that shows several products."""

    type: Kind[Literal["product_list"]] = "product_list"
    header: Header | None = None
    body: Body
    footer: Footer | None = None
    action: ProductListAction


class OtherInteractive(Wire):
    """An interactive message that is not modelled yet: passes through as it came."""

    type: Kind[
        Literal[
            "cta_url",
            "flow",
            "call_permission_request",
            "request_contact_info",
            "voice_call",
            "location_request_message",
        ]
    ]


Interactive = Annotated[
    ButtonInteractive
    | ListInteractive
    | ProductInteractive
    | ProductListInteractive
    | OtherInteractive,
    OneOf("type"),
]


def _repeats(values: Iterable[str]) -> bool:
    seen = list(values)
    return len(set(seen)) < len(seen)


def _need_titles(sections: Sequence[ListSection | ProductSection]) -> None:
    if len(sections) == 1:
        return
    for place, section in enumerate(sections):
        if section.title is None:
            raise refuse("is required in a list of several sections", "sections", place, "title")
