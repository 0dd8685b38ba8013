"""The header `Idempotency-Key`: which key it says, read from the bytes that came."""

from collections.abc import Iterable
from typing import Any, Final

from sendmany.api.routes.message_orders import Refused
from sendmany.api.schemas.messages import LONGEST_KEY

RawHeaders = Iterable[tuple[bytes, bytes]]
"""As ASGI has them: names in lower case."""
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
    """The key that the header says, None without one.

    HTTP says nothing of what its bytes mean; a key is to be the same here and in a body, which is UTF-8.

    Raises:
        Refused: there are two, or it is no key.
    """
    found = [value for name, value in headers if name == _NAME]
    if not found:
        return None
    if len(found) > 1:
        raise _refused("is there more than once: nobody can tell which is meant")
    try:
        key = found[0].decode()
    except UnicodeDecodeError:
        raise _refused("is not UTF-8") from None
    if not 0 < len(key) <= LONGEST_KEY:
        raise _refused(f"must be 1 to {LONGEST_KEY} characters")
    return key


def refuse_key(headers: RawHeaders) -> None:
    """For a batch, of which no single key can be meant; raises Refused."""
    if any(name == _NAME for name, _ in headers):
        raise _refused("is not for a batch: there each item carries its own `key`")


def _refused(rule: str) -> Refused:
    problem = {"path": _PATH, "message": rule}
    return Refused(f"The header Idempotency-Key {rule}.", [problem])
