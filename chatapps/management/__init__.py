"""Calls to the provider's management API: templates, webhooks, the status of messages.

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
from chatapps.management.log_file import LogRow, read_log
from chatapps.management.messages import ChannelStep, ExportState, MessageCalls
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
    "ExportState",
    "LogRow",
    "MessageCalls",
    "NotAllowed",
    "NotFound",
    "OAuth",
    "Pacer",
    "ProviderError",
    "ProviderUnavailable",
    "TemplateNameBlocked",
    "TooFast",
    "UnknownAccount",
    "Webhook",
    "WebhookKey",
    "WrongKey",
    "read_log",
    "read_webhook_keys",
    "read_webhook_list",
    "read_webhooks",
]
