"""Limits of a client: concurrent requests, size of a body, time for it."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.sections import Web
from sendmany.api.errors import problem

SLOWEST_UPLOAD: Final = 16 * 1024
"""Bytes a second that keep an upload alive after `body_seconds`."""
SMALL_BODY_BYTES: Final = 16 * 1024
"""Most bytes of a body without messages."""
BODIES_AT_ONCE: Final = 16
"""Bodies of the largest size that fit in memory at the same time; many more small ones."""
_CLOSE: Final = {"Connection": "close"}
_BUSY: Final = {"Retry-After": "1"}


class Crowd:
    """Answers 503 to too many concurrent requests.

    Args:
        most: requests.
        most_streams: long-lasting requests of `streams`, counted separately.
        free: paths without a limit.
    """

    def __init__(
        self,
        app: ASGIApp,
        most: int,
        most_streams: int,
        streams: frozenset[str],
        free: frozenset[str],
    ) -> None:
        self._app = app
        self._most = {False: most, True: most_streams}
        self._inside = {False: 0, True: 0}
        self._streams = streams
        self._free = free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._free:
            return await self._app(scope, receive, send)
        lasts = scope["path"] in self._streams
        if self._inside[lasts] >= self._most[lasts]:
            busy = problem(503, "Too many requests at once.", headers={**_BUSY, **_CLOSE})
            return await busy(scope, receive, send)
        self._inside[lasts] += 1
        try:
            return await self._app(scope, receive, send)
        finally:
            self._inside[lasts] -= 1


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """Size and time limits of a body."""

    most: int  # bytes
    seconds: float  # total time of waiting for it
    per_second: float = float("inf")  # bytes a second that extend the time

    def patience(self, waited: float, size: int) -> float:
        """Seconds to wait for the next piece, after so many seconds and bytes."""
        return self.seconds + size / self.per_second - waited


class Bodies:
    """Refuses bodies that are too large (413) or too slow (408), and bounds their total memory.

    Args:
        large: limits in bytes of some paths, up to `max_body_bytes`.
        uploads: paths whose handlers stream the body.
        free: paths with limits of their own.
        monotonic: seconds.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Web,
        large: Mapping[str, int],
        uploads: re.Pattern[str],
        free: frozenset[str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        seconds = limits.body_seconds
        self._small = BodyLimit(min(SMALL_BODY_BYTES, limits.max_body_bytes), seconds)
        self._limits = {
            path: BodyLimit(min(most, limits.max_body_bytes), seconds)
            for path, most in large.items()
        }
        self._upload = BodyLimit(limits.max_upload_bytes, seconds, SLOWEST_UPLOAD)
        self._uploads = uploads
        self._free = free
        self._monotonic = monotonic
        self.room = BODIES_AT_ONCE * limits.max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in self._free:
            return await self._app(scope, receive, send)
        streamed = self._uploads.fullmatch(scope["path"]) is not None
        own = self._limits.get(scope["path"]) or self._limits.get(scope["method"], self._small)
        limit = self._upload if streamed else own
        if int(Headers(scope=scope).get("content-length", 0)) > limit.most:
            large = problem(413, _too_large(limit), headers=_CLOSE)
            return await large(scope, receive, send)
        body = _Body(receive, limit, self._monotonic, None if streamed else self)
        try:
            return await self._app(scope, body.receive, send)
        finally:
            self.room += body.held


class _Body:
    """One incoming body."""

    def __init__(
        self,
        receive: Receive,
        limit: BodyLimit,
        monotonic: Callable[[], float],
        bodies: Bodies | None,
    ) -> None:
        self._receive = receive
        self._limit = limit
        self._monotonic = monotonic
        self._bodies = bodies
        self._waited = 0.0
        self._size = 0
        self._all_here = False
        self.held = 0

    async def receive(self) -> Message:
        """ASGI `receive`; after the body only the end of the connection can come."""
        if self._all_here:
            return await self._receive()
        message = await self._piece()
        size = len(message.get("body", b""))
        self._size += size
        self._all_here = not message.get("more_body", False)
        if self._size > self._limit.most:
            raise HTTPException(413, _too_large(self._limit), _CLOSE)
        self._hold(size)
        return message

    async def _piece(self) -> Message:
        """The next piece. Only time spent waiting for the client counts."""
        start, patience = self._monotonic(), self._limit.patience(self._waited, self._size)
        try:
            async with asyncio.timeout(patience if patience > 0 else 0):
                message = await self._receive()
        except TimeoutError as error:
            raise _too_slow() from error
        self._waited += self._monotonic() - start
        if patience <= 0:  # even if a piece was there already
            raise _too_slow()
        return message

    def _hold(self, size: int) -> None:
        if self._bodies is None:
            return
        self.held += size
        self._bodies.room -= size
        if self._bodies.room < 0:
            raise HTTPException(503, "Too much is being sent at once.", {**_BUSY, **_CLOSE})


def _too_slow() -> HTTPException:
    return HTTPException(408, "The body did not come in time.", _CLOSE)


def _too_large(limit: BodyLimit) -> str:
    return f"The body is too large: at most {limit.most} bytes are taken."
