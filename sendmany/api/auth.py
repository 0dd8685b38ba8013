"""Authentication: a token for everything but health and webhooks, before a byte of a body is read.

Closed by default: a route without an explicit dependency requires a token, too. Each route checks the
token's scope with `needs`.
"""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from typing import Any, Final, NamedTuple

from fastapi import HTTPException, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sendmany.api.errors import away, problem
from sendmany.api.sessions import Sessions
from store.access import tokens
from store.access.audit import ACTOR, Actor
from store.access.tokens import KeptToken, Token, find_token, note_token_use, read_token_text
from store.client import AsyncStore
from store.errors import StoreError, StoreUnavailable

REMEMBERED_SECONDS: Final = 3.0
"""Seconds for which a token is cached, and so a revoked one may still work."""
HONOURED_SECONDS: Final = 120.0
"""The same while Redis is away: `/metrics` must still be able to report that."""
PATIENCE: Final = 2.0
"""Seconds for looking up a token that is cached; Prometheus waits ten in all."""
AGAIN_SECONDS: Final = 10.0
"""Interval at which the token of a streaming answer is checked again."""
MOST_REMEMBERED: Final = 4096
HOUR: Final = 3600.0
CALLER: Final = "sendmany.caller"
"""Key of the token in the ASGI scope."""
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


class _Known(NamedTuple):
    """A cached token."""

    kept: KeptToken
    good_until: float  # looked up again afterwards
    honoured_until: float  # limit if the look-up fails


