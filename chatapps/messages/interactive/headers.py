"""Header, body and footer of an interactive message (provider docs, WhatsApp interactive)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from chatapps.messages.base_model import Wire, refuse
from chatapps.messages.discriminator import Kind, OneOf
from chatapps.messages.scalar_types import NonEmpty, Says, WebAddress


class Body(Wire):
    """The main text."""

    text: Annotated[str, Field(min_length=1, max_length=1024)]


class Footer(Wire):
    """A small line below the body."""

    text: Annotated[str, Field(min_length=1, max_length=60)]


class Medium(Wire):
    """A file: its address, or the id of an earlier upload."""

    link: WebAddress | None = None
    id: NonEmpty | None = None
    caption: str | None = None
    provider: str | None = None  # deprecated

    @model_validator(mode="after")
    def _can_be_found(self) -> Self:
        if self.link is None and self.id is None:
            raise refuse("needs link or id")
        return self


class Picture(Medium):
    """An image or video."""

    filename: Annotated[None, Says("only documents have one")] = None


class Document(Medium):
    """A document; its file name's extension selects the display."""

    filename: NonEmpty | None = None


class HeaderText(Wire):
    """The OpenAPI file's form of a text header: an object like that of a file."""

    link: str | None = None
    id: str | None = None
    caption: str | None = None
    filename: str | None = None
    provider: str | None = None


class TextHeader(Wire):
    """A line above the message.

    The OpenAPI file calls `text` an object, every example sends plain text: send plain text.
    """

    type: Kind[Literal["text"]] = "text"
    text: Annotated[
        Annotated[str, Field(min_length=1, max_length=60)] | HeaderText,
        Says("must be a text of 1 to 60 characters"),
    ]


class ImageHeader(Wire):
    """An image above the message."""

    type: Kind[Literal["image"]] = "image"
    image: Picture


class VideoHeader(Wire):
    """A video above the message."""

    type: Kind[Literal["video"]] = "video"
    video: Picture


class DocumentHeader(Wire):
    """A document above the message."""

    type: Kind[Literal["document"]] = "document"
    document: Document


Header = Annotated[TextHeader | ImageHeader | VideoHeader | DocumentHeader, OneOf("type")]
