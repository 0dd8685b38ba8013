"""Webhook settings: addresses for receipts, replies and business events (provider docs, webhooks)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar

import msgspec
from pydantic import Field, StrictBool, ValidationError, model_validator

from chatapps.messages.base_model import Wire, refuse
from chatapps.messages.discriminator import Kind
from chatapps.messages.json_parser import parse_object
from chatapps.messages.problems import MessageError, Problem, problems_of
from chatapps.messages.scalar_types import NonEmpty, WebAddress

EVERY_SUB_ACCOUNT: Final = "*"
MASK: Final = "***"
"""Shown by the provider in place of a secret."""

WebhookType = Literal["CADR", "MSG", "CABM"]
"""Delivery receipts, inbound messages, business management events."""
WITHOUT_TYPE: Final[tuple[WebhookType, ...]] = ("CADR", "MSG")
"""The types of a webhook that names none; events about templates must be named."""


class OAuth(Wire):
    """OAuth settings with which the provider gets a token for our receiver."""

    url: WebAddress
    client_id: NonEmpty
    client_secret: NonEmpty = Field(repr=False)
    credentials_location: Kind[Literal["header", "body"]]
    scope: str | None = None


class Webhook(Wire):
    """One address to which the provider posts one type of event."""

    sub_account_id: NonEmpty  # or `*` for all
    url: WebAddress
    type: Kind[WebhookType] | None = None  # absent: receipts and inbound messages
    enabled: StrictBool = True
    http_authorization: str | None = Field(default=None, repr=False)  # the header, whole
    oauth: OAuth | None = None

    @model_validator(mode="after")
    def _one_way_to_prove(self) -> "Webhook":
        if self.http_authorization and self.oauth:
            raise refuse("either httpAuthorization or oauth, not both", "oauth")
        return self

    def shown(self) -> dict[str, Any]:
        """As `emit`, with its secrets masked."""
        members = self.emit()
        if self.http_authorization:
            members["httpAuthorization"] = MASK
        if self.oauth:
            members["oauth"] |= {"clientSecret": MASK}
        return members


class WebhookKey(Wire):
    """Names a webhook to delete; `*` means the webhook of all sub-accounts, not every webhook."""

    sub_account_id: NonEmpty
    type: Kind[WebhookType] | None = None


class _Webhooks(Wire):
    webhooks: tuple[Webhook, ...]


class _WebhookKeys(Wire):
    webhooks: tuple[WebhookKey, ...]


L = TypeVar("L", _Webhooks, _WebhookKeys)


def read_webhooks(raw: bytes | str) -> tuple[Webhook, ...]:
    """Webhooks to be set: a JSON list of objects, or one object.

    Raises:
        MessageError: one of them breaks the provider's rules; the path begins with its index.
    """
    return _read(_Webhooks, _listed(raw)).webhooks


def read_webhook_keys(raw: bytes | str) -> tuple[WebhookKey, ...]:
    """Names of webhooks to delete; input and errors as in `read_webhooks`."""
    return _read(_WebhookKeys, _listed(raw)).webhooks


@dataclass(frozen=True, slots=True)
class ConfiguredWebhook:
    """A webhook as the provider lists it; missing members are empty."""

    sub_account_id: str
    type: str
    url: str
    enabled: bool = True
    proof: str = ""  # how the provider authenticates to our receiver: `header`, `oauth`, or empty
    members: Mapping[str, Any] = field(default_factory=dict, repr=False)  # secrets are masked


def read_webhook_list(raw: bytes) -> tuple[ConfiguredWebhook, ...]:
    """Parse the provider's answer to the list call.

    Raises:
        MessageError: it is not a list.
    """
    return tuple(_configured(entry) for entry in _listed(raw) if isinstance(entry, dict))


def _configured(entry: dict[str, Any]) -> ConfiguredWebhook:
    proof = "oauth" if entry.get("oauth") else "header" if entry.get("httpAuthorization") else ""
    texts = [entry.get(name) for name in ("subAccountId", "type", "url")]
    sub_account, kind, url = [text if isinstance(text, str) else "" for text in texts]
    return ConfiguredWebhook(
        sub_account, kind.upper(), url, entry.get("enabled") is not False, proof, entry
    )


def _listed(raw: bytes | str) -> list[Any]:
    value: object
    try:
        value = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        value = parse_object(raw)  # raises MessageError with the problem
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        raise MessageError(Problem("", "must be a JSON list of webhooks"))
    return value


def _read(model: type[L], entries: list[Any]) -> L:
    try:
        read: L = model.__pydantic_validator__.validate_python(
            parse_object({"webhooks": entries}), by_alias=True, by_name=False
        )
    except ValidationError as error:
        raise MessageError(*problems_of(error)) from None  # the cause holds the secrets
    return read
