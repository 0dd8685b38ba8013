"""Carousels of cards (provider docs, add template).

The provider describes `cards` as a flat list of components, and nests them in every example: both are
read, the nested form is emitted.
"""

from collections import Counter
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from chatapps.messages.base_model import SnakeWire, refuse
from chatapps.messages.discriminator import Kind, OneOf
from chatapps.templates.buttons import CardButtons, Part
from chatapps.templates.placeholders import flaw_of, touches_an_end
from chatapps.templates.unescape import CardText, Samples

MAX_CARDS: Final = 10


class CardHeader(Part):
    """The image or video of a card."""

    kind = "HEADER (media)"

    type: Kind[Literal["HEADER"]] = "HEADER"
    format: Kind[Literal["Image", "Video"]]
    examples: Annotated[Samples, Field(max_length=1)] | None = None


class CardBody(Part):
    """The text of a card."""

    kind = "BODY (card)"

    type: Kind[Literal["BODY"]] = "BODY"
    text: CardText
    examples: Samples | None = None

    @model_validator(mode="after")
    def _placeholders_fit(self) -> Self:
        if flaw := flaw_of(self.text, self.examples or ()):
            raise refuse(flaw, "text")
        if touches_an_end(self.text):
            raise refuse("must not start or end with a placeholder", "text")
        return self


CardComponent = Annotated[CardHeader | CardBody | CardButtons, OneOf("type", default="BODY")]


class Card(SnakeWire):
    """One card: a header, buttons, and usually a text."""

    components: tuple[CardComponent, ...]

    @property
    def button_kinds(self) -> tuple[str, ...]:
        """The types of its buttons in their order."""
        return tuple(
            button.type
            for part in self.components
            if isinstance(part, CardButtons)
            for button in part.buttons
        )

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        counts = Counter(part.type for part in self.components)
        for kind in ("HEADER", "BUTTONS"):
            if not counts[kind]:
                raise refuse(f"a card needs a {kind}", "components")
        double = next((kind for kind, count in counts.items() if count > 1), None)
        if double:
            raise refuse(f"a card has one {double}, got {counts[double]}", "components")
        return self


class Carousel(Part):
    """One to ten cards, which all have the same buttons."""

    type: Kind[Literal["CAROUSEL"]] = "CAROUSEL"
    cards: Annotated[tuple[Card, ...], Field(min_length=1, max_length=MAX_CARDS)]

    @model_validator(mode="before")
    @classmethod
    def _nested(cls, data: Any) -> Any:
        cards = data.get("cards") if isinstance(data, dict) else None
        return data | {"cards": gather_cards(cards)} if cards and are_loose(cards) else data

    @model_validator(mode="after")
    def _cards_are_alike(self) -> Self:
        first = self.cards[0]
        for place, card in enumerate(self.cards):
            if card.button_kinds != first.button_kinds:
                raise refuse("must have the same buttons as the first card", "cards", place)
            if len(card.components) != len(first.components):
                raise refuse("must have a text, or none, like the first card", "cards", place)
        return self


def are_loose(cards: Any) -> bool:
    """True when `cards` is a flat list of components."""
    return isinstance(cards, list) and all(
        isinstance(card, dict) and "components" not in card for card in cards
    )


def gather_cards(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Build cards from a flat list: a kind that the card already has begins the next card."""
    cards: list[dict[str, Any]] = []
    kinds: set[str] = set()
    for component in components:
        kind = str(component.get("type") or "BODY").upper()
        if not cards or kind in kinds:
            cards.append({"components": []})
            kinds = set()
        cards[-1]["components"].append(component)
        kinds.add(kind)
    return cards
