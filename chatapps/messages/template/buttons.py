"""Template buttons that take a value (provider docs, template buttons)."""

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from chatapps.messages.base_model import Wire
from chatapps.messages.discriminator import AnyCase, Kind, OneOf
from chatapps.messages.scalar_types import WholeNumber
from chatapps.messages.template.parameters import (
    ActionParameter,
    CouponCodeParameter,
    PayloadParameter,
    TextParameter,
    VoiceCallParameter,
)

ButtonIndex = Annotated[WholeNumber, Field(ge=0, le=9)]
"""Position among all buttons of the template, including those without values."""

ONE: Final = Field(min_length=1, max_length=1)


class ButtonComponent(Wire):
    """Members common to all buttons."""

    type: Kind[Literal["button"]] = "button"
    index: ButtonIndex = 0


class QuickReplyButton(ButtonComponent):
    """A quick reply with its payload."""

    sub_type: Kind[Literal["QuickReply"]] = "QuickReply"
    parameters: Annotated[tuple[PayloadParameter, ...], ONE]


class UrlButton(ButtonComponent):
    """A link; the text becomes the variable end of its address. Authentication templates hold the code
    here."""

    # The provider's example of an authentication template writes 1.
    sub_type: Annotated[Literal["Url"], AnyCase(number=1)] = "Url"
    parameters: Annotated[tuple[TextParameter, ...], ONE]


class CopyCodeButton(ButtonComponent):
    """A button that copies a coupon code."""

    sub_type: Kind[Literal["CopyCode"]] = "CopyCode"
    parameters: Annotated[tuple[CouponCodeParameter, ...], ONE]


class FlowButton(ButtonComponent):
    """A button that opens a flow."""

    sub_type: Kind[Literal["Flow"]] = "Flow"
    parameters: Annotated[tuple[ActionParameter, ...], ONE]


class VoiceCallButton(ButtonComponent):
    """A button that calls the business, with optional time to live and payload."""

    sub_type: Kind[Literal["VoiceCall"]] = "VoiceCall"
    parameters: Annotated[tuple[VoiceCallParameter, ...], Field(max_length=2)] | None = None


Button = Annotated[
    QuickReplyButton | UrlButton | CopyCodeButton | FlowButton | VoiceCallButton,
    OneOf("subType"),
]

MOST: Final[dict[type[Wire], tuple[int, str]]] = {
    UrlButton: (2, "Url buttons"),
    CopyCodeButton: (1, "CopyCode button"),
    FlowButton: (1, "Flow button"),
}
"""Most buttons of a kind in a template, where fewer than ten."""


def index_twice(buttons: Sequence[ButtonComponent]) -> bool:
    """True when two buttons have the same index."""
    return len(buttons) > 1 and len({button.index for button in buttons}) < len(buttons)
