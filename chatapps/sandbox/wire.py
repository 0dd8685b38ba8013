"""Request and response bodies of the sandbox as msgspec records.

The decoder of requests is typed and fast, and refuses a body with a member of a wrong type anywhere.
Such a body is read again message by message, so that only the faulty ones are refused.
"""

from typing import Any

import msgspec


class _Record(msgspec.Struct, gc=False, omit_defaults=True, rename="camel"):
    """Base class: members are camelCase on the wire, and left out when None."""


class Opaque(_Record):
    """An object that is not inspected."""


class User(_Record):
    msisdn: str | None = None
    country: str | None = None
    channel_user_id: str | None = None
    line_user_id: str | None = None


class Parameter(_Record):
    type: str | None = None
    text: str | None = None
    url: str | None = None
    payload: str | None = None
    coupon_code: str | None = None
    location: Opaque | None = None


class Component(_Record):
    type: str | None = "body"
    sub_type: str | int | None = None
    index: int | str | None = None
    parameters: list[Parameter] | None = None


class Template(_Record):
    name: str | None = None
    language: str | None = None
    components: list[Component] | None = None


class Location(_Record):
    latitude: float | str | None = None
    longitude: float | str | None = None


class Sms(_Record):
    encoding: str | None = None
    source: str | None = None


class Content(_Record):
    text: str | None = None
    url: str | None = None
    location: Location | None = None
    template: Template | None = None
    interactive: Opaque | None = None
    carousel: Opaque | None = None
    rich_card: Opaque | None = None
    fallback_text: str | None = None
    sms: Sms | None = None


class Channel(_Record):
    channel: str | None = None
    fallback_after: float | None = None
    success_status: str | None = None


class Context(_Record):
    umid: str | None = None


class Message(_Record):
    """One message; in a batch also the shape of its defaults."""

    user: User | None = None
    type: str | None = None
    content: Content | None = None
    client_message_id: str | None = None
    channels: list[Channel] | None = None
    dlr_callback_url: str | None = None
    scheduled: str | None = None
    expiry: str | None = None
    context: Context | None = None


class Batch(_Record):
    """A batch request. An unreadable message is None."""

    messages: list[Message | None] | None = None
    template: Message | None = None
    client_batch_id: str | None = None
    include_messages_in_response: bool | None = None


class Status(_Record):
    state: str
    timestamp: str
    error_code: int | None = None
    error_message: str | None = None
    detail: str | None = None


class MessageAnswer(_Record):
    umid: str
    user: User
    status: Status
    client_message_id: str | None = None


class BatchAnswer(_Record):
    batch_id: str
    accepted_count: int
    rejected_count: int
    client_batch_id: str | None = None
    messages: list[MessageAnswer] | None = None


class ErrorAnswer(_Record):
    code: int
    message: str
    error_id: str
    timestamp: str


class Detail(_Record):
    umid: str
    sub_account_id: str
    channel: str
    channel_id: str
    direction: str
    status: Status
    content_type: str
    created_at: str
    step: int
    user: User | None = None
    content: str | None = None
    client_message_id: str | None = None
    client_batch_id: str | None = None
    batch_id: str | None = None


_BATCH = msgspec.json.Decoder(Batch)
_MESSAGE = msgspec.json.Decoder(Message)


def read_message(body: bytes) -> Message | None:
    """One message, or None when it is not JSON or has a member of a wrong type."""
    try:
        return _MESSAGE.decode(body)
    except (ValueError, RecursionError):
        return None


def read_batch(body: bytes) -> Batch | None:
    """A batch request, or None when it is not JSON or its envelope has a member of a wrong type."""
    try:
        return _BATCH.decode(body)
    except (ValueError, RecursionError):
        return _read_one_by_one(body)


def _read_one_by_one(body: bytes) -> Batch | None:
    try:
        data: dict[str, Any] = msgspec.json.decode(body, type=dict[str, Any])
        entries = msgspec.convert(data.pop("messages", None), list[Any] | None)
        batch = msgspec.convert(data, Batch)
    except (ValueError, RecursionError):
        return None
    batch.messages = None if entries is None else [_convert(entry) for entry in entries]
    return batch


def _convert(entry: object) -> Message | None:
    try:
        return msgspec.convert(entry, Message)
    except (ValueError, RecursionError):
        return None
