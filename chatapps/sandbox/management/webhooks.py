"""The webhooks that are set at the sandbox. It keeps and shows them; their secrets it masks."""

from typing import Any

from chatapps.management.webhook_settings import (
    WITHOUT_TYPE,
    Webhook,
    read_webhook_keys,
    read_webhooks,
)

Key = tuple[str, str]
"""Sub-account (or `*`) and type."""


class WebhookBook:
    """The webhooks of one account, one for each sub-account and type."""

    def __init__(self) -> None:
        self._webhooks: dict[Key, Webhook] = {}

    def set(self, body: bytes) -> None:
        """Add or replace those in the body; raises MessageError, and then sets none."""
        for webhook in read_webhooks(body):
            for kind in _types(webhook.type):
                self._webhooks[webhook.sub_account_id, kind] = webhook

    def delete(self, body: bytes) -> None:
        """Take away those named in the body; raises MessageError. Unknown ones are no error."""
        for name in read_webhook_keys(body):
            for kind in _types(name.type):
                self._webhooks.pop((name.sub_account_id, kind), None)

    def shown(self) -> list[dict[str, Any]]:
        """All of them as the provider lists them."""
        return [hook.shown() | {"type": kind} for (_, kind), hook in self._webhooks.items()]

    def of(self, sub_account_id: str, kind: str) -> Webhook | None:
        """The one to post to, if any is set and switched on; that of the sub-account wins."""
        for name in (sub_account_id, "*"):
            webhook = self._webhooks.get((name, kind))
            if webhook is not None and webhook.enabled:
                return webhook
        return None


def _types(given: str | None) -> tuple[str, ...]:
    return WITHOUT_TYPE if given is None else (given,)
