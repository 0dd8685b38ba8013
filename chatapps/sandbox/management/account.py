"""The sandbox's management API: templates and webhooks of one account."""

from collections.abc import Callable
from typing import Any

import msgspec

from chatapps.management.webhook_settings import (
    WITHOUT_TYPE,
    Webhook,
    read_webhook_keys,
    read_webhooks,
)
from chatapps.messages.problems import MessageError
from chatapps.sandbox.access import AccountCall, is_key
from chatapps.sandbox.config import SandboxConfig
from chatapps.sandbox.management.samples import SAMPLES
from chatapps.sandbox.management.templates import NAME_BLOCKED, TemplateBook, TemplateRefused
from chatapps.sandbox.responses import Answer, error_answer

Key = tuple[str, str]
"""Sub-account (or `*`) and type."""


class WebhookBook:
    """The webhooks of one account, one per sub-account and type."""

    def __init__(self) -> None:
        self._webhooks: dict[Key, Webhook] = {}

    def set(self, body: bytes) -> None:
        """Add or replace the webhooks in the body; raises MessageError and then sets none."""
        for webhook in read_webhooks(body):
            for kind in _types(webhook.type):
                self._webhooks[webhook.sub_account_id, kind] = webhook

    def delete(self, body: bytes) -> None:
        """Delete the webhooks named in the body; raises MessageError. Unknown ones are no error."""
        for name in read_webhook_keys(body):
            for kind in _types(name.type):
                self._webhooks.pop((name.sub_account_id, kind), None)

    def shown(self) -> list[dict[str, Any]]:
        """All webhooks as the provider lists them."""
        return [hook.shown() | {"type": kind} for (_, kind), hook in self._webhooks.items()]

    def of(self, sub_account_id: str, kind: str) -> Webhook | None:
        """The active webhook for a sub-account, or that of all sub-accounts; None without one."""
        for name in (sub_account_id, "*"):
            webhook = self._webhooks.get((name, kind))
            if webhook is not None and webhook.enabled:
                return webhook
        return None


def _types(given: str | None) -> tuple[str, ...]:
    return WITHOUT_TYPE if given is None else (given,)


_DONE = Answer(200, b"{}")


class AccountDesk:
    """Handles the management calls of the only account. `clock` gives epoch seconds."""

    def __init__(self, config: SandboxConfig, *, clock: Callable[[], float]) -> None:
        self._config = config
        self._clock = clock
        self.templates = TemplateBook(config.channel_id, config.approve_after, clock)
        for sample in SAMPLES if config.templates else ():
            self.templates.add(sample, approved=True)
        self.webhooks = WebhookBook()

    def add_template(self, call: AccountCall) -> Answer:
        """Accept a template for review: 200 without a body."""
        if refusal := self._refuse_access(call):
            return refusal
        try:
            self.templates.add(call.body)
        except TemplateRefused as refused:
            status = 409 if refused.code == NAME_BLOCKED else 400
            return self._error(status, refused.code, str(refused))
        return _DONE

    def list_templates(self, call: AccountCall) -> Answer:
        if refusal := self._refuse_access(call):
            return refusal
        return Answer(200, msgspec.json.encode({"templates": self.templates.listed()}))

    def delete_template(self, call: AccountCall, name: str) -> Answer:
        """Delete a template in all its languages."""
        if refusal := self._refuse_access(call):
            return refusal
        if not self.templates.delete(name):
            return self._error(400, 1000, "There is no template of this name")
        return _DONE

    def list_webhooks(self, call: AccountCall) -> Answer:
        if refusal := self._refuse_access(call):
            return refusal
        return Answer(200, msgspec.json.encode(self.webhooks.shown()))

    def set_webhooks(self, call: AccountCall) -> Answer:
        return self._change_webhooks(call, self.webhooks.set)

    def delete_webhooks(self, call: AccountCall) -> Answer:
        return self._change_webhooks(call, self.webhooks.delete)

    def _change_webhooks(self, call: AccountCall, change: Callable[[bytes], None]) -> Answer:
        if refusal := self._refuse_access(call):
            return refusal
        try:
            change(call.body)
        except MessageError as error:
            return self._error(400, 1000, str(error))
        return Answer(200, b"")

    def _refuse_access(self, call: AccountCall) -> Answer | None:
        if not is_key(self._config, call.authorization):
            return self._error(401, 1200)
        if _plain(call.account_id) != _plain(self._config.account_id):
            return self._error(400, 1001)
        if call.channel_id is not None and call.channel_id != self._config.channel_id:
            return self._error(400, 1001)
        return None

    def _error(self, status: int, code: int, text: str = "") -> Answer:
        return error_answer(status, code, self._clock(), text)


def _plain(uuid: str) -> str:
    """A UUID without dashes, in lower case."""
    return uuid.replace("-", "").lower()
