"""Parses the bytes of a webhook into an event.

Any input gives an event, or one error:

    MessageError (a ValueError)   no JSON object, no event type, or an event without its ids
"""

import json
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from chatapps.messages import MessageError
from chatapps.messages.json_parser import parse_object
from chatapps.messages.parse import Raw
from chatapps.webhooks.business import BusinessChange, is_business, read_business
from chatapps.webhooks.fast_receipts import read_fast
from chatapps.webhooks.json_fields import Members
from chatapps.webhooks.other_events import OtherEvent, read_other
from chatapps.webhooks.receipts import STATUS_CHANGED, Receipt, read_receipt
from chatapps.webhooks.replies import INBOUND_EVENTS, Reply, read_reply

Event: TypeAlias = Receipt | Reply | BusinessChange | OtherEvent
"""One of Receipt, Reply, TemplateChange, NumberChange, AccountChange, OtherEvent."""

MOST_ITEMS: Final = 50_000
"""Events of one body; a longer list is no webhook."""
_split_list: Final = msgspec.json.Decoder(
    Annotated[list[msgspec.Raw], msgspec.Meta(max_length=MOST_ITEMS)]
).decode


def read_webhook(raw: Raw) -> Event:
    """Parse one webhook of any version.

    Args:
        raw: the body of the POST, or the object itself.

    Raises:
        MessageError: it is no JSON object, has no `eventType`, or lacks its ids.
    """
    receipt = read_fast(raw) if isinstance(raw, (bytes, str)) else None
    return receipt or read_with_patience(raw)


def read_with_patience(raw: Raw) -> Event:
    """As `read_webhook`, without the fast path for receipts.

    Raises:
        MessageError: as there.
    """
    data = _parse(raw)
    event = Members(data)
    name = event.needed_lower("eventType")
    version = event.whole("version")
    business = name.removeprefix("message_")  # some pages use Meta's names of the events
    if name == STATUS_CHANGED:
        return read_receipt(_open(event), version)
    if name in INBOUND_EVENTS:
        return read_reply(_open(event), version)
    if is_business(business):
        return read_business(event, business)
    return read_other(data, name, version)


def items_of(raw: Raw) -> list[bytes] | None:
    """The texts of the events of a body that is a list; None for any other body."""
    if not isinstance(raw, (bytes, str)):
        return None
    try:
        return [bytes(item) for item in _split_list(raw)]
    except (ValueError, RecursionError):
        mended = _mend(raw)
    try:
        return None if mended is None else [bytes(item) for item in _split_list(mended)]
    except (ValueError, RecursionError):
        return None


def _open(event: Members) -> Members:
    """The event without its envelope's own members."""
    event.text("namespace")
    event.text("description")
    return event


def _parse(raw: Raw) -> dict[str, Any]:
    try:
        return parse_object(raw)
    except MessageError:
        mended = _mend(raw)
        if mended is None:
            raise
        return parse_object(mended)


def _mend(raw: Raw) -> bytes | None:
    """The text with `?` or U+FFFD for lone surrogates, or None when it has none.

    An emoji may be cut in two on the way; the message, perhaps an opt-out, must not be lost for that.
    """
    if not isinstance(raw, (bytes, str)):
        return None
    text = raw.decode("utf-8-sig", "replace") if isinstance(raw, bytes) else raw
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
