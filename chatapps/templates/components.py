"""Components of a template except buttons and cards (provider docs, add template)."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, model_validator

from chatapps.messages.base_model import refuse
from chatapps.messages.discriminator import Kind, OneOf
from chatapps.messages.scalar_types import WholeNumber
from chatapps.templates.buttons import Buttons, Part
from chatapps.templates.carousel import Carousel
from chatapps.templates.placeholders import count_placeholders, flaw_of, touches_an_end
from chatapps.templates.unescape import BodyText, FooterText, HeaderText, Samples


class TextHeader(Part):
    """A line above the message, with at most one placeholder."""

    kind = "HEADER (Text)"

    type: Kind[Literal["HEADER"]] = "HEADER"
    format: Kind[Literal["Text"]] = "Text"
    text: HeaderText
    examples: Samples | None = None

    @model_validator(mode="after")
    def _placeholders_fit(self) -> Self:
        if count_placeholders(self.text) > 1:
            raise refuse("at most one placeholder in a header", "text")
        if flaw := flaw_of(self.text, self.examples or ()):
            raise refuse(flaw, "text")
        return self


class MediaHeader(Part):
    """A medium above the message; the sample is its address."""

    kind = "HEADER (media)"

    type: Kind[Literal["HEADER"]] = "HEADER"
    format: Kind[Literal["Image", "Gif", "Video", "Document"]]
    examples: Annotated[Samples, Field(max_length=1)] | None = None


class LocationHeader(Part):
    """A map above the message; each message supplies the location."""

    kind = "HEADER (Location)"

    type: Kind[Literal["HEADER"]] = "HEADER"
    format: Kind[Literal["Location"]] = "Location"


class Body(Part):
    """The main text. Authentication templates have a fixed text, and may add a warning to it."""

    type: Kind[Literal["BODY"]] = "BODY"
    text: BodyText | None = None
    examples: Samples | None = None
    add_security_recommendation: StrictBool | None = None

    @model_validator(mode="after")
    def _placeholders_fit(self) -> Self:
        if self.text is None:
            return self
        if flaw := flaw_of(self.text, self.examples or ()):
            raise refuse(flaw, "text")
        if touches_an_end(self.text):
            raise refuse("must not start or end with a placeholder", "text")
        return self


class Footer(Part):
    """A small line below. Authentication templates state there how long the code is valid."""

    type: Kind[Literal["FOOTER"]] = "FOOTER"
    text: FooterText | None = None
    code_expiration_minutes: Annotated[WholeNumber, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _is_static(self) -> Self:
        if self.text and ("{{" in self.text or "}}" in self.text):
            raise refuse("no placeholders in a footer", "text")
        return self


class CallPermissionRequest(Part):
    """Requests permission to call."""

    type: Kind[Literal["CALL_PERMISSION_REQUEST"]] = "CALL_PERMISSION_REQUEST"


class ContactInfoRequest(Part):
    """Requests the person's contact card; the provider's examples write it as a button instead."""

    type: Kind[Literal["REQUEST_CONTACT_INFO"]] = "REQUEST_CONTACT_INFO"


Header = Annotated[TextHeader | MediaHeader | LocationHeader, OneOf("format", default="Text")]
Component = Annotated[
    Header | Body | Footer | Buttons | Carousel | CallPermissionRequest | ContactInfoRequest,
    OneOf("type", default="BODY"),
]
