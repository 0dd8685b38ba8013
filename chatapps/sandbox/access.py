"""Authentication of requests."""

import hmac
from dataclasses import dataclass

from chatapps.sandbox.config import SandboxConfig


@dataclass(frozen=True, slots=True)
class AccountCall:
    """A request about an account; `channel_id` is None when the path has none."""

    account_id: str
    channel_id: str | None
    authorization: str | None  # the header
    body: bytes = b""


def is_key(config: SandboxConfig, authorization: str | None) -> bool:
    """True when the header holds the sandbox's key."""
    expected = f"Bearer {config.api_key}"
    return hmac.compare_digest((authorization or "").encode(), expected.encode())
