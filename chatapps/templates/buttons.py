"""Buttons of a template (provider docs, add template)."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from chatapps.messages.base_model import OfOneKind, SnakeWire, refuse
from chatapps.messages.discriminator import Kind, OneOf
from chatapps.messages.scalar_types import NonEmpty, WholeNumber
from chatapps.templates.placeholders import count_placeholders, ends_with_its_only, flaw_of
from chatapps.templates.unescape import ButtonText, CouponCode, Link, Samples, join_samples

MAX_BUTTONS: Final = 10
MAX_OF_A_KIND: Final[dict[str, int]] = {
    "QUICK_REPLY": 10,
    "URL": 2,
    "PHONE_NUMBER": 1,
    "OTP": 1,
    "COPY_CODE": 1,
    "FLOW": 1,
    "VOICE_CALL": 1,
    "REQUEST_CONTACT_INFO": 1,
}

_DIGITS_WANTED: Final = range(4, 16)
_PHONE: Final = re.compile(r"\+?[0-9][0-9 ()./-]*")


class Part(OfOneKind, SnakeWire):
    """A component of a template or of a card."""

    @model_validator(mode="before")
    @classmethod
    def _samples_in_one_place(cls, data: Any) -> Any:
        return join_samples(data, "examples")


class _Button(OfOneKind):
    @model_validator(mode="before")
    @classmethod
    def _samples_in_one_place(cls, data: Any) -> Any:
        return join_samples(data, "example")


class QuickReplyButton(_Button):
    """Sends its text, and a payload if the message has one."""

    type: Kind[Literal["QUICK_REPLY"]] = "QUICK_REPLY"
    text: ButtonText


class UrlButton(_Button):
    """Opens a page. `{{1}}` at the end of the address is filled for each person."""

    type: Kind[Literal["URL"]] = "URL"
    text: ButtonText
    url: Link
    example: Samples | None = None

    @model_validator(mode="after")
    def _placeholder_fits(self) -> Self:
        if not ends_with_its_only(self.url):
            raise refuse("may have one placeholder, {{1}}, at its very end", "url")
        if count_placeholders(self.url) and (flaw := flaw_of(self.url, self.example or ())):
            raise refuse(flaw, "url")
        return self


class PhoneNumberButton(_Button):
    """Calls a number. An invalid one is refused with code 1002."""

    type: Kind[Literal["PHONE_NUMBER"]] = "PHONE_NUMBER"
    text: ButtonText
    phone_number: Annotated[str, Field(min_length=1, max_length=20)] = Field(repr=False)
    country: str | None = None

    @model_validator(mode="after")
    def _number_is_one(self) -> Self:
        digits = sum(char.isdecimal() for char in self.phone_number)
        if not _PHONE.fullmatch(self.phone_number) or digits not in _DIGITS_WANTED:
            raise refuse("must be a phone number such as +442079460000", "phoneNumber")
        if self.country is not None and not re.fullmatch("[A-Za-z]{2}", self.country):
            raise refuse("must be two letters", "country")
        if self.country is None and not self.phone_number.startswith("+"):
            raise refuse("is required, unless the number starts with +", "country")
        return self


class OtpButton(_Button):
    """Copies a one-time code; its label is fixed."""

    type: Kind[Literal["OTP"]] = "OTP"
    text: ButtonText = "Copy Code"
    otp_type: Kind[Literal["COPY_CODE"]] = Field(default="COPY_CODE", alias="otp_type")


class CopyCodeButton(_Button):
    """Copies a coupon code; its label is fixed, and its sample required."""

    type: Kind[Literal["COPY_CODE"]] = "COPY_CODE"
    text: ButtonText = "Copy Code"
    example: Annotated[tuple[CouponCode, ...], Field(min_length=1, max_length=1)]


def _digits_as_text(value: Any) -> Any:
    return str(value) if type(value) is int else value


class FlowButton(_Button):
    """Opens a published form."""

    type: Kind[Literal["FLOW"]] = "FLOW"
    text: ButtonText
    flow_id: Annotated[NonEmpty, BeforeValidator(_digits_as_text)]
    flow_action: Kind[Literal["navigate", "data_exchange"]] | None = None
    navigate_screen: NonEmpty | None = None

    @model_validator(mode="after")
    def _screen_is_used(self) -> Self:
        if self.navigate_screen is not None and self.flow_action == "data_exchange":
            raise refuse("only for the flowAction navigate", "navigateScreen")
        return self


class VoiceCallButton(_Button):
    """Calls the business inside WhatsApp while it is valid."""

    type: Kind[Literal["VOICE_CALL"]] = "VOICE_CALL"
    text: ButtonText = "Call Now"
    ttl_minutes: Annotated[WholeNumber, Field(ge=1440, le=43_200)] | None = None


class ContactInfoButton(_Button):
    """Requests the person's contact card; its label is fixed."""

    type: Kind[Literal["REQUEST_CONTACT_INFO"]] = "REQUEST_CONTACT_INFO"
    text: ButtonText = "Share contact info"


Button = Annotated[
    QuickReplyButton
    | UrlButton
    | PhoneNumberButton
    | OtpButton
    | CopyCodeButton
    | FlowButton
    | VoiceCallButton
    | ContactInfoButton,
    OneOf("type"),
]
CardButton = Annotated[
    QuickReplyButton | UrlButton | PhoneNumberButton | OtpButton | CopyCodeButton,
    OneOf("type"),
]


class Buttons(Part):
    """The buttons below the message; those of one kind are adjacent."""

    type: Kind[Literal["BUTTONS"]] = "BUTTONS"
    buttons: Annotated[tuple[Button, ...], Field(min_length=1, max_length=MAX_BUTTONS)]

    @model_validator(mode="after")
    def _kinds_fit(self) -> Self:
        kinds = [button.type for button in self.buttons]
        if flaw := next(_flaws_of(kinds), None):
            raise refuse(flaw, "buttons")
        return self


class CardButtons(Part):
    """The one or two buttons of a card."""

    type: Kind[Literal["BUTTONS"]] = "BUTTONS"
    buttons: Annotated[tuple[CardButton, ...], Field(min_length=1, max_length=2)]


def _flaws_of(kinds: Sequence[str]) -> Iterator[str]:
    for kind, count in Counter(kinds).items():
        if count > MAX_OF_A_KIND[kind]:
            yield f"at most {MAX_OF_A_KIND[kind]} of type {kind}, got {count}"
    if "OTP" in kinds and len(kinds) > 1:
        yield "an OTP button must be the only one"
    groups = Counter(kind for kind, _ in groupby(kinds))
    apart = next((kind for kind, count in groups.items() if count > 1), None)
    if apart:
        yield f"buttons of one type must stand together: the {apart} buttons do not"
