"""Carousel templates (provider docs, carousel templates)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from chatapps.messages.base_model import Wire, refuse
from chatapps.messages.discriminator import Kind, OneOf
from chatapps.messages.scalar_types import WholeNumber
from chatapps.messages.template.buttons import (
    ButtonComponent,
    QuickReplyButton,
    UrlButton,
    index_twice,
)
from chatapps.messages.template.components import BodyComponent
from chatapps.messages.template.parameters import CardHeaderParameter

CardButtonIndex = Annotated[WholeNumber, Field(ge=0, le=1)]
CardIndex = Annotated[WholeNumber, Field(ge=0, le=9)]


class CardHeader(Wire):
    """The image or video of a card."""

    type: Kind[Literal["header"]] = "header"
    parameters: Annotated[tuple[CardHeaderParameter, ...], Field(max_length=1)] | None = None


class CardQuickReply(QuickReplyButton):
    """A quick reply on a card."""

    index: CardButtonIndex = 0


class CardUrlButton(UrlButton):
    """A link on a card."""

    index: CardButtonIndex = 0


CardButton = Annotated[CardQuickReply | CardUrlButton, OneOf("subType")]
CardComponent = Annotated[CardHeader | BodyComponent | CardButton, OneOf("type", default="body")]


class Card(Wire):
    """The values of one card."""

    card_index: CardIndex
    components: tuple[CardComponent, ...] | None = None

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        parts = self.components or ()
        for kind, name in ((CardHeader, "headers"), (BodyComponent, "bodies")):
            if sum(isinstance(part, kind) for part in parts) > 1:
                raise refuse(f"two {name}", "components")
        if index_twice([part for part in parts if isinstance(part, ButtonComponent)]):
            raise refuse("two buttons have the same index", "components")
        return self


class CarouselComponent(Wire):
    """The cards of the carousel."""

    type: Kind[Literal["carousel"]] = "carousel"
    cards: Annotated[tuple[Card, ...], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def _cards_differ(self) -> Self:
        if len({card.card_index for card in self.cards}) < len(self.cards):
            raise refuse("two cards have the same cardIndex", "cards")
        return self
