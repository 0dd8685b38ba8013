"""What a message says, one class a kind (provider docs, content by type)."""

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
    """What the button shows, and the address that it opens. Empty texts stand for no button."""

    caption: str | None = None
    action: str | None = None


class Content(Wire):
    """What content may hold whatever its kind. The kinds say what is needed.

    Members of another kind are of no use but do no harm, as the provider's docs have it; what is
    known of them holds nevertheless.
    """

    text_limits: ClassVar[Mapping[str, int]] = {}
    """How many characters of `text` a channel takes: the first one's where none is named. On a
    channel that is not listed only the API's own limit holds."""
    only_on: ClassVar[ChannelName | None] = None
    """The one channel that carries this kind."""

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
    """A picture."""


class AudioContent(MediaContent):
    """A sound."""


class VideoContent(MediaContent):
    """A video. `video` is asked for by the API's text, and left out in examples for WhatsApp."""


class FileContent(MediaContent):
    """A document."""


class LocationContent(Content):
    """A place on the map."""

    location: Location


class TemplateContent(Content):
    """A registered WhatsApp template."""

    template: Template


class InteractiveContent(Content):
    """Something to answer with a tap: buttons, a list, products, a flow, a call."""

    interactive: Interactive


class RichCardContent(Content):
    """A card with a picture or video."""

    only_on = "RCS"

    rich_card: RichCard


class CarouselContent(Content):
    """Cards side by side."""

    only_on = "RCS"

    carousel: RichCarousel


class ButtonsContent(Content):
    """Viber's picture and button. Known from the provider's examples only: nothing is required."""

    text_limits = _VIBER_LIMITS
