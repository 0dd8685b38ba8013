"""Suggestions below an RCS message or card (provider docs, RCS suggestions)."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, StrictBool, model_validator

from chatapps.messages.base_model import Wire, refuse
from chatapps.messages.scalar_types import (
    MAX_RCS_URL,
    Instant,
    Latitude,
    Longitude,
    Says,
    WebAddress,
)

Postback = Annotated[str, Field(min_length=1, max_length=2048)]  # returned when it is tapped
Caption = Annotated[str, Field(min_length=1, max_length=25)]
PhoneNumber = Annotated[
    str, Field(pattern=r"^\+[1-9][0-9]{3,14}$"), Says("must be + and 4 to 15 digits")
]
Address = Annotated[
    str,
    Field(max_length=2048, pattern=r"^[A-Za-z][A-Za-z0-9+.\-]*:\S+$"),
    Says("must be an address with a scheme, of at most 2048 characters"),
]


class SuggestedReply(Wire):
    """A suggested reply."""

    text: Caption
    postback_data: Postback


class DialAction(Wire):
    """Dials a number."""

    phone_number: PhoneNumber = Field(repr=False)


class Coordinates(Wire):
    """A geographic position."""

    latitude: Latitude
    longitude: Longitude


class ViewLocationAction(Wire):
    """Opens the map at a position, or with a search."""

    lat_long: Coordinates | None = None
    label: Annotated[str, Field(max_length=100)] | None = None
    query: Annotated[str, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if self.lat_long is None and self.query is None:
            raise refuse("needs latLong or query")
        return self


class CreateCalendarEventAction(Wire):
    """Creates a calendar event."""

    title: Annotated[str, Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(max_length=500)] | None = None
    start_time: Instant
    end_time: Instant


class OpenUrlAction(Wire):
    """Opens a page in the browser or in a web view."""

    url: Address
    application: Literal["OPEN_URL_APPLICATION_UNSPECIFIED", "BROWSER", "WEBVIEW"] | None = None
    webview_view_mode: (
        Literal["OPEN_URL_WEBVIEW_VIEW_MODE_UNSPECIFIED", "FULL", "HALF", "TALL"] | None
    ) = None  # FULL when absent
    description: Annotated[str, Field(max_length=2048)] | None = None  # for screen readers


class SuggestedAction(SuggestedReply):
    """A suggested action of the phone."""

    fallback_url: Address | None = None  # for phones that cannot
    dial_action: DialAction | None = None
    view_location_action: ViewLocationAction | None = None
    create_calendar_event_action: CreateCalendarEventAction | None = None
    open_url_action: OpenUrlAction | None = None

    @model_validator(mode="after")
    def _does_one_thing(self) -> Self:
        found = sum(getattr(self, name) is not None for name in _ACTIONS)
        if found != 1:
            wire = ", ".join(self.wire_names[name] for name in _ACTIONS)
            raise refuse(f"needs exactly one of {wire}, got {found}")
        return self


_ACTIONS: Final = (
    "dial_action",
    "view_location_action",
    "create_calendar_event_action",
    "open_url_action",
)


class Suggestion(Wire):
    """A reply or an action."""

    reply: SuggestedReply | None = None
    action: SuggestedAction | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.reply is None) == (self.action is None):
            raise refuse("needs either reply or action")
        return self


Suggestions = Annotated[tuple[Suggestion, ...], Field(max_length=10)]
CardSuggestions = Annotated[tuple[Suggestion, ...], Field(max_length=4)]


MediaUrl = Annotated[WebAddress, Field(max_length=MAX_RCS_URL)]


class ContentInfo(Wire):
    """Address of the file."""

    file_url: MediaUrl
    thumbnail_url: MediaUrl | None = None
    force_refresh: StrictBool | None = None  # fetch it again even when cached


class CardMedia(Wire):
    """The image or video of a card."""

    height: Literal["short", "medium", "tall"] | None = None
    content_info: ContentInfo


class RichCarouselCard(Wire):
    """One card of several."""

    title: Annotated[str, Field(max_length=200)] | None = None
    description: Annotated[str, Field(max_length=2000)] | None = None
    media: CardMedia
    suggestions: CardSuggestions | None = None


class RichCard(RichCarouselCard):
    """A single card."""

    card_orientation: Literal["horizontal", "vertical"]
    thumbnail_image_alignment: Literal["left", "right"] | None = None

    @model_validator(mode="after")
    def _alignment_is_used(self) -> Self:
        if self.thumbnail_image_alignment is not None and self.card_orientation != "horizontal":
            raise refuse("only for the cardOrientation horizontal", "thumbnailImageAlignment")
        return self


class RichCarousel(Wire):
    """Several cards in a row."""

    card_width: Literal["small", "medium"]
    cards: Annotated[tuple[RichCarouselCard, ...], Field(min_length=2, max_length=10)]
