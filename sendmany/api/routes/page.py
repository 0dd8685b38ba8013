"""The page in a browser: its files under `/ui/`, compressed once at start, and signing in.

Everything else uses the HTTP API like any other client: requests beyond its token get a 403.
"""

import gzip
import hashlib
import json
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final, NamedTuple

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from dashboard.explain import iso
from sendmany import __version__
from sendmany.api.auth import Tokens
from sendmany.api.sessions import (
    LOCAL_COOKIE,
    SECURE_COOKIE,
    Sessions,
    cookie_of,
    is_local,
    is_ours,
)
from store.access.sessions import (
    IDLE_SECONDS,
    SESSION_SECONDS,
    Session,
    close_session,
    draw_secret,
    open_session,
    take_code,
)
from store.access.tokens import Scope
from store.client import AsyncStore

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'none'"
)
MOST_TRIES: Final = 10
"""Failed sign-ins per address within `TRIES_SECONDS`, for each web process."""
TRIES_SECONDS: Final = 60.0
MOST_ADDRESSES: Final = 10_000
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_NOT_BUILT: Final = "notbuilt.html"
_LIBRARIES: Final = "vendor/preact.js"


class File(NamedTuple):
    """A file of the page, ready to send."""

    type: str
    plain: bytes
    packed: bytes
    etag: str


class SignIn(BaseModel):
    """A token or a code."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    token: str = Field("", max_length=200)
    code: str = Field("", max_length=200)


class SessionOut(BaseModel):
    """The signed-in token, as far as the page shows it."""

    name: str
    scopes: list[Scope]
    sub_accounts: list[str]  # empty: all
    ends_at: str
    version: str
    utc_offset: int  # minutes; offset of times of day in sentences
    launch_delay: float  # s in which a launch can be undone
    by_proxy: bool  # a proxy has signed the person in, and signs out


class Tries:
    """Counts failed sign-ins by address.

    Args:
        monotonic: seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._wrong: dict[str, deque[float]] = {}

    def check(self, address: str) -> None:
        """Raise HTTPException 429 after too many."""
        wrong = self._wrong.get(address, deque())
        while wrong and wrong[0] <= self._monotonic() - TRIES_SECONDS:
            wrong.popleft()
        if len(wrong) >= MOST_TRIES:
            wait = int(wrong[0] + TRIES_SECONDS - self._monotonic()) + 1
            raise HTTPException(
                429, f"Too many tries: wait {wait} seconds.", {"Retry-After": str(wait)}
            )

    def count(self, address: str) -> None:
        """Count a failed sign-in."""
        if len(self._wrong) >= MOST_ADDRESSES:
            self._wrong.clear()
        self._wrong.setdefault(address, deque()).append(self._monotonic())


def is_of_page(path: str) -> bool:
    """True for paths without a token: files of the page, and signing in."""
    return path in ("/", "/ui") or path.startswith("/ui/")


