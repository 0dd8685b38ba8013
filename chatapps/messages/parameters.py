"""The values that fill a template's placeholders (provider docs, template parameters)."""

from typing import Annotated, Literal

from chatapps.messages.kinds import Kind, OneOf
from chatapps.messages.values import Location, NonEmpty
from chatapps.messages.wire import Wire


class TextParameter(Wire):
    """A text; the n-th one fills the n-th placeholder of its component."""

    type: Kind[Literal["text"]] = "text"
    text: NonEmpty


class ImageParameter(Wire):
    """A picture. The provider takes addresses without a scheme, so any text passes."""

    type: Kind[Literal["image"]] = "image"
    url: NonEmpty


class VideoParameter(Wire):
    """A video."""

    type: Kind[Literal["video"]] = "video"
    url: NonEmpty


class DocumentParameter(Wire):
    """A document; its file name cannot be given."""

    type: Kind[Literal["document"]] = "document"
    url: NonEmpty


class GifParameter(Wire):
    """A moving picture; the address is that of a video file."""

    type: Kind[Literal["gif"]] = "gif"
    url: NonEmpty


class LocationParameter(Wire):
    """A place on the map."""

    type: Kind[Literal["location"]] = "location"
    location: Location


class PayloadParameter(Wire):
    """What comes back when the person taps the button."""

    type: Kind[Literal["payload"]] = "payload"
    payload: NonEmpty


class CouponCodeParameter(Wire):
    """The code that the button copies."""

    type: Kind[Literal["couponCode"]] = "couponCode"
    coupon_code: NonEmpty


HeaderParameter = Annotated[
    TextParameter
    | ImageParameter
    | VideoParameter
    | DocumentParameter
    | GifParameter
    | LocationParameter,
    OneOf("type"),
]
