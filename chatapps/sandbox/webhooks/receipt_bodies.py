"""Bodies of receipts and replies: version 8, and version 9 with replies of version 3."""

from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from chatapps.sandbox.responses import timestamp
from chatapps.sandbox.webhooks.receipts import ON_HANDSET, SENT, WHATSAPP, Post, Sent, Status, Style
from chatapps.sandbox.wire import User


def body(sent: Sent, post: Post, style: Style) -> bytes:
    """The body of a webhook; the same bytes for each repetition."""
    at = timestamp(sent.at + post.observed)
    if isinstance(post.told, str):
        version, name = (
            style.version - 6,
            "inbound_message_received",
        )  # versions of receipts and replies go in pairs: 8, 2; 9, 3
        payload = _reply(sent, post, post.told, at, style)
    else:
        version, name = style.version, "outbound_message_status_changed"
        payload = _receipt(sent, post, post.told, at, style)
    envelope: dict[str, Any] = {"version": version} if style.version == 9 else {}
    envelope |= {"namespace": "ChatApps", "eventType": name, "description": "from a sandbox"}
    return msgspec.json.encode(envelope | {"payload": payload})


def _receipt(sent: Sent, post: Post, told: Status, at: str, style: Style) -> dict[str, Any]:
    payload: dict[str, Any] = {"umid": sent.umid, "subAccountId": sent.sub_account_id}
    if post.with_batch_id:
        payload["batchId"] = sent.batch_id
    if post.with_ids:
        payload["clientMessageId"] = sent.client_message_id
        payload["clientBatchId"] = sent.client_batch_id
    status: dict[str, Any] = {"state": told.state, "detail": told.detail, "timestamp": at}
    status |= {"errorCode": told.code, "errorMessage": told.text}
    payload |= {"channel": post.channel, "user": _user(sent.user, post, style)}
    payload["status"] = _present(status)
    if post.channel == WHATSAPP:
        payload |= _of_whatsapp(sent, told, style)
    return _present(payload)


def _of_whatsapp(sent: Sent, told: Status, style: Style) -> dict[str, Any]:
    if told.provider_code:
        return {"whatsapp": {"providerErrorCode": told.provider_code}}
    if told not in (SENT, ON_HANDSET):
        return {}
    members: dict[str, Any] = {"whatsapp": {"pricingCategory": "marketing"}}
    if told == ON_HANDSET and style.version == 9:  # all there is where numbers are masked
        content = {"channel": WHATSAPP, "contentType": sent.content_type, "meta": {}}
        members["outboundContent"] = content
    return members


def _reply(sent: Sent, post: Post, text: str, at: str, style: Style) -> dict[str, Any]:
    digest = blake2b(f"{sent.umid}:{text}".encode(), digest_size=16).digest()
    return {
        "umid": str(UUID(bytes=digest, version=4)),
        "subAccountId": sent.sub_account_id,
        "timestamp": at,
        "user": _user(sent.user, post, style),
        "recipient": {"channel": post.channel, "channelId": style.channel_id},
        "type": "Text",
        "content": {"text": text},
        "replyToUmid": sent.umid,
    }


def _user(user: User, post: Post, style: Style) -> dict[str, Any]:
    """Version 8 repeats the number as the channel's id; version 9 sends the real id, when configured."""
    own_id = user.channel_user_id or user.line_user_id
    if style.version == 8:
        repeated = own_id or (user.msisdn or "").lstrip("+")
        return _present({"msisdn": user.msisdn, "channelUserId": repeated})
    by_person = isinstance(post.told, str) or post.told.by_handset
    if own_id is None and by_person and post.channel == WHATSAPP:
        own_id = bsuid(user.msisdn or "")
    number = user.msisdn if post.with_number or own_id is None else None
    return _present({"msisdn": number, "channelUserId": own_id})


def bsuid(number: str) -> str:
    """A business-scoped user id derived from the number."""
    digest = blake2b(number.lstrip("+").encode(), digest_size=7).digest()
    return f"GB.{int.from_bytes(digest, 'big')}"


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
