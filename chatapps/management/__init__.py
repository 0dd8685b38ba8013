"""Calls to the provider's management API: templates, webhooks, single messages.

calls = AccountCalls(client, Account(endpoint, account_id, channel_id))
await calls.add_template(read_template(raw))
await calls.list_templates()    # (RegisteredTemplate(name="spring_offer", status="PENDING", …), …)

Async, over the transport of `chatapps.client`; every failure is one of the errors in
`chatapps.management.errors`.
"""

from chatapps.management.accounts import Account, AccountCalls
from chatapps.management.errors import (
    CallRefused,
    NotAllowed,
    NotFound,
    ProviderError,
    ProviderUnavailable,
    TemplateNameBlocked,
    TooFast,
    UnknownAccount,
    WrongKey,
)
from chatapps.management.messages import ChannelStep, MessageCalls, SentMessage
from chatapps.management.rate_limit import Pacer
from chatapps.management.webhook_settings import (
    ConfiguredWebhook,
    OAuth,
    Webhook,
    WebhookKey,
    read_webhook_keys,
    read_webhook_list,
    read_webhooks,
)

__all__ = [
    "Account",
    "AccountCalls",
    "CallRefused",
    "ChannelStep",
    "ConfiguredWebhook",
    "MessageCalls",
    "NotAllowed",
    "NotFound",
    "OAuth",
    "Pacer",
    "ProviderError",
    "ProviderUnavailable",
    "SentMessage",
    "TemplateNameBlocked",
    "TooFast",
    "UnknownAccount",
    "Webhook",
    "WebhookKey",
    "WrongKey",
    "read_webhook_keys",
    "read_webhook_list",
    "read_webhooks",
]
