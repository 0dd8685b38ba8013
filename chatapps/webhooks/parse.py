"""Parses the bytes of a webhook into an event.

Any input gives an event, or one error:

    MessageError (a ValueError)   no JSON object, no event type, or an event without its ids
"""

import json
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import msgspec

from chatapps.messages import MessageError, Problem
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

_split_list: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The content of one POST."""

    events: tuple[Event, ...]
    faults: tuple[MessageError, ...]  # of unreadable ones; paths start with `[2]`


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


def read_webhooks(raw: Raw) -> Webhooks:
    """Parse a body that may hold a list of webhooks. Never fails: one bad event does not affect
    others."""
    events: list[Event] = []
    faults: list[MessageError] = []
    items = _items(raw)
    for place, item in enumerate([raw] if items is None else items):
        try:
            events.append(read_webhook(item))
        except MessageError as error:
            faults.append(error if items is None else _moved(error, f"[{place}]"))
    return Webhooks(tuple(events), tuple(faults))


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


def _items(raw: Raw) -> list[bytes] | None:
    """The texts of a list's items; None for anything else."""
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


def _moved(error: MessageError, place: str) -> MessageError:
    """The error with its event's index in the list."""
    return MessageError(
        *(
            Problem(f"{place}.{problem.path}" if problem.path else place, problem.rule)
            for problem in error.problems
        )
    )
