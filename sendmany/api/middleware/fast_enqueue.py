"""Fast path for single messages: routing and dependency injection cost more than the work itself.

It runs after guard and limits. Handles valid requests only; everything else falls through to the route,
which builds the error. Its answers are those of the route.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from sendmany.api.auth import CALLER
from sendmany.api.errors import answer_to
from sendmany.api.routes.idempotency_key import RawHeaders
from store.access.tokens import Scope, Token
from store.errors import StoreError

Serve = Callable[[bytes, RawHeaders, Token], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Way:
    """Handler of the POST requests of a path.

    Args:
        route: name under which they are counted.
        scope: required of the token.
        serve: takes body, headers and token.
    """

    route: Route
    scope: Scope
    serve: Serve


class FastEnqueue:
    """Handles the requests of a few paths before routing.

    Args:
        ways: by path.
    """

    def __init__(self, app: ASGIApp, ways: Mapping[str, Way]) -> None:
        self._app = app
        self._ways = ways

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        way = self._ways.get(scope["path"]) if scope["type"] == "http" else None
        token: Token | None = scope.get(CALLER)
        if way is None or scope["method"] != "POST" or token is None:
            return await self._app(scope, receive, send)
        if way.scope not in token.scopes or scope["query_string"]:
            return await self._app(scope, receive, send)
        scope["route"] = way.route
        response = await _answer(way, receive, scope["headers"], token)
        return await response(scope, receive, send)


async def _answer(way: Way, receive: Receive, headers: RawHeaders, token: Token) -> Response:
    try:
        return await way.serve(await _body(receive), headers, token)
    except (HTTPException, RequestValidationError, StoreError) as error:
        answer = answer_to(error)
        if answer is None:
            raise
        return answer


async def _body(receive: Receive) -> bytes:
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)
