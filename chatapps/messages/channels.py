"""The channels a message tries in order (provider docs, channels and fallback)."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from chatapps.messages.base_model import Wire, refuse
from chatapps.messages.scalar_types import WholeNumber

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

UNREPORTED: Final[Mapping[ChannelName, tuple[str, ...]]] = {
    "SMS": ("Read",),
    "ZaloNotification": ("Read",),
    "Line": ("Delivered", "Read"),
}
"""The statuses that a channel cannot report (errors 3025 and 3026)."""


class Channel(Wire):
    """One attempt, and the condition for moving on to the next channel.

    The name of a channel is case-sensitive (error 3022), unlike other names.
    """

    channel: ChannelName
    fallback_after: Annotated[WholeNumber, Field(ge=10, le=86_400)] | None = None  # seconds
    success_status: Literal["Accepted", "Sent", "Delivered", "Read"] | None = None

    @model_validator(mode="after")
    def _status_is_reported(self) -> Self:
        if self.success_status in UNREPORTED.get(self.channel, ()):
            rule = f"{self.channel} does not report {self.success_status}"
            raise refuse(rule, "successStatus")
        return self


class Sms(Wire):
    """Sender and encoding of the SMS when a message falls back to it."""

    encoding: Literal["AUTO", "GSM7", "UCS2"] | None = None
    source: Annotated[str, Field(min_length=1, max_length=16)] | None = None  # sender id
