"""Receives what the provider posts: receipts, replies, news about templates and numbers.

    POST /webhooks   200 when it is stored, and not before; the provider repeats all that is not 200
    GET  /healthz    200 when Redis answers, 503 when not

    | answer | when                                                                       |
    |--------|----------------------------------------------------------------------------|
    | 401    | the Authorization header is not the one that the provider was told to send |
    | 413    | the body is too large                                                      |
    | 408    | the body does not come                                                     |
    | 400    | the body is not JSON                                                       |
    | 503    | it could not be stored: Redis is away, slow or full                        |

What a body says is not looked at here: it is applied later, and must not be lost for a form we do not
know. The provider repeats a webhook after 1, 10, 30 and 90 seconds, then gives up (provider docs,
webhooks).
"""

import asyncio
import hmac
import json
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboard.landing import Landing
from dashboard.refusals import Refusals
from store.calls import AsyncStore, command
from store.errors import StoreError, StoreFull

MAX_BODY: Final = 1024 * 1024
BODY_SECONDS: Final = 10.0
HEALTH_SECONDS: Final = 2.0

_read_json = msgspec.json.Decoder(msgspec.Raw).decode
_BEFORE_JSON: Final = b"\xef\xbb\xbf \t\r\n"


def create_receiver(
    store: AsyncStore,
    authorizations: Sequence[SecretStr],
    *,
    max_body: int = MAX_BODY,
    landing: Landing | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> Starlette:
    """The receiver as an ASGI application; the store stays the caller's to close.

    Args:
        authorizations: values of the Authorization header that are taken, whole: one, or two while
            the secret is being changed.
        max_body: bytes.

    Raises:
        ValueError: there is no authorization, or an empty one; everybody could post then.
    """
    receiver = Receiver(
        store, authorizations, max_body=max_body, landing=landing, monotonic=monotonic
    )
    return Starlette(
        routes=[
            Route("/webhooks", receiver.take, methods=["POST"]),
            Route("/healthz", receiver.health, methods=["GET"]),
        ]
    )


class _Refused(Exception):
    """The answer to a webhook that is not stored."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Receiver:
    """From HTTP to the inbox; its methods serve alone (`create_receiver`) or inside the HTTP API.

    Args:
        authorizations: as for `create_receiver`.
        max_body: bytes.
        monotonic: seconds.
    """

    def __init__(
        self,
        store: AsyncStore,
        authorizations: Sequence[SecretStr],
        *,
        max_body: int = MAX_BODY,
        landing: Landing | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secrets = [secret.get_secret_value().encode() for secret in authorizations]
        if not self._secrets or not all(self._secrets):
            raise ValueError("A receiver needs an authorization, and none may be empty.")
        self._store = store
        self._max_body = max_body
        self._landing = landing or Landing(store)
        self._refusals = Refusals(monotonic)

    async def take(self, request: Request) -> Response:
        """Store a webhook, then answer."""
        try:
            self._check_sender(request)
            body = await self._body(request)
            if not is_json(body):
                raise _Refused(400, "not JSON")
            await self._landing.add(body)
        except _Refused as refused:
            return self._refuse(refused.status, refused.reason)
        except StoreError as error:
            full = isinstance(error, StoreFull)
            return self._refuse(503, f"Redis {'is full' if full else 'does not answer in time'}")
        return Response()

    async def health(self, request: Request) -> Response:
        """Whether webhooks can be stored."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                await self._store.run(command("PING", parse=bool))
        except (StoreError, TimeoutError):
            return JSONResponse({"redis": False}, 503)
        return JSONResponse({"redis": True})

    def _check_sender(self, request: Request) -> None:
        given = request.headers.get("authorization", "").encode("latin-1")
        found = [hmac.compare_digest(given, secret) for secret in self._secrets]
        if not any(found):
            raise _Refused(401, "wrong Authorization")

    async def _body(self, request: Request) -> bytes:
        try:
            if int(request.headers.get("content-length", 0)) > self._max_body:
                raise _Refused(413, "too large")
            async with asyncio.timeout(BODY_SECONDS):
                return await self._read(request)
        except ClientDisconnect as error:
            raise _Refused(400, "cut off") from error
        except TimeoutError as error:
            raise _Refused(408, "too slow") from error

    async def _read(self, request: Request) -> bytes:
        pieces, size = list[bytes](), 0
        async for piece in request.stream():
            size += len(piece)
            if size > self._max_body:
                raise _Refused(413, "too large")
            pieces.append(piece)
        return b"".join(pieces)

    def _refuse(self, status: int, reason: str) -> Response:
        self._refusals.note(reason, status)
        return JSONResponse({"error": f"Refused: {reason}.", "problems": []}, status)


def is_json(body: bytes) -> bool:
    """Whether a body is a JSON object or list, read with patience: a reply is not lost for half an
    emoji, or a line break inside a text."""
    if body.lstrip(_BEFORE_JSON)[:1] not in (b"{", b"["):
        return False
    try:
        _read_json(body)
    except (ValueError, RecursionError):  # every error of msgspec is a ValueError
        return _is_nearly_json(body)
    return True


def _is_nearly_json(body: bytes) -> bool:
    try:
        json.loads(body.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError):
        return False
    return True
