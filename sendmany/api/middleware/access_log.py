"""Counts, times and logs every request by its route; paths may name people."""

import os
import re
import time
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Final

import structlog
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.metrics import HTTP_REQUESTS
from sendmany.api.auth import CALLER
from store.access.tokens import Token
from store.metrics.counters import Tally

log = structlog.get_logger(__name__)

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NONE: Final = "none"
"""Route of an unknown path, and of requests refused before routing."""
OFTEN: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Frequently polled routes: only errors are logged."""
CUT_OFF: Final = 499
"""Status of a request without an answer."""
REQUEST_ID: Final = "request_id"
"""Name of a request's id in its scope and in the log."""
ID_HEADER: Final = b"x-request-id"
_HEX: Final = (
    rb"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|[0-9A-Fa-f]{16}|[0-9A-Fa-f]{32}"
)
_NUMBER: Final = rb"(?<![0-9])[0-9]{7,15}(?![0-9])"
_SOUND_ID: Final = re.compile(rb"%b|(?!.*%b)[A-Za-z0-9._:/=-]{1,128}" % (_HEX, _NUMBER))
"""Ids of callers that are taken over: a UUID, one of 16 or 32 hexadecimal digits, or a text without 7 to
15 digits in a row, which may be a phone number, since ids are logged."""


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The caller's `X-Request-Id`; a new one where there is none, or one that is not taken over."""
    for name, value in headers:
        if name == ID_HEADER and _SOUND_ID.fullmatch(value):
            return value.decode()
    return os.urandom(8).hex()


class Watched:
    """Counts, times and logs the answers of the inner application, and gives each its `X-Request-Id`.

    Args:
        tally: counters of requests, for `/metrics`.
        routes: of the application.
        monotonic: seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        tally: Tally,
        routes: Sequence[BaseRoute],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._tally = tally
        self._plain = frozenset(route.path for route in routes if isinstance(route, Route))
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status, start = CUT_OFF, self._monotonic()
        id = scope[REQUEST_ID] = request_id(scope["headers"])

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (ID_HEADER, id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            self._note(scope, status, self._monotonic() - start)
        return None

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = route_of(scope, self._plain)
        token, id = scope.get(CALLER), scope[REQUEST_ID]
        note_answer(self._tally, method, route, status, seconds, token, id)


def note_answer(
    tally: Tally, method: str, route: str, status: int, seconds: float, token: Token | None, id: str
) -> None:
    """Count an answer and log it; `id` is that of the request."""
    tally.observe(HTTP_REQUESTS, seconds, method, route, str(status))
    if route in OFTEN and status < 300:
        return
    say = log.warning if status >= 500 else log.info
    say(
        "request",
        method=method,
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
        token=token.id if token else None,
        request_id=id,
    )


def route_of(scope: Scope, plain: Container[str]) -> str:
    """The template of the route that served a request, such as `/v1/messages/{id}`.

    Args:
        plain: paths whose routes do not record themselves.
    """
    served_by: str | None = getattr(scope.get("route"), "path", None)
    if served_by is not None:
        return served_by
    return scope["path"] if scope["path"] in plain else NONE
