"""Cards with media for RCS, alone or side by side (provider docs, RCS rich cards and carousels)."""

from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, model_validator

from chatapps.messages.base_model import Wire, refuse
from chatapps.messages.rcs.suggestions import CardSuggestions
from chatapps.messages.scalar_types import MAX_RCS_URL, WebAddress

MediaUrl = Annotated[WebAddress, Field(max_length=MAX_RCS_URL)]


class ContentInfo(Wire):
    """Where the file lies."""

    file_url: MediaUrl
    thumbnail_url: MediaUrl | None = None
    force_refresh: StrictBool | None = None  # fetch it again although it is cached


class CardMedia(Wire):
    """The picture or video of a card."""

    height: Literal["short", "medium", "tall"] | None = None
    content_info: ContentInfo


class RichCarouselCard(Wire):
    """One of several cards."""

    title: Annotated[str, Field(max_length=200)] | None = None
    description: Annotated[str, Field(max_length=2000)] | None = None
    media: CardMedia
    suggestions: CardSuggestions | None = None


class RichCard(RichCarouselCard):
    """A card alone."""

    card_orientation: Literal["horizontal", "vertical"]
    thumbnail_image_alignment: Literal["left", "right"] | None = None

    @model_validator(mode="after")
    def _alignment_is_used(self) -> Self:
        if self.thumbnail_image_alignment is not None and self.card_orientation != "horizontal":
            raise refuse("only for the cardOrientation horizontal", "thumbnailImageAlignment")
        return self


class RichCarousel(Wire):
    """Cards side by side."""

    card_width: Literal["small", "medium"]
    cards: Annotated[tuple[RichCarouselCard, ...], Field(min_length=2, max_length=10)]
