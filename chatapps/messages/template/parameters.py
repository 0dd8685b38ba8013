"""Values for a template's placeholders (provider docs, template parameters)."""

from typing import Annotated, Literal

from pydantic import Field

from chatapps.messages.base_model import Wire
from chatapps.messages.discriminator import Kind, OneOf
from chatapps.messages.scalar_types import (
    CallPayload,
    FilledObject,
    Location,
    NonEmpty,
    Says,
    TtlMinutes,
)


class Parameter(Wire):
    """Members common to most values."""

    name: NonEmpty | None = None  # Zalo's templates have named placeholders
    ttl_minutes: Annotated[None, Says("only for the type ttlMinutes, on a VoiceCall button")] = None


class TextParameter(Parameter):
    """A text; the n-th one fills the n-th placeholder of its component."""

    type: Kind[Literal["text"]] = "text"
    text: NonEmpty


class ImageParameter(Parameter):
    """An image. The provider takes addresses without a scheme, so any text passes."""

    type: Kind[Literal["image"]] = "image"
    url: NonEmpty


class VideoParameter(Parameter):
    """A video."""

    type: Kind[Literal["video"]] = "video"
    url: NonEmpty


class DocumentParameter(Parameter):
    """A document; its file name cannot be set."""

    type: Kind[Literal["document"]] = "document"
    url: NonEmpty


class GifParameter(Parameter):
    """An animated image; the address is that of a video file."""

    type: Kind[Literal["gif"]] = "gif"
    url: NonEmpty


class LocationParameter(Parameter):
    """A geographic location."""

    type: Kind[Literal["location"]] = "location"
    location: Location


class PayloadParameter(Parameter):
    """Payload that is returned when the person taps the button."""

    type: Kind[Literal["payload"]] = "payload"
    payload: NonEmpty


class CouponCodeParameter(Parameter):
    """The code that the button copies."""

    type: Kind[Literal["couponCode"]] = "couponCode"
    coupon_code: NonEmpty


class FlowActionData(Wire):
    """The screen on which a flow opens, and its initial data.

    Some pages of the docs put the data here directly: members beyond these two are kept.
    """

    screen: NonEmpty | None = None  # the provider's default is FIRST_ENTRY_SCREEN
    data: FilledObject | None = None


class ActionParameter(Parameter):
    """Start of a flow."""

    type: Kind[Literal["action"]] = "action"
    flow_action_data: FlowActionData | None = None


class TtlMinutesParameter(Wire):
    """Minutes for which the person may call back; overrides the template's."""

    name: NonEmpty | None = None
    type: Kind[Literal["ttlMinutes"]] = "ttlMinutes"
    ttl_minutes: TtlMinutes


class CallPayloadParameter(PayloadParameter):
    """Payload that is returned when the person taps the call button."""

    payload: CallPayload


HeaderParameter = Annotated[
    TextParameter
    | ImageParameter
    | VideoParameter
    | DocumentParameter
    | GifParameter
    | LocationParameter,
    OneOf("type"),
]

CardHeaderParameter = Annotated[
    TextParameter | ImageParameter | VideoParameter | DocumentParameter | LocationParameter,
    OneOf("type"),
]

VoiceCallParameter = Annotated[TtlMinutesParameter | CallPayloadParameter, OneOf("type")]

NoParameters = Annotated[tuple[Parameter, ...], Field(max_length=0)]
"""For components without placeholders: absent, or an empty list."""
