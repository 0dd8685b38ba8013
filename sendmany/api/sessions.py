"""Sessions of the page: a cookie instead of a token, for requests that come from the page itself.

The cookie is `__Host-sendmany` (Secure) over https, and `sendmany-session` on this machine over http;
elsewhere nobody signs in over http. The browser says which of both it is in `Origin`, whatever stands
between. What comes from another origin is answered as if there were no cookie.
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
"""A session whose token is revoked works so long, in processes that have just seen it."""
REFRESH: Final = "x-refresh"
"""A header of requests that the page makes by itself: they do not keep a session from being idle."""
MOST_REMEMBERED: Final = 4096
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Cookie(NamedTuple):
    """What a browser sent."""

    id: str
    secure: bool


class Sessions:
    """Finds the session of a request, and remembers it for less than a second."""

    def __init__(self, store: AsyncStore, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._known: dict[str, tuple[Session, float]] = {}

    async def of(self, scope: Scope) -> Session | None:
        """The session of a request that comes from our own page. Raises StoreUnavailable."""
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
        """It was ended here."""
        self._known.pop(id, None)


def cookie_of(scope: Scope) -> Cookie | None:
    """The cookie of a session; of two the one that only https can set."""
    try:
        found = SimpleCookie(Headers(scope=scope).get("cookie", ""))
    except CookieError:
        return None
    for name, secure in ((SECURE_COOKIE, True), (LOCAL_COOKIE, False)):
        if name in found:
            return Cookie(found[name].value, secure)
    return None


def is_ours(scope: Scope, *, secure: bool) -> bool:
    """Whether a request comes from the page of this very host: no other site, name or port."""
    headers = Headers(scope=scope)
    host = headers.get("host", "")
    if not secure and not is_local(host):
        return False  # a name of another that leads here
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    if scope["method"] in ("GET", "HEAD"):
        return True
    return headers.get("origin") == f"{'https' if secure else 'http'}://{host}"


def is_local(host: str) -> bool:
    """Whether a Host names this machine."""
    try:
        return urlsplit(f"//{host}").hostname in _LOOPBACK
    except ValueError:
        return False
