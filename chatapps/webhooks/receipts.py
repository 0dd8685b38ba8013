"""Delivery receipts, versions 8 and 9 (provider docs, delivery receipts)."""

from typing import Any, ClassVar, Final

import msgspec

from chatapps.receipt_codes import ReceiptCode, receipt_code
from chatapps.webhooks.base_event import WebhookEvent
from chatapps.webhooks.delivery_status import Rank, rank_of
from chatapps.webhooks.json_fields import Members
from chatapps.webhooks.person import NO_CHANNEL, Person, channel_of, read_person

STATUS_CHANGED: Final = "outbound_message_status_changed"
OWN_IDS_FROM: Final = 9
"""From this version on `channelUserId` is an id of its own; before, it repeats the number."""

SENT_PARTS: Final = ("header", "body", "footer", "actions", "cards", "meta")


class SentContent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The message as delivered (version 9, WhatsApp); less with the account's PII masking."""

    content_type: str | None = None  # text, media, template, template_auth, carousel, …
    template: str | None = None
    language: str | None = None
    category: str | None = None
    parts: dict[str, Any] = {}  # header, body, footer, actions, cards, meta, as received

    def __repr__(self) -> str:
        return f"SentContent(content_type={self.content_type!r}, template={self.template!r})"


class Receipt(WebhookEvent, frozen=True, gc=False, kw_only=True):
    """One status of one message on one channel.

    May come late, doubled, out of order, and before the answer to the request itself.
    """

    shown: ClassVar[tuple[str, ...]] = ("umid", "channel", "state", "detail", "code")

    umid: str
    state: str  # in lower case; see `rank`
    detail: str | None = None
    channel: str = NO_CHANNEL  # a Channel, or an unknown name
    sub_account: str | None = None
    client_message_id: str | None = None
    client_batch_id: str | None = None
    batch_id: str | None = None
    code: int | None = None  # a receipt code; not the API code of the same number
    provider_code: str | None = None  # the channel's own, for WhatsApp Meta's
    error: str | None = None  # the provider's text, for people
    pricing: str | None = None  # in lower case: marketing, utility, authentication, service, …
    person: Person = Person()
    content: SentContent | None = None

    @property
    def kind(self) -> str:
        return "receipt"

    @property
    def rank(self) -> Rank:
        """Rank of the status among those of this channel."""
        return rank_of(self.state, self.detail)

    @property
    def fault(self) -> ReceiptCode | None:
        """The table's entry for the code; None without a code."""
        if self.code is None and self.provider_code is None:
            return None
        return receipt_code(self.channel, self.code, self.provider_code)

    def emit(self) -> dict[str, Any]:
        """The receipt as plain JSON, with the rank and the code in words."""
        found = super().emit() | {"rank": int(self.rank), "meaning": self.rank.meaning}
        if self.fault is not None:
            found |= {"action": str(self.fault.action), "code_meaning": self.fault.meaning}
        return found


def read_receipt(event: Members, version: int | None) -> Receipt:
    """Parse a receipt of any version, tolerantly.

    Raises:
        MessageError: `umid` or the state is missing.
    """
    payload = event.needed_inside("payload") if "payload" in event else event
    status, whatsapp = payload.inside("status"), payload.inside("whatsapp")
    return Receipt(
        umid=payload.needed_word("umid"),
        state=status.needed_lower("state"),
        detail=status.lower("detail"),
        timestamp=status.moment("timestamp"),
        code=status.whole("errorCode"),
        error=status.text("errorMessage"),
        channel=channel_of(payload.word("channel") or NO_CHANNEL),
        sub_account=payload.word("subAccountId"),
        client_message_id=payload.word("clientMessageId"),
        client_batch_id=payload.word("clientBatchId"),
        batch_id=payload.word("batchId"),
        provider_code=whatsapp.number_or_word("providerErrorCode"),
        pricing=whatsapp.lower("pricingCategory"),
        person=read_person(
            payload.inside("user"), own_ids=version is not None and version >= OWN_IDS_FROM
        ),
        content=_read_content(payload),
        extra=event.leftovers(),
    )


def _read_content(payload: Members) -> SentContent | None:
    if "outboundContent" not in payload:
        return None
    content = payload.inside("outboundContent")
    template = content.inside("template")
    content.text("channel")  # repeats the receipt's channel
    found = SentContent(
        content_type=content.lower("contentType"),
        template=template.word("name"),
        language=template.word("language"),
        category=template.upper("category"),
        parts={name: content.value(name) for name in SENT_PARTS if name in content},
    )
    return None if found == SentContent() else found
