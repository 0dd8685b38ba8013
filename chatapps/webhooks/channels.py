"""The channels by one name each, however the provider spells them at the moment."""

from enum import StrEnum
from typing import Final


class Channel(StrEnum):
    """A channel of the provider. A member is a `str`: it equals its lower-case name."""

    SMS = "sms"
    WHATSAPP = "whatsapp"
    VIBER = "viber"
    RCS = "rcs"
    LINE = "line"
    LINE_NOTIFICATION = "linenotification"
    ZALO = "zalo"
    ZALO_NOTIFICATION = "zalonotification"
    FACEBOOK = "facebook"
    INSTAGRAM = "instagram"
    WECHAT = "wechat"
    KAKAO = "kakao"


NO_CHANNEL: Final = ""
"""What stands where an event names no channel."""

# Webhooks write `whatsapp`, `whatsApp`, `RCS`, `rcs` (provider docs, webhooks).
_SPELLINGS: Final = {"zns": Channel.ZALO_NOTIFICATION, "lon": Channel.LINE_NOTIFICATION} | {
    channel.value: channel for channel in Channel
}


def channel_of(name: str) -> str:
    """The channel of this name in any case; a name nobody knows yet stays, in lower case."""
    word = name.strip().lower()
    return _SPELLINGS.get(word, word)
