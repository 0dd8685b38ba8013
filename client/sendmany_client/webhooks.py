"""Verifies what a subscription sends, by the rules of Standard Webhooks 1.0."""

import base64
import binascii
import hashlib
import hmac
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from sendmany_client.models import Outcome

TOLERANCE_SECONDS: Final = 300
"""Seconds by which the clocks of sender and receiver may differ, the way included."""
_PREFIX: Final = "whsec_"


class InvalidSignature(Exception):
    """This was not sent by the subscription, or long ago. Answer 401."""


class Delivery(BaseModel):
    """Events that an endpoint is sent at once."""

    model_config = ConfigDict(extra="allow", frozen=True)

    type: str
    timestamp: datetime
    data: tuple[Outcome, ...]


def verify(
    secret: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    tolerance: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> Delivery:
    """The events of a request, once its signature is checked.

    Args:
        secret: as `subscription add` printed it, `whsec_…`.
        headers: of the request; of a plain dict names are in lower case.
        body: exactly as it came.
        tolerance: seconds that its time may be away from `now`.

    Raises:
        InvalidSignature: a header is missing, it is too old, or the signature is not that of the secret.
        ValueError: the secret is none.
    """
    id, moment = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "")
    if not (id and moment.isdecimal() and moment.isascii() and given):
        raise InvalidSignature("A header of Standard Webhooks is missing or cannot be read.")
    if abs((time.time() if now is None else now) - int(moment)) > tolerance:
        raise InvalidSignature("Its time is too far from now.")
    expected = sign(secret, id, int(moment), body).encode()
    if not any(hmac.compare_digest(expected, one.encode()) for one in given.split()):
        raise InvalidSignature("The signature is not that of the secret.")
    try:
        return Delivery.model_validate_json(body)
    except ValidationError as error:
        raise InvalidSignature("It is signed, but holds no events.") from error


def sign(secret: str, id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`."""
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(_PREFIX) or not key:
        raise ValueError("A secret of a subscription begins with whsec_ and goes on in Base64.")
    mac = hmac.digest(key, b"%b.%d.%b" % (id.encode(), timestamp, body), hashlib.sha256)
    return f"v1,{base64.b64encode(mac).decode()}"
