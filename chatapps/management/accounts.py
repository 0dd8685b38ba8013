"""Templates and webhooks of an account (provider docs, management API)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import msgspec

from chatapps.client import ChatAppsClient, Endpoint
from chatapps.management.errors import body_of, unreadable
from chatapps.management.webhook_settings import (
    ConfiguredWebhook,
    Webhook,
    WebhookKey,
    read_webhook_list,
)
from chatapps.messages.problems import MessageError, Problem
from chatapps.templates.draft import TemplateDraft
from chatapps.templates.registered import RegisteredTemplate, read_template_list


def segment(text: str) -> str:
    """Escape `text` as one path segment; dots are escaped, too."""
    return quote(text, safe="").replace(".", "%2E")  # `..` would lead up


_NAME: Final = re.compile(r"[A-Za-z0-9_]{1,512}")


@dataclass(frozen=True, slots=True)
class Account:
    """An account at the provider and, for templates, its WhatsApp channel."""

    endpoint: Endpoint  # one of its sub-accounts: gives region and key
    account_id: str
    channel_id: str = ""  # not needed for webhooks

    @property
    def url(self) -> str:
        base = self.endpoint.base_url.rstrip("/")
        return f"{base}/api/v1/accounts/{segment(self.account_id)}"

    @property
    def templates_url(self) -> str:
        return f"{self.url}/channels/{segment(self.channel_id)}/templates"


class AccountCalls:
    """Templates and webhooks of one account. Every call raises a `ProviderError` when it fails."""

    def __init__(self, client: ChatAppsClient, account: Account) -> None:
        self._client = client
        self._account = account

    async def add_template(self, draft: TemplateDraft) -> None:
        """Submit a template for review; the list or a webhook reports its status.

        Raises:
            TemplateNameBlocked: the name was deleted less than about 30 days ago.
            MessageError: see `TemplateDraft.emit`.
        """
        await self._call("POST", self._account.templates_url, draft.emit_json())

    async def list_templates(self) -> tuple[RegisteredTemplate, ...]:
        """All templates of the channel. A new one may be missing for a moment."""
        body = await self._call("GET", self._account.templates_url)
        try:
            return read_template_list(body)
        except MessageError as error:
            raise unreadable(str(error)) from error

    async def delete_template(self, name: str) -> None:
        """Delete a template in all its languages; the name cannot be used again for about 30 days.

        Raises:
            MessageError: the name is not valid.
        """
        if not _NAME.fullmatch(name):
            raise MessageError(Problem("name", "must be letters, digits and _"))
        await self._call("DELETE", f"{self._account.templates_url}/{segment(name)}")

    async def list_webhooks(self) -> tuple[ConfiguredWebhook, ...]:
        """The webhooks of the account, secrets masked."""
        body = await self._call("GET", f"{self._account.url}/webhooks")
        try:
            return read_webhook_list(body)
        except MessageError as error:
            raise unreadable(str(error)) from error

    async def set_webhooks(self, webhooks: Sequence[Webhook]) -> None:
        """Add webhooks, or replace those of the same sub-account and type."""
        body = msgspec.json.encode([webhook.emit() for webhook in webhooks])
        await self._call("POST", f"{self._account.url}/webhooks", body)

    async def delete_webhooks(self, keys: Sequence[WebhookKey]) -> None:
        """Delete webhooks."""
        body = msgspec.json.encode([key.emit() for key in keys])
        await self._call("DELETE", f"{self._account.url}/webhooks", body)

    async def _call(self, method: str, url: str, body: bytes | None = None) -> bytes:
        return body_of(await self._client.fetch(self._account.endpoint, method, url, body))
