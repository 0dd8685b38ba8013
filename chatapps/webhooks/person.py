"""The person of an event, by number or by a channel's user id."""

import re
from enum import StrEnum
from typing import Final

import msgspec

from chatapps.webhooks.json_fields import Members

_SEPARATORS: Final = re.compile(r"[ ().-]")
_BSUID: Final = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")


class Person(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The recipient or the sender of a message.

    Neither number nor id shows in `repr`, which ends up in logs.
    """

    msisdn: str | None = None  # digits of the E.164 number, without +
    user_id: str | None = None  # as the channel wrote it: a BSUID of WhatsApp, an id of LINE
    name: str | None = None
    username: str | None = None

    @property
    def bsuid(self) -> str | None:
        """The business-scoped user id, when the channel's id is one."""
        return self.user_id if self.user_id and _BSUID.fullmatch(self.user_id) else None

    @property
    def address(self) -> str | None:
        """The person's identifier: the number, or else the channel's id."""
        return self.msisdn or self.user_id

    def __repr__(self) -> str:
        known = "number" if self.msisdn else "id" if self.user_id else "nothing"
        return f"<Person by {known}>"


def read_person(members: Members, *, own_ids: bool) -> Person:
    """Read `user` (provider docs, receipts and inbound messages).

    Args:
        own_ids: `channelUserId` is an id of its own (receipts from version 9, inbound messages from 3);
            before, it repeats the phone number where there is one.
    """
    msisdn = _number(members, "msisdn")
    user_id = members.word("channelUserId") or members.word("lineUserId")
    if user_id is not None and not own_ids and (number := digits(user_id)):
        msisdn, user_id = msisdn or number, None
    return Person(msisdn, user_id, members.text("name"), members.text("username"))


def digits(text: str) -> str | None:
    """The digits of an international number with or without `+`; None for anything else."""
    number = text.removeprefix("+")
    return number if 4 <= len(number) <= 15 and number.isascii() and number.isdigit() else None


def _number(members: Members, name: str) -> str | None:
    written = members.word(name)
    if written is None:
        return None
    number = digits(_SEPARATORS.sub("", written))
    if number is None:
        members.give_back(name, written)
    return number


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
"""Channel of an event that names none."""

# Webhooks write `whatsapp`, `whatsApp`, `RCS`, `rcs` (provider docs, webhooks).
_SPELLINGS: Final = {"zns": Channel.ZALO_NOTIFICATION, "lon": Channel.LINE_NOTIFICATION} | {
    channel.value: channel for channel in Channel
}


def channel_of(name: str) -> str:
    """The channel of this name in any case; an unknown name in lower case."""
    word = name.strip().lower()
    return _SPELLINGS.get(word, word)
