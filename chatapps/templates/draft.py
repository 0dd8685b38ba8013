"""A template before registration, as submitted for review.

draft = read_template(Path("spring.json").read_bytes())
draft.emit_json()   # b'{"language":"en_GB","name":"spring_offer", …}'
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StrictBool, ValidationError, model_validator

from chatapps.messages.base_model import SnakeWire
from chatapps.messages.discriminator import Kind
from chatapps.messages.json_parser import parse_object
from chatapps.messages.parse import Raw
from chatapps.messages.problems import MessageError, Problem, path_to, problems_of
from chatapps.messages.scalar_types import Says, WholeNumber
from chatapps.templates.buttons import Buttons, CardButtons
from chatapps.templates.carousel import Carousel
from chatapps.templates.components import Component
from chatapps.templates.rules import broken_rules, refuse_all
from chatapps.templates.unescape import MAX_BUTTON_SENT

MAX_NAME_SENT: Final = 200
"""One page allows 512, the list of templates holds 200."""


Name = Annotated[
    str,
    # WhatsApp's rule forbids capitals, but the provider's own example has some. See `advice`.
    Field(pattern=r"^[A-Za-z0-9_]{1,512}$"),
    Says("must be 1 to 200 lower-case letters, digits and _"),
]
Language = Annotated[
    str,
    Field(pattern=r"^[a-z]{2,3}(_[A-Za-z]{2,4})?$"),
    Says("must be a language code such as en or en_GB"),
]
Category = Literal["UTILITY", "MARKETING", "AUTHENTICATION"]


class TemplateDraft(SnakeWire):
    """A WhatsApp template as the provider's add call takes it."""

    language: Language
    name: Name
    category: Kind[Category]
    components: Annotated[tuple[Component, ...], Field(min_length=1)]
    allow_category_change: StrictBool | None = None  # absent: a wrong category may be refused
    message_send_ttl_seconds: WholeNumber | None = None  # dropped when undelivered by then

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        rules = broken_rules(self.category, self.components, self.message_send_ttl_seconds)
        if broken := list(rules):
            raise refuse_all(broken)
        return self

    def emit(self) -> dict[str, Any]:
        """The JSON object in the provider's spelling.

        Raises:
            MessageError: a name or a label that the provider's pages allow is longer than its
                schema does.
        """
        if problems := list(_too_long_to_send(self)):
            raise MessageError(*problems)
        return SnakeWire.emit(self)


def read_template(raw: Raw) -> TemplateDraft:
    """Parse a template to be registered.

    Raises:
        MessageError: it breaks the provider's rules, or is no JSON object.
    """
    try:
        draft: TemplateDraft = TemplateDraft.__pydantic_validator__.validate_python(
            parse_object(raw), by_alias=True, by_name=False
        )
    except ValidationError as error:
        raise MessageError(*problems_of(error)) from None  # the cause may hold a phone number
    return draft


def _too_long_to_send(draft: TemplateDraft) -> Iterator[Problem]:
    if len(draft.name) > MAX_NAME_SENT:
        yield Problem("name", f"at most {MAX_NAME_SENT} characters, got {len(draft.name)}")
    for place, part in enumerate(draft.components):
        above = ("components", place)
        if isinstance(part, Buttons):
            yield from _long_labels(part, above)
        elif isinstance(part, Carousel):
            for number, card in enumerate(part.cards):
                for inner, card_part in enumerate(card.components):
                    if isinstance(card_part, CardButtons):
                        path = (*above, "cards", number, "components", inner)
                        yield from _long_labels(card_part, path)


def _long_labels(part: Buttons | CardButtons, above: tuple[str | int, ...]) -> Iterator[Problem]:
    for place, button in enumerate(part.buttons):
        if len(button.text) > MAX_BUTTON_SENT:
            rule = f"at most {MAX_BUTTON_SENT} characters, got {len(button.text)}"
            yield Problem(path_to((*above, "buttons", place, "text")), rule)
