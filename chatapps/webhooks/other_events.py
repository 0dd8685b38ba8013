"""Events without a reaction: messages from the business app, and unknown types."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from chatapps.webhooks.base_event import WebhookEvent
from chatapps.webhooks.json_fields import Members
from chatapps.webhooks.person import NO_CHANNEL, Person, channel_of, read_person
from chatapps.webhooks.receipts import OWN_IDS_FROM

EXTERNAL_MESSAGE: Final = "external_app_message"


class OtherEvent(WebhookEvent, frozen=True, gc=False, kw_only=True):
    """An event of an unknown type, whole."""

    shown: ClassVar[tuple[str, ...]] = ("event_type",)

    event_type: str  # in lower case
    webhook: str = "other"  # likely webhook: receipt, reply, business, other
    event_id: str | None = None
    data: Mapping[str, Any] = {}  # the whole event as it came

    @property
    def kind(self) -> str:
        return self.webhook


class ExternalMessage(OtherEvent, frozen=True, gc=False, kw_only=True):
    """A message that staff typed in the WhatsApp app. It has no status and is not one of ours."""

    shown: ClassVar[tuple[str, ...]] = ("event_id", "channel", "type")

    channel: str = NO_CHANNEL
    sub_account: str | None = None
    person: Person = Person()
    type: str | None = None  # as in replies
    text: str | None = None
    url: str | None = None


def read_other(data: Mapping[str, Any], event_type: str, version: int | None) -> OtherEvent:
    """Keep an event that no other module reads. Never fails."""
    event = Members(data)
    payload = event.inside("payload")
    if event_type == EXTERNAL_MESSAGE:
        return _read_external(payload, data, version)
    return OtherEvent(
        event_type=event_type,
        webhook=_webhook(event_type, data),
        event_id=event.word("eventId") or payload.word("umid"),
        timestamp=event.moment("timestamp") or payload.moment("timestamp"),
        data=data,
    )


def _read_external(
    payload: Members, data: Mapping[str, Any], version: int | None
) -> ExternalMessage:
    content = payload.inside("content")
    return ExternalMessage(
        event_type=EXTERNAL_MESSAGE,
        webhook="receipt",  # it is posted to the receivers of receipts
        event_id=payload.word("umid"),
        timestamp=payload.moment("timestamp"),
        data=data,
        channel=channel_of(payload.word("channel") or NO_CHANNEL),
        sub_account=payload.word("subAccountId"),
        person=read_person(payload.inside("user"), own_ids=(version or 0) >= OWN_IDS_FROM),
        type=payload.lower("type"),
        text=content.text("text"),
        url=content.text("url"),
    )


def _webhook(event_type: str, data: Mapping[str, Any]) -> str:
    """The likely webhook, by the form and the name of the event."""
    if "eventDetails" in data or "businessAccountId" in data:
        return "business"
    if event_type.startswith("inbound"):
        return "reply"
    payload = data.get("payload")
    is_status = isinstance(payload, dict) and "status" in payload
    return "receipt" if is_status or event_type.startswith("outbound") else "other"
