"""What a message says, one class a kind (provider docs, content by type)."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from chatapps.messages.channels import Sms
from chatapps.messages.interactive import Interactive
from chatapps.messages.template import Template
from chatapps.messages.values import (
    MAX_TEXT,
    Location,
    LongText,
    Number,
    WebAddress,
    WholeNumber,
)
from chatapps.messages.wire import Wire

MAX_WHATSAPP_TEXT: Final = 4_096
MAX_WHATSAPP_CAPTION: Final = 1_024


class Content(Wire):
    """What every kind may hold: the text and the look of an SMS to fall back to."""

    whatsapp_limit: ClassVar[int | None] = None
    """How long `text` may be on WhatsApp; elsewhere only the API's own limit holds."""

    fallback_text: LongText | None = None
    sms: Sms | None = None


class TextContent(Content):
    """A text. On WhatsApp it goes out as a template when it equals one of the account's."""

    whatsapp_limit = MAX_WHATSAPP_TEXT

    text: LongText


class MediaContent(Content):
    """A file at a public address, with a caption."""

    whatsapp_limit = MAX_WHATSAPP_CAPTION

    url: WebAddress
    text: Annotated[str, Field(max_length=MAX_TEXT)] | None = None  # the caption


class ImageDetails(Wire):
    """For LINE."""

    thumbnail: WebAddress | None = None


class AudioDetails(Wire):
    """For LINE."""

    duration: Annotated[Number, Field(ge=0)]  # seconds


class VideoDetails(Wire):
    """For Viber and LINE."""

    thumbnail: WebAddress | None = None
    filesize: Annotated[WholeNumber, Field(ge=0)] | None = None  # bytes
    duration: Annotated[Number, Field(ge=0)] | None = None  # seconds


class ImageContent(MediaContent):
    """A picture."""

    image: ImageDetails | None = None


class AudioContent(MediaContent):
    """A sound."""

    audio: AudioDetails | None = None


class VideoContent(MediaContent):
    """A video."""

    video: VideoDetails | None = None


class FileContent(MediaContent):
    """A document."""


class LocationContent(Content):
    """A place on the map."""

    location: Location


class TemplateContent(Content):
    """A registered WhatsApp template."""

    template: Template


class InteractiveContent(Content):
    """Buttons, a list or products."""

    interactive: Interactive


class OtherContent(Content):
    """A kind that is not modelled yet: passes through as it came."""
