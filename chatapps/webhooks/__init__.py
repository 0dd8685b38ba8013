"""Webhooks of the provider: receipts, replies, and events about templates, numbers and accounts.

event = read_webhook(body)
match event:
    case Receipt(): event.rank, event.fault
    case Reply(): event.person, event.text, event.tap
"""

from chatapps.messages import MessageError, Problem
from chatapps.webhooks.base_event import WebhookEvent
from chatapps.webhooks.business import (
    AccountChange,
    BusinessChange,
    NumberChange,
    Restriction,
    TemplateChange,
)
from chatapps.webhooks.delivery_status import Rank, rank_of
from chatapps.webhooks.fast_receipts import decode_receipt
from chatapps.webhooks.json_fields import read_moment
from chatapps.webhooks.other_events import ExternalMessage, OtherEvent
from chatapps.webhooks.parse import Event, items_of, read_webhook
from chatapps.webhooks.person import NO_CHANNEL, Channel, Person, channel_of
from chatapps.webhooks.receipts import Receipt, SentContent
from chatapps.webhooks.replies import CallPermission, Place, Reply, ReplyType, Tap
from chatapps.webhooks.standing import better, overall, standings

__all__ = [
    "NO_CHANNEL",
    "AccountChange",
    "BusinessChange",
    "CallPermission",
    "Channel",
    "Event",
    "ExternalMessage",
    "MessageError",
    "NumberChange",
    "OtherEvent",
    "Person",
    "Place",
    "Problem",
    "Rank",
    "Receipt",
    "Reply",
    "ReplyType",
    "Restriction",
    "SentContent",
    "Tap",
    "TemplateChange",
    "WebhookEvent",
    "better",
    "channel_of",
    "decode_receipt",
    "items_of",
    "overall",
    "rank_of",
    "read_moment",
    "read_webhook",
    "standings",
]
