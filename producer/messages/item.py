"""A message of a service, checked and packed: message for one person, key, and times."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from chatapps.messages import Message, MessageError, Problem, read_message
from chatapps.messages.fast_messages import read_plain
from chatapps.messages.json_parser import MAX_MEMBERS
from chatapps.rendering.job_line import escape_value, pack_message, template_in
from producer.errors import BadTag, BadTiming
from producer.policies import see_that_authentication
from store.purposes import Purpose
from store.queue.enqueue import MOST_TAGS, NewMessage, Taken
from store.templates import Registry, template_name

AnyMessage = Message | Mapping[str, Any] | bytes | str
NO_TEMPLATES: Final[Registry] = {}
FURTHEST_DAYS: Final = 30
"""Days ahead that a message may be scheduled."""
LONGEST_TAG: Final = 64
_TAG: Final = re.compile("(?:[0-9]{0,6}[A-Za-z._:-])+[0-9]{0,6}")
TAG_RULE: Final = (
    f"1 to {LONGEST_TAG} letters without accents, digits and any of ._:- with no seven digits in a row, "
    "and not digits alone: a tag names a kind of message, not a person"
)
TOO_MANY_TAGS: Final = (
    f"there are {MOST_TAGS} other tags of this priority today: use one of them, or none"
)
_SHORT_FORM: Final = (
    "a short form has `to`, `template`, `language`, "
    "as `params` a list of the texts of the body, and no more"
)
_FURTHEST_MS: Final = FURTHEST_DAYS * 86_400_000


@dataclass(frozen=True, slots=True)
class Item:
    """One message to enqueue."""

    message: AnyMessage
    key: str | None = None  # idempotency key: added once
    expires_at: datetime | None = None  # not sent from then on
    send_at: datetime | None = None  # not sent before
    purpose: Purpose | None = None  # None: the category of its template, else utility
    tag: str | None = None  # kind of message, to list those of a day by

    @property
    def timed(self) -> bool:
        """True when it has an expiry or is scheduled."""
        return self.expires_at is not None or self.send_at is not None


@dataclass(frozen=True, slots=True)
class Enqueued:
    """Result of enqueuing one message."""

    id: str  # `<lane>.<index>`; for a known key, that of the first message
    taken: Taken


def pack_item(item: Item, now_ms: int = 0, registry: Registry = NO_TEMPLATES) -> NewMessage:
    """Check an item and pack it for the store.

    Args:
        now_ms: Redis' clock; needed for a timed item.
        registry: the registered templates of its sub-account; needed for `authentication`.

    Raises:
        MessageError: the message breaks a rule of the provider.
        BadTiming: its times are invalid.
        BadPurpose: its purpose is authentication, its template's category is not.
        BadTag: its tag is malformed.
    """
    if item.tag is not None and not (len(item.tag) <= LONGEST_TAG and _TAG.fullmatch(item.tag)):
        raise BadTag(TAG_RULE)
    recipient, body = _read(item.message)
    due = _due(item, now_ms) if item.timed else 0
    expiry = int(item.expires_at.timestamp()) if item.expires_at is not None else None
    line = pack_message(recipient, body, item.purpose.letter if item.purpose else "", expiry)
    if item.purpose is Purpose.AUTHENTICATION:
        used = template_in(line)
        see_that_authentication(registry, template_name(*used) if used else "")
    key, digest = b"", b""
    if item.key:
        key, digest = key_digest(item.key), hashlib.blake2b(body, digest_size=8).digest()
    return NewMessage(line, key, digest, due, item.tag or "")


def key_digest(key: str) -> bytes:
    """An idempotency key as it is stored."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _read(given: AnyMessage) -> tuple[bytes, bytes]:
    """The recipient as in job lines, and the message as sent."""
    plain = read_plain(given)
    if plain is not None:
        return plain.number.lstrip("+").encode(), plain.body
    if not isinstance(given, Message):
        given = read_message(_expanded(given))
    if given.client_message_id is not None:
        raise MessageError(Problem("clientMessageId", "is given by sendmany: use a key"))
    if given.dlr_callback_url is not None:
        raise MessageError(Problem("dlrCallbackUrl", "is not for messages: settings say where to"))
    return _recipient(given), given.emit_json()


class _Short(msgspec.Struct, forbid_unknown_fields=True):
    """A message of a registered template in a few words."""

    to: Annotated[str, msgspec.Meta(min_length=1)]
    template: str
    language: str
    params: list[str] = []


class _Begun(msgspec.Struct):
    """Tells the short form from the provider's, which has no `to`."""

    to: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


def _expanded(given: Mapping[str, Any] | bytes | str) -> Mapping[str, Any] | bytes | str:
    """A message of the short form as the provider's; others as they are."""
    try:
        if isinstance(given, Mapping):
            if "to" not in given:
                return given
            short = msgspec.convert(dict(given), _Short)
        else:
            if msgspec.json.decode(given, type=_Begun).to is msgspec.UNSET:
                return given
            short = msgspec.json.decode(given, type=_Short)
    except msgspec.ValidationError:  # its text quotes names of the caller
        raise MessageError(Problem("", _SHORT_FORM)) from None
    except (ValueError, RecursionError):  # no JSON, which the reader of messages tells
        return given
    template: dict[str, Any] = {"name": short.template, "language": short.language}
    if short.params:
        # More are refused in any case, and each takes fifty times the memory that it came with.
        values = [{"type": "text", "text": value} for value in short.params[: MAX_MEMBERS + 1]]
        template["components"] = [{"type": "body", "parameters": values}]
    kind = "msisdn" if short.to[0] in "+0123456789" else "channelUserId"
    return {"user": {kind: short.to}, "type": "template", "content": {"template": template}}


def _recipient(message: Message) -> bytes:
    """The recipient: digits of an international number, or another id."""
    user = message.user
    if user.msisdn and not user.country:
        return user.msisdn.lstrip("+").encode()
    if user.msisdn:
        return f"{user.country}:{user.msisdn}".encode()
    return escape_value(user.channel_user_id or user.line_user_id or "")


def _due(item: Item, now_ms: int) -> int:
    """Due time, ms since 1970; 0 = at once."""
    starts, ends = _ms(item.send_at, "send_at"), _ms(item.expires_at, "expires_at")
    if ends is not None and ends <= now_ms:
        raise BadTiming("expires_at", "is over")
    if starts is None:
        return 0
    if ends is not None and ends <= starts:
        raise BadTiming("expires_at", "must be later than send_at")
    if starts - now_ms > _FURTHEST_MS:
        raise BadTiming("send_at", f"at most {FURTHEST_DAYS} days ahead")
    return starts if starts > now_ms else 0


def _ms(moment: datetime | None, member: str) -> int | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise BadTiming(member, "needs an offset from UTC")
    return int(moment.timestamp() * 1000)
