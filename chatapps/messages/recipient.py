"""The recipient of a message (provider docs, addressing)."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from chatapps.messages.base_model import Wire, refuse
from chatapps.messages.scalar_types import NonEmpty, Says

# Recipients' numbers are checked where they come in; this accepts shorter ones, as in the provider's own
# examples.
Msisdn = Annotated[
    str,
    Field(pattern=r"^\+?[0-9]{4,15}$"),
    Says("must be 4 to 15 digits, with or without + in front"),
]
CountryCode = Annotated[str, Field(pattern=r"^[A-Za-z]{2}$"), Says("must be two letters")]
ChannelUserId = Annotated[
    str,
    Field(pattern=r"^[A-Z]{2}\.[A-Za-z0-9]{1,128}$"),
    Says("must be a country in capitals, a dot, and 1 to 128 letters or digits"),
]


class User(Wire):
    """A person, by number or by a channel's user id; the number takes precedence.

    Neither shows in `repr`, which ends up in logs.
    """

    msisdn: Msisdn | None = Field(default=None, repr=False)
    country: CountryCode | None = None  # for a number in national form
    line_user_id: NonEmpty | None = Field(default=None, repr=False)
    channel_user_id: ChannelUserId | None = Field(default=None, repr=False)  # WhatsApp (BSUID)

    @model_validator(mode="after")
    def _can_be_reached(self) -> Self:
        if self.msisdn is None:
            if self.channel_user_id is None and self.line_user_id is None:
                raise refuse("needs msisdn, channelUserId or lineUserId")
        elif self.msisdn.startswith("0") and self.country is None:
            raise refuse("a national number needs country", "msisdn")
        return self

    def missing_for(self, channel: str) -> str | None:
        """The member that this channel needs to reach the person and that is missing, or None."""
        if channel == "SMS" and self.msisdn is None:
            return "msisdn"
        if channel == "WhatsApp" and self.msisdn is None and self.channel_user_id is None:
            return "msisdn"
        return "lineUserId" if channel == "Line" and self.line_user_id is None else None
