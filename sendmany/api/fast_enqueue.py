"""Fast path for single messages: ASGI, its middleware and routing cost more than the work itself.

A shortcut of the server (`sendmany/api/http_protocol.py`). It takes whole, valid requests with a token
that has no limit and was looked up within the last seconds; everything else falls through to the
application, which looks up the token and builds the error. Its answers are those of the route.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from starlette.responses import Response

from config.sections import Web
from producer.messages.enqueue import Order
from producer.messages.item import Enqueued
from sendmany.api.auth import Tokens, authorization_in
from sendmany.api.errors import answer_to
from sendmany.api.http_protocol import RawHeaders, ShortcutReply
from sendmany.api.middleware.access_log import ID_HEADER, note_answer, request_id
from sendmany.api.middleware.security import unexpected
from sendmany.api.routes.messages.message_orders import MOST_BYTES, Refused
from sendmany.api.routes.messages.messages import MessageIntake
from store.access.tokens import Scope, Token
from store.errors import StoreError, StoreRefused
from store.metrics.counters import Tally

PATH: Final = "/v1/messages"
_SET_BY_SERVER: Final = (b"content-type", b"content-length")


class FastEnqueue:
    """Answers `POST /v1/messages`.

    Args:
        tally: counters of requests, for `/metrics`.
        monotonic: seconds.
    """

    def __init__(
        self,
        intake: MessageIntake,
        tokens: Tokens,
        limits: Web,
        tally: Tally,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._door = intake
        self._tokens = tokens
        self._most = limits.max_requests
        self._most_bytes = min(MOST_BYTES, limits.max_body_bytes)
        self._tally = tally
        self._monotonic = monotonic
        self._inside = 0

    def wants(self, headers: RawHeaders) -> bool:
        """False for a token that the application has to look up, and for `Expect: 100-continue`."""
        waits = (b"expect", b"100-continue") in headers
        return not waits and self._tokens.known(authorization_in(headers)) is not None

    def take(self, headers: RawHeaders, body: bytes, reply: ShortcutReply) -> bool:
        """Store a message, then answer; False: it is left to the application."""
        start = self._monotonic()
        token = self._tokens.known(authorization_in(headers))
        if token is None or Scope.ENQUEUE not in token.scopes or token.limit:
            return False
        if self._inside >= self._most or len(body) > self._most_bytes:
            return False
        try:
            wanted = self._door.order_at_once(body, headers, token)
        except Refused:
            return False
        if wanted is None:
            return False
        self._inside += 1
        told = partial(self._stored, wanted, token, start, request_id(headers), reply)
        try:
            self._door.put(wanted, told)
        except StoreError as error:
            told(error)
        return True

    def _stored(
        self,
        wanted: Order,
        token: Token,
        start: float,
        id: str,
        reply: ShortcutReply,
        stored: Enqueued | Exception,
    ) -> None:
        self._inside -= 1
        response = self._response(wanted, stored, id)
        status, seconds = response.status_code, self._monotonic() - start
        note_answer(self._tally, "POST", PATH, status, seconds, token, id)
        more = [pair for pair in response.raw_headers if pair[0] not in _SET_BY_SERVER]
        more.append((ID_HEADER, id.encode()))
        reply(status, bytes(response.body), more)

    def _response(self, wanted: Order, stored: Enqueued | Exception, id: str) -> Response:
        try:
            if isinstance(stored, Exception) and not isinstance(stored, StoreRefused):
                raise stored
            return self._door.answer(stored, wanted.priority)
        except Exception as error:
            return answer_to(error) or unexpected("POST", error, id)
