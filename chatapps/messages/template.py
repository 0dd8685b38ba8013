"""A registered WhatsApp template and the values for its placeholders (provider docs, templates)."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from chatapps.messages.kinds import AnyCase, Kind, OneOf
from chatapps.messages.parameters import (
    CouponCodeParameter,
    HeaderParameter,
    PayloadParameter,
    TextParameter,
)
from chatapps.messages.values import WholeNumber
from chatapps.messages.wire import Wire, refuse

MAX_URL_BUTTONS: Final = 2

ButtonIndex = Annotated[WholeNumber, Field(ge=0, le=9)]
"""Position among all buttons of the template, those without values included."""


class HeaderComponent(Wire):
    """The value of the header: a text, a medium or a place."""

    type: Kind[Literal["header"]] = "header"
    parameters: tuple[HeaderParameter, ...] | None = None


class BodyComponent(Wire):
    """The texts of the body, in the order of its placeholders."""

    type: Kind[Literal["body"]] = "body"
    parameters: tuple[TextParameter, ...] | None = None


class ButtonComponent(Wire):
    """What the buttons have in common."""

    type: Kind[Literal["button"]] = "button"
    index: ButtonIndex = 0


class QuickReplyButton(ButtonComponent):
    """A quick reply with a payload of our own."""

    sub_type: Kind[Literal["QuickReply"]] = "QuickReply"
    parameters: Annotated[tuple[PayloadParameter, ...], Field(min_length=1, max_length=1)]


class UrlButton(ButtonComponent):
    """A link; the text becomes its variable end. Authentication templates hold the code here."""

    # The provider's example of an authentication template writes 1.
    sub_type: Annotated[Literal["Url"], AnyCase(number=1)] = "Url"
    parameters: Annotated[tuple[TextParameter, ...], Field(min_length=1, max_length=1)]


class CopyCodeButton(ButtonComponent):
    """A button that copies a coupon code."""

    sub_type: Kind[Literal["CopyCode"]] = "CopyCode"
    parameters: Annotated[tuple[CouponCodeParameter, ...], Field(min_length=1, max_length=1)]


class OtherButton(ButtonComponent):
    """A button that is not modelled yet: passes through as it came."""

    sub_type: Kind[Literal["Flow", "VoiceCall"]]


class OtherComponent(Wire):
    """A component that is not modelled yet: passes through as it came."""

    type: Kind[Literal["footer", "carousel", "call_permission_request", "request_contact_info"]]


Button = Annotated[
    QuickReplyButton | UrlButton | CopyCodeButton | OtherButton,
    OneOf("subType"),
]
Component = Annotated[
    HeaderComponent | BodyComponent | Button | OtherComponent,
    OneOf("type", default="body"),
]


class Template(Wire):
    """Which template, in which language, with which values.

    Only the components that need values are named; their order does not matter.
    """

    name: Annotated[str, Field(min_length=1, max_length=512)]
    language: Annotated[str, Field(min_length=1)]
    components: tuple[Component, ...] | None = None

    @model_validator(mode="after")
    def _buttons_agree(self) -> Self:
        buttons = [part for part in self.components or () if isinstance(part, ButtonComponent)]
        if len(buttons) < 2:
            return self
        if len({button.index for button in buttons}) < len(buttons):
            raise refuse("two buttons have the same index", "components")
        links = sum(isinstance(button, UrlButton) for button in buttons)
        if links > MAX_URL_BUTTONS:
            raise refuse(f"at most {MAX_URL_BUTTONS} Url buttons, got {links}", "components")
        return self
