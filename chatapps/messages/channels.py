"""The channels a message tries, one after the other (provider docs, channels and fallback)."""

from typing import Annotated, Literal

from pydantic import Field

from chatapps.messages.values import WholeNumber
from chatapps.messages.wire import Wire

ChannelName = Literal[
    "SMS",
    "WhatsApp",
    "Facebook",
    "RCS",
    "Viber",
    "Line",
    "WeChat",
    "Zalo",
    "Instagram",
    "ZaloNotification",  # only on the ZNS page, not in the OpenAPI list
]


class Channel(Wire):
    """One attempt, and what moves the message on to the next channel.

    Unlike other names, that of a channel is taken by its exact case only (error 3022).
    """

    channel: ChannelName
    fallback_after: Annotated[WholeNumber, Field(ge=10, le=86_400)] | None = None  # seconds
    success_status: Literal["Accepted", "Sent", "Delivered", "Read"] | None = None


class Sms(Wire):
    """How the SMS looks when a message falls back to it."""

    encoding: Literal["AUTO", "GSM7", "UCS2"] | None = None
    source: Annotated[str, Field(min_length=1, max_length=16)] | None = None  # sender id