def page_router(
    store: AsyncStore, tokens: Tokens, sessions: Sessions, launch_delay: float
) -> APIRouter:
    """The routes; they are for browsers and so not in the OpenAPI document."""
    router, tries = APIRouter(include_in_schema=False), Tries()
    found = read_files(files("dashboard") / "page")
    start = found["index.html" if _LIBRARIES in found else _NOT_BUILT]

    @router.get("/")
    @router.get("/ui")
    async def lead() -> Response:
        return RedirectResponse("/ui/", 307)

    @router.get("/ui/session")
    async def show(request: Request) -> SessionOut | None:
        """None is a valid answer: browsers log a 401 as an error."""
        session, user = await sessions.of(request.scope), sessions.user_of(request.scope)
        if user and session is None:
            raise HTTPException(403, _NOT_KNOWN.format(json.dumps(user, ensure_ascii=False)))
        return _out(session, launch_delay, by_proxy=bool(user)) if session else None

    @router.post("/ui/session")
    async def sign_in(given: SignIn, request: Request, response: Response) -> SessionOut:
        secure = _is_secure(request)
        address = request.client.host if request.client else ""
        tries.check(address)
        token = (await tokens.of(f"Bearer {given.token}")) if given.token else None
        if token is None and given.code and not secure:
            token_id = await store.run(take_code(given.code))
        else:
            token_id = token.id if token else ""
        if not token_id:
            tries.count(address)
            raise HTTPException(401, _WRONG_CODE if given.code else _WRONG_TOKEN)
        await _end(request)
        id, idle = draw_secret(), SESSION_SECONDS
        if token is None or token.scopes - {Scope.READ}:
            idle = IDLE_SECONDS
        await store.run(open_session(id, token_id, idle))
        session = await sessions.find(id)
        if session is None:
            raise HTTPException(401, "The token has just ended.")
        response.set_cookie(
            SECURE_COOKIE if secure else LOCAL_COOKIE, id, max_age=SESSION_SECONDS,
            secure=secure, httponly=True, samesite="strict",
        )  # fmt: skip
        return _out(session, launch_delay)

    @router.delete("/ui/session", status_code=204)
    async def sign_out(request: Request, response: Response) -> None:
        if await _end(request):
            for name, secure in ((SECURE_COOKIE, True), (LOCAL_COOKIE, False)):
                response.delete_cookie(name, secure=secure, httponly=True, samesite="strict")

    async def _end(request: Request) -> bool:
        cookie = cookie_of(request.scope)
        if cookie is None or not is_ours(request.scope, secure=cookie.secure):
            return False
        sessions.forget(cookie.id)
        return await store.run(close_session(cookie.id)) or True

    @router.get("/ui/{name:path}")
    async def file(name: str, request: Request) -> Response:
        one = found.get(name) if name else start
        if one is None:
            raise HTTPException(404, "The page has no such file.")
        return _send(one, request)

    return router


_WRONG_TOKEN: Final = "This token is not good, or not any more."  # noqa: S105
_NOT_KNOWN: Final = (
    "You are signed in as {0}, and no single valid token has this name: ask who runs sendmany "
    "for `sendmany token create {0} --scope …`."
)
_WRONG_CODE: Final = "This link was used, or is older than a minute: sign in with a token."
_PLAIN_HTTP: Final = (
    "Over plain http signing in works on this machine only: put a proxy with HTTPS in front, "
    "or reach it through a tunnel as http://localhost."
)


def _is_secure(request: Request) -> bool:
    """True when the browser uses https; raises HTTPException where signing in is not allowed."""
    scheme, _, host = request.headers.get("origin", "").partition("://")
    if host != request.headers.get("host"):
        raise HTTPException(403, "Sign in from the page itself.")
    if scheme != "https" and not is_local(host):
        raise HTTPException(403, _PLAIN_HTTP)
    if not is_ours(request.scope, secure=scheme == "https"):
        raise HTTPException(403, "Sign in from the page itself.")
    return scheme == "https"


def _out(session: Session, launch_delay: float, *, by_proxy: bool = False) -> SessionOut:
    token, offset = session.kept.token, datetime.now().astimezone().utcoffset()
    return SessionOut(
        name=token.name,
        scopes=sorted(token.scopes),
        sub_accounts=sorted(token.sub_accounts),
        ends_at=iso(session.ends_at),
        version=__version__,
        utc_offset=int(offset.total_seconds() // 60) if offset else 0,
        launch_delay=launch_delay,
        by_proxy=by_proxy,
    )


def read_files(folder: Traversable, under: str = "") -> dict[str, File]:
    """The files of the page by their names below `folder`, ready to send."""
    found: dict[str, File] = {}
    for entry in folder.iterdir():
        name = f"{under}{entry.name}"
        if entry.is_dir():
            if entry.name not in ("node_modules", "tests"):
                found |= read_files(entry, f"{name}/")
        elif (ending := name[name.rfind(".") :]) in _TYPES:
            plain = entry.read_bytes()
            etag = f'"{hashlib.sha256(plain).hexdigest()[:20]}"'
            found[name] = File(_TYPES[ending], plain, gzip.compress(plain, 9, mtime=0), etag)
    return found


def _send(one: File, request: Request) -> Response:
    headers: dict[str, Any] = {
        "ETag": one.etag,
        "Cache-Control": "no-cache",
        "Content-Security-Policy": POLICY,
        "Vary": "Accept-Encoding",
    }
    if one.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(one.plain, media_type=one.type, headers=headers)
    return Response(
        one.packed, media_type=one.type, headers={**headers, "Content-Encoding": "gzip"}
    )
