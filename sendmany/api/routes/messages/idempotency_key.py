"""The header `Idempotency-Key`, read from raw bytes."""

from collections.abc import Iterable
from typing import Any, Final

from sendmany.api.routes.messages.message_orders import Refused
from sendmany.api.schemas.messages import LONGEST_KEY

RawHeaders = Iterable[tuple[bytes, bytes]]
"""As in ASGI: names in lower case."""
_NAME: Final = b"idempotency-key"
_PATH: Final = "header.idempotency-key"

KEY_HEADER: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
    "description": "The same as `key` in the body, in UTF-8; where both are given they must agree.",
}
"""For the OpenAPI document."""


def key_of(headers: RawHeaders) -> str | None:
    """The key in the header, None without one.

    HTTP leaves the encoding open; the key is read as UTF-8, so that it equals one in a body.

    Raises:
        Refused: there are two, or it is invalid.
    """
    found = [value for name, value in headers if name == _NAME]
    if not found:
        return None
    if len(found) > 1:
        raise _refused("is there more than once")
    try:
        key = found[0].decode()
    except UnicodeDecodeError:
        raise _refused("is not UTF-8") from None
    if not 0 < len(key) <= LONGEST_KEY:
        raise _refused(f"must be 1 to {LONGEST_KEY} characters")
    return key


def refuse_key(headers: RawHeaders) -> None:
    """Refuse the header for a batch, which needs a key per item; raises Refused."""
    if any(name == _NAME for name, _ in headers):
        raise _refused("is not for a batch: there each item carries its own `key`")


def _refused(rule: str) -> Refused:
    problem = {"path": _PATH, "message": rule}
    return Refused(f"The header Idempotency-Key {rule}.", [problem])
