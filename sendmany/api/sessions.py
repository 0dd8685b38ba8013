"""Sessions of the page: a cookie instead of a token, for requests from the page itself.

The cookie is `__Host-sendmany` (Secure) over https, and `sendmany-session` on this machine over http;
elsewhere signing in over http is not possible. The browser's `Origin` decides between them, whatever
proxies are between. For requests of another origin the cookie is ignored.

A proxy that signs people in needs no cookie of ours: it names the person in a header (`web.user_header`)
of each request, which then acts with the token of that name. The header counts more than a cookie, so
that the next person at a browser does not act as the one before.
"""

import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from config.sections import Web
from store.access.sessions import Session, find_session
from store.access.tokens import list_tokens
from store.client import AsyncStore

SECURE_COOKIE: Final = "__Host-sendmany"
LOCAL_COOKIE: Final = "sendmany-session"
REMEMBERED_SECONDS: Final = 0.9
"""Seconds for which a session is cached, and so one with a revoked token may still work."""
REFRESH: Final = "x-refresh"
"""Header of the page's automatic requests, which do not reset the idle time."""
MOST_REMEMBERED: Final = 4096
_COOKIE, _USER = "cookie", "user"
_UNCLEAR: Final = "\0"
"""Name that no token has."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Cookie(NamedTuple):
    """A session cookie of a request."""

    id: str
    secure: bool


class Sessions:
    """Looks up sessions of requests; caches each for less than a second."""

    def __init__(
        self, store: AsyncStore, web: Web, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._web = web
        self._monotonic = monotonic
        self._known: dict[tuple[str, str], tuple[Session, float]] = {}

    async def of(self, scope: Scope, *, touch: bool = True) -> Session | None:
        """The session of a request from our own page. Raises StoreUnavailable.

        Args:
            touch: reset its idle time, unless the page asks by itself.
        """
        if user := self.user_of(scope):
            ours = is_ours(scope, secure=True) or is_ours(scope, secure=False)
            return await self._of_user(user) if ours else None
        cookie = cookie_of(scope)
        if cookie is None or not is_ours(scope, secure=cookie.secure):
            return None
        return await self.find(cookie.id, touch=touch and REFRESH not in Headers(scope=scope))

    def user_of(self, scope: Scope) -> str:
        """The person whom the proxy has signed in; '' without such a proxy. A header that is there
        twice, or is no text, names a person who has no token."""
        wanted = self._web.user_header.encode()
        found = [value for name, value in scope["headers"] if wanted and name == wanted]
        if not found or not self._is_proxy((scope.get("client") or ("",))[0]):
            return ""
        try:
            # Other blanks, such as U+00A0, are of the name: it is another account at the proxy.
            return found[0].strip(b" \t").decode() if len(found) == 1 else _UNCLEAR
        except UnicodeDecodeError:
            return _UNCLEAR

    def _is_proxy(self, address: str) -> bool:
        try:
            peer = ip_address(address)
        except ValueError:
            return False
        peer = (isinstance(peer, IPv6Address) and peer.ipv4_mapped) or peer
        return any(peer in network for network in self._web.user_proxies)

    async def _of_user(self, user: str) -> Session | None:
        """The session of the only valid token with this name."""
        key = _USER, user
        found, good_until = self._known.get(key, (None, 0.0))
        if found and self._monotonic() < good_until:
            return found
        self._known.pop(key, None)
        called = [one for one in await self._store.run(list_tokens()) if one.token.name == user]
        kept = [one for one in called if not one.expires_at or one.expires_at > time.time()]
        return self._remember(key, Session(kept[0], kept[0].expires_at)) if len(kept) == 1 else None

    async def find(self, id: str, *, touch: bool = False) -> Session | None:
        """The session with this id. Raises StoreUnavailable."""
        found, good_until = self._known.get((_COOKIE, id), (None, 0.0))
        if found and self._monotonic() < good_until and not touch:
            return found
        found = await self._store.run(find_session(id, touch=touch))
        self._known.pop((_COOKIE, id), None)
        return self._remember((_COOKIE, id), found) if found else None

    def _remember(self, key: tuple[str, str], found: Session) -> Session:
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[key] = found, self._monotonic() + REMEMBERED_SECONDS
        return found

    def forget(self, id: str) -> None:
        """Drop a session that was ended here."""
        self._known.pop((_COOKIE, id), None)


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
