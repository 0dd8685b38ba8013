"""Security headers on every response, and a 500 for unexpected errors."""

import traceback
from typing import Any, Final

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sendmany.api.errors import problem
from sendmany.api.middleware.access_log import REQUEST_ID

log = structlog.get_logger(__name__)

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Defaults unless a route sets them. Strict-Transport-Security is left to the proxy that terminates
TLS."""

_RAW: Final = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]


MORE_HEADERS: Final = "sendmany.headers"
"""Key in the ASGI scope of headers that a route adds to its answer, to errors, too."""


class SecurityHeaders:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = [*message.get("headers", ()), *scope.get(MORE_HEADERS, ())]
                names = {name.lower() for name, _ in given}
                message["headers"] = given + [pair for pair in _RAW if pair[0] not in names]
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class LastResort:
    """Answers 500 to an unexpected error. The log gets its class and location; neither the log nor the
    client gets its text, which may quote the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            return  # the client is gone
        except Exception as error:
            if scope["type"] != "http":
                raise
            response = unexpected(scope["method"], error, scope.get(REQUEST_ID, ""))
            if not started:  # else the connection is cut, which the client notices
                await response(scope, receive, send)


def unexpected(method: str, error: Exception, id: str) -> Response:
    """Log an unexpected error with the request's id; returns the 500."""
    log.error("request_failed", method=method, request_id=id, **_told(error))
    return problem(500, "This went wrong on our side.")


def _told(error: BaseException) -> dict[str, Any]:
    """An error after the answer has begun is the cause of a RuntimeError."""
    told: dict[str, Any] = {"error": _kind(error), "at": _at(error)}
    return told if error.__cause__ is None else {**told, "cause": _kind(error.__cause__)}


def _kind(error: BaseException) -> str:
    return type(error).__name__


def _at(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
