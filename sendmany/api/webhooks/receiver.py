"""Receives the provider's webhooks: receipts, replies, events about templates and numbers.

    POST /webhooks   200 after it is stored; the provider repeats a post without a 200

| answer | when                                                                                 |
|--------|--------------------------------------------------------------------------------------|
| 401    | the Authorization header is wrong                                                    |
| 405    | it is no POST                                                                        |
| 413    | the body is too large                                                                |
| 408    | the body does not arrive                                                             |
| 400    | the body is not JSON                                                                 |
| 503    | it could not be stored: Redis is away, slow or full; or too many bytes are in flight |

The body is parsed later, so that one in an unknown form is not lost. The provider repeats a webhook
after 1, 10, 30 and 90 seconds, then drops it (provider docs, webhooks).
"""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import msgspec
import structlog
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboard.metrics import HTTP_REQUESTS
from sendmany.api.http_protocol import problem_json
from store.client import AsyncStore, command
from store.errors import StoreError, StoreFull
from store.metrics.counters import Tally
from store.receipts.inbox import LEASE_MS, add_to_inbox, take_inbox
from store.write_coalescer import WriteCoalescer

log = structlog.get_logger(__name__)

EVERY = 10.0
"""Seconds between two log lines with the same reason."""


class Refusals:
    """Counts refusals by reason, and logs each reason at most every `EVERY` seconds.

    A wrong secret refuses every receipt and must be noticed, but a line for each would fill the disk.

    Args:
        monotonic: seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._unsaid: dict[str, int] = {}
        self._said_at: dict[str, float] = {}

    def note(self, reason: str, status: int) -> None:
        """Count a refusal."""
        self._unsaid[reason] = self._unsaid.get(reason, 0) + 1
        now = self._monotonic()
        if now - self._said_at.get(reason, float("-inf")) < EVERY:
            return
        self._said_at[reason] = now
        log.warning("webhooks_refused", reason=reason, status=status, times=self._unsaid[reason])
        self._unsaid[reason] = 0


WEBHOOKS: Final = "/webhooks"
MOST_BYTES: Final = 4 * 1024 * 1024
"""Most bytes of one webhook: of a list of some 10,000 receipts."""
ROOM_BYTES: Final = 64 * 1024 * 1024
"""Most bytes of all webhooks being received or stored."""
BODY_SECONDS: Final = 10.0
HEALTH_SECONDS: Final = 2.0
PATIENCE: Final = 4.0
"""Seconds until a body counts as not stored; the provider expects an answer within 5."""
_WRITE_MOST: Final = 500
_WRITE_BYTES: Final = 512 * 1024

Reply = Callable[[int, bytes], None]
"""Sends a status and a JSON body."""
_read_json = msgspec.json.Decoder(msgspec.Raw).decode
_BEFORE_JSON: Final = b"\xef\xbb\xbf \t\r\n"
_REASONS: Final = {
    401: "wrong Authorization",
    405: "only POST is taken",
    408: "too slow",
    413: "too large",
    503: "too many bytes are under way",
}


class Receiver:
    """The raw route of `/webhooks`: stores bodies in the inbox.

    Args:
        authorizations: accepted values of the Authorization header: one, or two while the secret is
            rotated.
        tally: counters of requests, for `/metrics`.
        monotonic: seconds.

    Raises:
        ValueError: there is no authorization, or an empty one, so that any client could post.
    """

    method = b"POST"
    most_bytes = MOST_BYTES
    body_seconds = BODY_SECONDS

    def __init__(
        self,
        store: AsyncStore,
        authorizations: Sequence[SecretStr],
        *,
        tally: Tally | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secrets = [secret.get_secret_value().encode() for secret in authorizations]
        if not self._secrets or not all(self._secrets):
            raise ValueError("A receiver needs an authorization, and none may be empty.")
        self._writes = WriteCoalescer(
            InboxWriter(store).write,
            len,
            patience=PATIENCE,
            most=_WRITE_MOST,
            most_bytes=_WRITE_BYTES,
        )
        self._refusals = Refusals(monotonic)
        self._tally = tally or Tally()
        self.room = ROOM_BYTES

    def check(self, method: bytes, headers: Sequence[tuple[bytes, bytes]]) -> int | None:
        """The status that refuses a request before its body is read; None: accepted."""
        given = [value for name, value in headers if name == b"authorization"]
        known = len(given) == 1 and any(
            hmac.compare_digest(given[0], secret) for secret in self._secrets
        )
        if not known:
            return 401
        return None if method == self.method else 405

    def refuse(self, status: int) -> bytes:
        """The body of a refusal."""
        return self._refusal(status, _REASONS[status])

    def take(self, body: bytes, reply: Reply) -> None:
        """Store a webhook, then answer."""
        if is_json(body):
            self._writes.add(body, partial(self._stored, reply))
        else:
            reply(400, self._refusal(400, "not JSON"))

    def answered(self, status: int, seconds: float) -> None:
        """Count a request."""
        self._tally.observe(HTTP_REQUESTS, seconds, "POST", WEBHOOKS, str(status))

    def _stored(self, reply: Reply, error: Exception | None) -> None:
        if error is None:
            reply(200, b"")
            return
        reason = "Redis does not answer in time"
        if isinstance(error, StoreFull):
            reason = "Redis is full"
        elif not isinstance(error, StoreError):
            reason = f"a fault of sendmany, {type(error).__name__}"
        reply(503, self._refusal(503, reason))

    def _refusal(self, status: int, reason: str) -> bytes:
        self._refusals.note(reason, status)
        return problem_json(status, f"Refused: {reason}.")


class InboxWriter:
    """Writes bodies to the inbox of this process, and renews the inbox's lease."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self._number: int | None = None
        self._renew_at = 0.0

    async def write(self, bodies: Sequence[bytes]) -> Sequence[None]:
        """Store bodies that came at the same time."""
        now = asyncio.get_running_loop().time()
        if self._number is None or now >= self._renew_at:
            self._number = await self._store.run(take_inbox(self._number))
            self._renew_at = now + LEASE_MS / 2000
        await self._store.run(add_to_inbox(*bodies, number=self._number))
        return [None] * len(bodies)


def health_app(store: AsyncStore) -> Starlette:
    """`GET /healthz` of a process that only receives: 200 when webhooks can be stored, else 503. Its
    lifespan closes the store."""

    @asynccontextmanager
    async def life(app: Starlette) -> AsyncIterator[None]:
        yield
        await store.close()

    async def health(request: Request) -> Response:
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                await store.run(command("PING", parse=bool))
        except (StoreError, TimeoutError):
            return JSONResponse({"redis": False}, 503)
        return JSONResponse({"redis": True})

    return Starlette(routes=[Route("/healthz", health, methods=["GET"])], lifespan=life)


def is_json(body: bytes) -> bool:
    """True for a JSON object or list, parsed tolerantly: a reply must not be lost for a lone surrogate
    or a line break inside a text."""
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
