"""Sessions of the page: a cookie instead of a token, for requests from the page itself.

The cookie is `__Host-sendmany` (Secure) over https, and `sendmany-session` on this machine over http;
elsewhere signing in over http is not possible. The browser's `Origin` decides between them, whatever
proxies are between. For requests of another origin the cookie is ignored.
"""

import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from store.access.sessions import Session, find_session
from store.client import AsyncStore

SECURE_COOKIE: Final = "__Host-sendmany"
LOCAL_COOKIE: Final = "sendmany-session"
REMEMBERED_SECONDS: Final = 0.9
"""Seconds for which a session is cached, and so one with a revoked token may still work."""
REFRESH: Final = "x-refresh"
"""Header of the page's automatic requests, which do not reset the idle time."""
MOST_REMEMBERED: Final = 4096
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Cookie(NamedTuple):
    """A session cookie of a request."""

    id: str
    secure: bool


class Sessions:
    """Looks up sessions of requests; caches each for less than a second."""

    def __init__(self, store: AsyncStore, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._known: dict[str, tuple[Session, float]] = {}

    async def of(self, scope: Scope) -> Session | None:
        """The session of a request from our own page. Raises StoreUnavailable."""
        cookie = cookie_of(scope)
        if cookie is None or not is_ours(scope, secure=cookie.secure):
            return None
        headers = Headers(scope=scope)
        return await self.find(cookie.id, touch=REFRESH not in headers)

    async def find(self, id: str, *, touch: bool = False) -> Session | None:
        """The session with this id. Raises StoreUnavailable."""
        found, good_until = self._known.get(id, (None, 0.0))
        if found and self._monotonic() < good_until and not touch:
            return found
        found = await self._store.run(find_session(id, touch=touch))
        self._known.pop(id, None)
        if found:
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[id] = found, self._monotonic() + REMEMBERED_SECONDS
        return found

    def forget(self, id: str) -> None:
        """Drop a session that was ended here."""
        self._known.pop(id, None)


def cookie_of(scope: Scope) -> Cookie | None:
    """The session cookie; of two the one that only https can set."""
    try:
        found = SimpleCookie(Headers(scope=scope).get("cookie", ""))
    except CookieError:
        return None
    for name, secure in ((SECURE_COOKIE, True), (LOCAL_COOKIE, False)):
        if name in found:
            return Cookie(found[name].value, secure)
    return None


def is_ours(scope: Scope, *, secure: bool) -> bool:
    """True for a request from the page of this very host: no other site, name or port."""
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if not secure and not is_local(host):
        return False  # another name that resolves to this host
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    if scope["method"] in ("GET", "HEAD"):
        return True
    return headers.get("origin") == f"{'https' if secure else 'http'}://{host}"


def is_local(host: str) -> bool:
    """True when a Host names this machine."""
    try:
        return urlsplit(f"//{host}").hostname in _LOOPBACK
    except ValueError:
        return False
