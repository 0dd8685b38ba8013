"""Content of a message, one class per kind (provider docs, content by type)."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from pydantic import Field

from chatapps.messages.base_model import Wire
from chatapps.messages.channels import ChannelName, Sms
from chatapps.messages.direct_send import WhatsAppSettings
from chatapps.messages.interactive.interactive import Interactive
from chatapps.messages.rcs.suggestions import RichCard, RichCarousel, Suggestions
from chatapps.messages.scalar_types import (
    MAX_TEXT,
    Location,
    LongText,
    Number,
    WebAddress,
)
from chatapps.messages.template.template import Template

_TEXT_LIMITS: Final = {"WhatsApp": 4_096, "RCS": 3_072, "Viber": 1_000, "ZaloNotification": 400}
_CAPTION_LIMITS: Final = {"WhatsApp": 1_024, "RCS": 2_000, "Viber": 1_000}
_VIBER_LIMITS: Final = {"Viber": 1_000}


class ImageDetails(Wire):
    """For LINE."""

    thumbnail: WebAddress | None = None


class AudioDetails(Wire):
    """For LINE."""

    duration: Annotated[Number, Field(ge=0)]  # seconds


class VideoDetails(Wire):
    """For Viber and LINE."""

    thumbnail: WebAddress | None = None
    filesize: Annotated[Number, Field(ge=0)] | None = None  # bytes
    duration: Annotated[Number, Field(ge=0)] | None = None  # seconds


class ViberButton(Wire):
    """Label and address of a Viber button. Empty texts mean no button."""

    caption: str | None = None
    action: str | None = None


class Content(Wire):
    """Members that content of any kind may hold; the kinds declare which are required.

    Members of another kind are ignored by the provider, but their types are still checked.
    """

    text_limits: ClassVar[Mapping[str, int]] = {}
    """Most characters of `text` per channel; without named channels the first entry holds. A channel
    that is not listed has only the API's own limit."""
    only_on: ClassVar[ChannelName | None] = None
    """The only channel that supports this kind."""

    fallback_text: LongText | None = None
    sms: Sms | None = None
    whats_app: WhatsAppSettings | None = None
    suggestions: Suggestions | None = None  # RCS

    text: Annotated[str, Field(max_length=MAX_TEXT)] | None = None
    url: WebAddress | None = None
    image: ImageDetails | None = None
    audio: AudioDetails | None = None
    video: VideoDetails | None = None
    location: Location | None = None
    template: Template | None = None
    interactive: Interactive | None = None
    rich_card: RichCard | None = None
    carousel: RichCarousel | None = None
    button: ViberButton | None = None  # not in the OpenAPI file


class TextContent(Content):
    """A text. On WhatsApp it goes out as a template when it equals one of the account's."""

    text_limits = _TEXT_LIMITS

    text: LongText


class MediaContent(Content):
    """A file at a public address; `text` is its caption."""

    text_limits = _CAPTION_LIMITS

    url: WebAddress


class ImageContent(MediaContent):
    """An image."""


class AudioContent(MediaContent):
    """An audio file."""


class VideoContent(MediaContent):
    """A video. `video` is required by the API's text, and missing in examples for WhatsApp."""


class FileContent(MediaContent):
    """A document."""


class LocationContent(Content):
    """A geographic location."""

    location: Location


class TemplateContent(Content):
    """A registered WhatsApp template."""

    template: Template


class InteractiveContent(Content):
    """An interactive message: buttons, a list, products, a flow or a call."""

    interactive: Interactive


class RichCardContent(Content):
    """A card with an image or video."""

    only_on = "RCS"

    rich_card: RichCard


class CarouselContent(Content):
    """Several cards in a row."""

    only_on = "RCS"

    carousel: RichCarousel


class ButtonsContent(Content):
    """Viber's image with a button. Known from the provider's examples only: nothing is required."""

    text_limits = _VIBER_LIMITS