class Tokens:
    """Looks up tokens; caches each for a few seconds, longer while Redis is away.

    Args:
        monotonic: seconds.
    """

    def __init__(self, store: AsyncStore, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self.monotonic = monotonic
        self._known: dict[str, _Known] = {}
        self._noted: dict[str, float] = {}

    async def of(self, authorization: str) -> Token | None:
        """The token in an Authorization header; None if it is unknown or not valid any more.

        Raises:
            StoreUnavailable: it cannot be looked up and is not cached.
        """
        parts = _parts_of(authorization)
        if parts is None:
            return None
        id, secret = parts
        kept = await self._find(id)
        if kept is None or not kept.proves(secret):
            return None
        await self._note_use(id)
        return kept.token

    def known(self, authorization: str) -> Token | None:
        """As `of`, of a token that was looked up within the last seconds; None for any other."""
        id, secret = _parts_of(authorization) or ("", "")
        known = self._known.get(id)
        if known is None or self.monotonic() >= known.good_until or not known.kept.proves(secret):
            return None
        return known.kept.token

    async def still(self, authorization: str) -> bool:
        """True while the token is valid, as far as known."""
        try:
            return await self.of(authorization) is not None
        except StoreUnavailable:
            return True

    async def _find(self, id: str) -> KeptToken | None:
        now = self.monotonic()
        known = self._known.get(id)
        if known and now < known.good_until:
            return known.kept
        honoured = known is not None and now < known.honoured_until
        try:
            async with asyncio.timeout(PATIENCE if honoured else None):
                kept = await self._store.run(find_token(id))
        except (StoreUnavailable, TimeoutError) as error:
            if not self._honours(id):
                raise StoreUnavailable("The token cannot be looked up.") from error
            return self._known[id].kept
        self._known.pop(id, None)
        if kept is not None:
            _make_room(self._known)
            self._known[id] = _Known(kept, now + REMEMBERED_SECONDS, now + HONOURED_SECONDS)
        return kept

    def _honours(self, id: str) -> bool:
        """True when a token that cannot be looked up is accepted, again for some seconds: otherwise each
        request would wait for a Redis that is away."""
        known, now = self._known.get(id), self.monotonic()
        if known is None or now >= known.honoured_until:
            return False
        good_until = min(now + REMEMBERED_SECONDS, known.honoured_until)
        self._known[id] = known._replace(good_until=good_until)
        return True

    async def _note_use(self, id: str) -> None:
        now = self.monotonic()
        if now < self._noted.get(id, float("-inf")) + HOUR:
            return
        _make_room(self._noted)
        self._noted[id] = now
        with suppress(StoreError):  # the note is for people only
            await self._store.run(note_token_use(id))


class Guard:
    """Answers 401 to requests without a valid token; all others pass.

    Args:
        is_open: True for paths that need no token.
        exists: True for existing paths; others get their 404 without a token.
        sessions: of the page, whose cookie replaces a token; None: the page is not served.
    """

    def __init__(
        self,
        app: ASGIApp,
        tokens: Tokens,
        is_open: Callable[[str], bool],
        exists: Callable[[Scope], bool],
        sessions: Sessions | None = None,
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._is_open = is_open
        self._exists = exists
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_open(scope["path"]):
            return await self._app(scope, receive, send)
        authorization = authorization_in(scope["headers"])
        try:
            token = await self._tokens.of(authorization)
            session = None
            if self._sessions and _parts_of(authorization) is None:  # others are of a proxy
                session = await self._sessions.of(scope)
        except StoreUnavailable:
            return await away()(scope, receive, send)
        if session is not None:
            scope[CALLER] = session.kept.token
            return await self._app(scope, self._while_session(scope, receive), send)
        if token is None and self._exists(scope):
            return await _no_token()(scope, receive, send)
        scope[CALLER] = token
        return await self._app(scope, receive, self._while_good(authorization, send))

    def _while_session(self, scope: Scope, receive: Receive) -> Receive:
        """A `receive` that reports a disconnect when the session has ended: live events end within a
        second. Only long answers receive again after their body."""
        begun = False

        async def receive_while_good() -> Message:
            nonlocal begun
            if not begun:
                message = await receive()
                begun = not message.get("more_body", False)
                return message
            left = asyncio.ensure_future(receive())
            try:
                while not (await asyncio.wait({left}, timeout=1.0))[0]:
                    with suppress(StoreUnavailable):
                        if not (self._sessions and await self._sessions.of(scope, touch=False)):
                            return {"type": "http.disconnect"}
                return left.result()
            finally:
                left.cancel()

        return receive_while_good

    def _while_good(self, authorization: str, send: Send) -> Send:
        """A `send` that stops when the token expires: live events last for an hour. A complete answer is
        always sent, however long it took."""
        looked = 0.0

        async def send_if_good(message: Message) -> None:
            nonlocal looked
            now = self._tokens.monotonic()
            if message["type"] == "http.response.start":
                looked = now
            elif now >= looked + AGAIN_SECONDS:
                looked = now
                if not await self._tokens.still(authorization):
                    raise ClientDisconnect
            await send(message)

        return send_if_good


class Needed(SecurityBase):
    """A dependency that requires a token with a scope, and raises 401 or 403."""

    def __init__(self, scope: tokens.Scope) -> None:
        self.model = HTTPBearer(description=f"An API token with the scope `{scope}`.")
        self.scheme_name = str(scope)
        self._scope = scope

    async def __call__(self, request: Request) -> Token:
        """The caller's token."""
        token: Token | None = request.scope.get(CALLER)
        if token is None:
            raise HTTPException(401, "An API token is needed.", _CHALLENGE)
        if self._scope not in token.scopes:
            raise HTTPException(
                403,
                f"This token has not the scope {self._scope}.",
                {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{self._scope}"'},
            )
        client = request.client
        ACTOR.set(Actor(f"token:{token.name}", client.host if client else ""))
        return token


@cache
def needs(scope: tokens.Scope) -> Needed:
    """The dependency that requires a token with this scope."""
    return Needed(scope)


def authorization_in(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The value of the Authorization header; '' unless there is exactly one: a proxy may have checked
    either of two."""
    found = [value for name, value in headers if name == b"authorization"]
    return found[0].decode("latin-1") if len(found) == 1 else ""


def _parts_of(authorization: str) -> tuple[str, str] | None:
    scheme, _, given = authorization.partition(" ")
    return read_token_text(given.strip(" ")) if scheme.lower() == "bearer" else None


def _no_token() -> ASGIApp:
    return problem(
        401,
        "An API token is needed: Authorization: Bearer sm_… (see sendmany token create).",
        headers={**_CHALLENGE, "Connection": "close"},
    )


def _make_room(known: dict[str, Any]) -> None:
    if len(known) >= MOST_REMEMBERED:
        known.clear()
