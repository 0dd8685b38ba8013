"""Fast parser for receipts of exactly the documented form; a message has three or more of them.

Any deviation, such as an unknown member, falls through to the tolerant parser, so that nothing is lost;
both give the same receipt.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec

from chatapps.messages.json_parser import MAX_DEPTH
from chatapps.webhooks.json_fields import MAX_WHOLE, MAX_WORD, read_moment
from chatapps.webhooks.person import NO_CHANNEL, Person, channel_of, digits
from chatapps.webhooks.receipts import OWN_IDS_FROM, SENT_PARTS, Receipt, SentContent

_Word = Annotated[str, msgspec.Meta(max_length=MAX_WORD)]
_Whole = Annotated[int, msgspec.Meta(ge=0, lt=MAX_WHOLE)]


class _Wire(msgspec.Struct, gc=False, rename="camel", forbid_unknown_fields=True):
    """Base class: an unknown member falls through to the tolerant parser."""


class _User(_Wire):
    msisdn: _Word | None = None
    channel_user_id: _Word | None = None


class _Status(_Wire):
    state: _Word
    timestamp: _Word
    detail: _Word | None = None
    error_code: _Whole | None = None
    error_message: str | None = None


class _WhatsApp(_Wire):
    provider_error_code: _Word | None = None
    pricing_category: _Word | None = None


class _Template(_Wire):
    name: _Word | None = None
    language: _Word | None = None
    category: _Word | None = None


class _Content(_Wire):
    channel: str | None = None
    content_type: _Word | None = None
    template: _Template | None = None
    header: Any = None
    body: Any = None
    footer: Any = None
    actions: Any = None
    cards: Any = None
    meta: Any = None


class _Payload(_Wire):
    umid: _Word
    status: _Status
    sub_account_id: _Word | None = None
    channel: _Word | None = None
    user: _User | None = None
    batch_id: _Word | None = None
    client_message_id: _Word | None = None
    client_batch_id: _Word | None = None
    whatsapp: _WhatsApp | None = None
    outbound_content: msgspec.Raw = msgspec.Raw()  # most of the body: decoded on demand


class ReceiptBody(_Wire):
    """A receipt as posted, with fields checked for their types only."""

    event_type: Literal["outbound_message_status_changed"]
    payload: _Payload
    version: _Whole | None = None
    namespace: str | None = None
    description: str | None = None

    @property
    def person(self) -> Person | None:
        """The recipient; None when the tolerant parser has to decide."""
        return _person(self.payload.user, self.version or 0)


_decode: Final = msgspec.json.Decoder(ReceiptBody).decode
_decode_content: Final = msgspec.json.Decoder(_Content | None).decode
_NO_WHATSAPP: Final = _WhatsApp()
_NO_TEMPLATE: Final = _Template()
_NO_USER: Final = _User()
_NOBODY: Final = Person()
_NOTHING_SENT: Final = SentContent()


def read_fast(raw: bytes | str) -> Receipt | None:
    """The receipt, or None when the tolerant parser has to read it."""
    envelope = decode_receipt(raw)
    if envelope is None:
        return None
    payload, content = envelope.payload, None
    if payload.outbound_content:
        if _may_be_deep(raw):
            return None
        try:
            content = _decode_content(payload.outbound_content)
        except (ValueError, RecursionError):
            return None
    if content and not (_is_plain(raw) or _is_printable(_words_of(content))):
        return None
    return _receipt(payload, content, envelope.version or 0)


def decode_receipt(raw: bytes | str) -> ReceiptBody | None:
    """A receipt with short and printable words; None when the tolerant parser has to read it."""
    try:
        envelope = _decode(raw)
    except (ValueError, RecursionError):  # every error of msgspec is a ValueError
        return None
    if not (_is_plain(raw) or _is_printable(_words_in(envelope.payload))):
        return None
    return envelope


def _is_plain(raw: bytes | str) -> bool:
    """True when no text in it can hold unprintable characters; cheap, and nearly always true."""
    if isinstance(raw, str):
        return False
    return raw.isascii() and b"\\" not in raw and b"\x7f" not in raw


def _words_in(payload: _Payload) -> Iterable[str | None]:
    user, whatsapp = payload.user or _NO_USER, payload.whatsapp or _NO_WHATSAPP
    return (
        *(payload.umid, payload.sub_account_id, payload.channel, payload.batch_id),
        *(payload.client_message_id, payload.client_batch_id, user.msisdn, user.channel_user_id),
        *(payload.status.state, payload.status.detail),
        *(whatsapp.provider_error_code, whatsapp.pricing_category),
    )


def _words_of(content: _Content) -> Iterable[str | None]:
    template = content.template or _NO_TEMPLATE
    return content.content_type, template.name, template.language, template.category


def _is_printable(words: Iterable[str | None]) -> bool:
    return all(word is None or word.isprintable() for word in words)


def _may_be_deep(raw: bytes | str) -> bool:
    """True when the brackets could exceed the allowed depth."""
    if isinstance(raw, str):
        return raw.count("{") + raw.count("[") > MAX_DEPTH
    return raw.count(b"{") + raw.count(b"[") > MAX_DEPTH


def _receipt(payload: _Payload, content: _Content | None, version: int) -> Receipt | None:
    status, whatsapp = payload.status, payload.whatsapp or _NO_WHATSAPP
    person = _person(payload.user, version)
    timestamp = read_moment(status.timestamp)
    state = status.state.strip().lower()
    if person is None or timestamp is None or not (state and payload.umid):
        return None
    return Receipt(
        umid=payload.umid,
        state=state,
        detail=_lower(status.detail),
        timestamp=timestamp,
        code=status.error_code,
        error=status.error_message or None,
        channel=channel_of(payload.channel or NO_CHANNEL),
        sub_account=payload.sub_account_id or None,
        client_message_id=payload.client_message_id or None,
        client_batch_id=payload.client_batch_id or None,
        batch_id=payload.batch_id or None,
        provider_code=whatsapp.provider_error_code or None,
        pricing=_lower(whatsapp.pricing_category),
        person=person,
        content=_content(content) if content else None,
    )


def _person(user: _User | None, version: int) -> Person | None:
    """The person; None when the tolerant parser has to decide."""
    if user is None:
        return _NOBODY
    msisdn, user_id = user.msisdn or None, user.channel_user_id or None
    if msisdn is not None:
        msisdn = digits(msisdn)
        if msisdn is None:
            return None
    if user_id is not None and version < OWN_IDS_FROM and (number := digits(user_id)):
        msisdn, user_id = msisdn or number, None
    return Person(msisdn, user_id)


def _content(content: _Content) -> SentContent | None:
    template = content.template or _NO_TEMPLATE
    parts = {name: part for name in SENT_PARTS if (part := getattr(content, name)) is not None}
    found = SentContent(
        _lower(content.content_type),
        template.name or None,
        template.language or None,
        template.category.strip().upper() or None if template.category else None,
        parts,
    )
    return found if parts or found != _NOTHING_SENT else None


def _lower(word: str | None) -> str | None:
    return word.strip().lower() or None if word else None
