"""Inbound messages, versions 2 and 3, and LINE's older form (provider docs)."""

from enum import StrEnum
from typing import Any, ClassVar, Final

import msgspec

from chatapps.messages import MessageError
from chatapps.messages.json_parser import parse_object
from chatapps.webhooks.base_event import WebhookEvent
from chatapps.webhooks.json_fields import Members
from chatapps.webhooks.person import NO_CHANNEL, Person, channel_of, read_person

INBOUND_EVENTS: Final = frozenset({"inbound_message_received", "inboundmessage"})
OWN_IDS_FROM: Final = 3
"""From this version on `channelUserId` is an id of its own; before, it repeats the number."""


class ReplyType(StrEnum):
    """Type of an inbound message. Unknown types stay as their names in lower case."""

    NONE = "none"
    TEXT = "text"
    AUDIO = "audio"
    VIDEO = "video"
    IMAGE = "image"
    LOCATION = "location"
    FILE = "file"
    CAROUSEL = "carousel"
    LIST = "list"
    BUTTONS = "buttons"
    TEMPLATE = "template"
    INTERACTIVE = "interactive"  # of an unknown kind
    BUTTON_REPLY = "button_reply"
    LIST_REPLY = "list_reply"
    FLOW_REPLY = "flow_reply"
    CALL_PERMISSION_REPLY = "call_permission_reply"


class Tap(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A tapped button or list row."""

    payload: str | None = None  # payload of a template's quick reply
    id: str | None = None  # id of the button or the row
    title: str | None = None
    description: str | None = None


class Place(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A geographic location, in degrees."""

    latitude: float | None = None
    longitude: float | None = None
    name: str | None = None
    address: str | None = None


class CallPermission(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The person's answer to a request for call permission."""

    granted: bool | None = None
    is_permanent: bool | None = None
    expires: int | None = None  # ms since 1970
    source: str | None = None


class Reply(WebhookEvent, frozen=True, gc=False, kw_only=True):
    """One message from a person. It opens or renews the 24 hours for this person and channel id."""

    shown: ClassVar[tuple[str, ...]] = ("umid", "channel", "type")

    umid: str
    type: str = ReplyType.NONE  # a ReplyType, or an unknown name
    channel: str = NO_CHANNEL
    channel_id: str | None = None  # the sender it was addressed to
    sub_account: str | None = None
    person: Person = Person()
    reply_to: str | None = None  # umid of the message it replies to
    text: str | None = None
    url: str | None = None  # of a file; expires after 24 hours
    tap: Tap | None = None
    place: Place | None = None
    flow: dict[str, Any] | None = None  # the person's input
    call_permission: CallPermission | None = None

    @property
    def kind(self) -> str:
        return "reply"


_TYPES: Final = {"document": ReplyType.FILE} | {name.value: name for name in ReplyType}
_INTERACTIVE: Final = {
    "button_reply": ReplyType.BUTTON_REPLY,
    "buttonreply": ReplyType.BUTTON_REPLY,
    "list_reply": ReplyType.LIST_REPLY,
    "listreply": ReplyType.LIST_REPLY,
    "nfmreply": ReplyType.FLOW_REPLY,
    "nfm_reply": ReplyType.FLOW_REPLY,
    "callpermissionreply": ReplyType.CALL_PERMISSION_REPLY,
    "call_permission_reply": ReplyType.CALL_PERMISSION_REPLY,
}


def read_reply(event: Members, version: int | None) -> Reply:
    """Parse an inbound message of any version.

    Raises:
        MessageError: `umid` is missing.
    """
    payload = event.needed_inside("payload") if "payload" in event else event
    recipient, content = payload.inside("recipient"), payload.inside("content")
    interactive = content.inside("interactive")
    channel = recipient.word("channel") or payload.word("channel") or NO_CHANNEL
    return Reply(
        umid=payload.needed_word("umid"),
        type=_read_type(payload, interactive),
        timestamp=payload.moment("timestamp"),
        channel=channel_of(channel),
        channel_id=recipient.word("channelId") or recipient.word("recipientId"),
        sub_account=payload.word("subAccountId"),
        person=read_person(
            payload.inside("user"), own_ids=version is not None and version >= OWN_IDS_FROM
        ),
        reply_to=payload.word("replyToUmid"),
        tap=_read_tap(content, interactive),
        text=content.text("text"),
        url=content.text("url"),
        place=_read_place(content.inside("location")),
        flow=_read_flow(interactive.inside("nfmReply", "nfm_reply")),
        call_permission=_read_call_permission(
            interactive.inside("callPermissionReply", "call_permission_reply")
        ),
        extra=event.leftovers(),
    )


def _read_type(payload: Members, interactive: Members) -> str:
    name = payload.lower("type") or ReplyType.NONE
    inner = interactive.lower("type")
    if inner is None:
        return _TYPES.get(name, name)
    return _INTERACTIVE.get(inner, inner)


def _read_tap(content: Members, interactive: Members) -> Tap | None:
    chosen = interactive.inside("button_reply", "buttonReply")
    if chosen.is_empty:
        chosen = interactive.inside("list_reply", "listReply")
    found = Tap(
        payload=content.text("payload"),
        id=chosen.text("id"),
        title=chosen.text("title"),
        description=chosen.text("description"),
    )
    return None if found == Tap() else found


def _read_place(location: Members) -> Place | None:
    found = Place(
        latitude=location.number("latitude"),
        longitude=location.number("longitude"),
        name=location.text("name"),
        address=location.text("address"),
    )
    return None if found == Place() else found


def _read_flow(reply: Members) -> dict[str, Any] | None:
    """The answers of a flow: JSON inside a string, made on the person's phone and so untrusted."""
    written = reply.value("responseJson")
    if written is None:
        return None
    try:
        return parse_object(written)
    except MessageError:
        reply.give_back("responseJson", written)
        return None


def _read_call_permission(reply: Members) -> CallPermission | None:
    response = reply.lower("response")
    found = CallPermission(
        granted=None if response is None else response == "accept",
        is_permanent=reply.flag("isPermanent"),
        expires=reply.moment("expirationTimestamp"),
        source=reply.word("responseSource"),
    )
    return None if found == CallPermission() else found
