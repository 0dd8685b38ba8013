"""HTTP/1.1 for an ASGI application: one connection, parsed by llhttp (httptools).

    idle ──► header ──► request ──► answer read ──► idle …
                           └─ answered before its body was here ──► lingering ──► closed

Every resource that a client can hold is bounded (`Bounds`), and the server closes connections past their
deadline:

| phase     | ends at the latest                                                       |
|-----------|--------------------------------------------------------------------------|
| idle      | after `idle_seconds`, or when another connection needs the slot          |
| header    | after `header_seconds`; with more than `HEADER_BYTES` it is answered 431 |
| request   | by the application's own deadlines                                       |
| answer    | when its reader reads nothing for `answer_seconds`                       |
| lingering | after `linger_seconds`                                                   |

While a complete request waits for its answer nothing more is parsed, and nothing is read once unparsed
data is there. At most `MOST_WAITING` requests of a connection wait, plus those of one read. Connections
take turns (`Host.take_turn`), so that many of them do not starve a new one.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Final, NamedTuple, Protocol, cast
from urllib.parse import unquote

import httptools
import msgspec
import structlog
from starlette.types import ASGIApp, Message

log = structlog.get_logger(__name__)

HEADER_BYTES: Final = 64 * 1024
"""Most bytes of a request's header, including its first line, and of the trailer of a chunked body."""
BODY_AHEAD_BYTES: Final = 64 * 1024
"""Buffered bytes of a body that the application has not read yet."""
MOST_WAITING: Final = 16
SHORTCUT_SECONDS: Final = 0.1
"""How long a request waits for its body before the application begins."""
_PIECE: Final = 128
"""Bytes of a piece to parse; it holds fewer than `MOST_WAITING` requests, of at least 18 bytes."""
_MARK: Final = b"HTTP/1"
"""Occurs in the first line of every pipelined request."""
_OVERHEAD: Final = 1024  # bytes that a request costs besides its body, roughly
_FOR_EVER: Final = float("inf")
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_STATUS_LINES: Final = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode())
    for status in HTTPStatus
}
RawHeaders = list[tuple[bytes, bytes]]


class Bounds(NamedTuple):
    """Limits of what a client may hold, and for how long."""

    connections: int = 1000
    header_seconds: float = 15.0  # from the connection, or the first byte of a request on it
    idle_seconds: float = 75.0
    answer_seconds: float = 60.0
    linger_seconds: float = 2.0


class RawRoute(Protocol):
    """Answers the requests of one path without ASGI, whose overhead exceeds the work."""

    method: bytes
    """The accepted method, for the Allow header of a 405."""
    most_bytes: int
    """Most bytes of a body."""
    body_seconds: float
    room: int
    """Free bytes for all its bodies; adjusted by the protocol."""

    def check(self, method: bytes, headers: RawHeaders) -> int | None:
        """The status that refuses a request before its body is read; None: accepted."""

    def take(self, body: bytes, reply: Callable[[int, bytes], None]) -> None:
        """Answer a request with a complete body by a status and JSON, now or later."""

    def refuse(self, status: int) -> bytes:
        """The JSON for a status of `check`, or for a body that is too large (413), has no room (503) or
        did not arrive (408)."""

    def answered(self, status: int, seconds: float) -> None:
        """Called when a request was answered."""


ShortcutReply = Callable[[int, bytes, RawHeaders], None]
"""Answers with a status, a body of JSON, and headers beside those of all raw answers."""


class Shortcut(Protocol):
    """Answers usual POST requests of one path without ASGI; the application answers the others."""

    def wants(self, headers: RawHeaders) -> bool:
        """False when the application is to begin before the body is here."""

    def take(self, headers: RawHeaders, body: bytes, reply: ShortcutReply) -> bool:
        """Answer a complete request, now or later; False: the application answers it."""


class Host(Protocol):
    """The server, as seen by its connections."""

    app: ASGIApp
    raw_routes: dict[bytes, RawRoute]
    shortcuts: dict[bytes, Shortcut]
    raw_head: bytes  # header lines of raw answers
    bounds: Bounds
    loop: asyncio.AbstractEventLoop
    buffer: memoryview  # read buffer shared by all connections
    stopping: bool
    date: bytes  # the Date header line

    def enter(self, connection: "Connection") -> None:
        """Register a connection; the quietest one, or this one, is closed when there are too many."""

    def leave(self, connection: "Connection") -> None:
        """Unregister a connection."""

    def take_turn(self, call: Callable[[], None]) -> None:
        """Run the call in turn: work of many connections is spread over rounds of the loop."""

    def keep(self, task: "asyncio.Task[None]") -> None:
        """Keep a reference to a running request."""


JSON: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"


def problem_json(status: int, detail: str, problems: Sequence[Mapping[str, str]] = ()) -> bytes:
    """The body of an error response, as in RFC 9457.

    Args:
        detail: one sentence.
        problems: path and message of each place that does not fit.
    """
    title = HTTPStatus(status).phrase
    content = {"title": title, "status": status, "detail": detail, "problems": problems}
    return msgspec.json.encode(content)


def _answer(status: int, headers: bytes, body: bytes, close: bool) -> bytes:
    kind = (
        b"content-type: %b\r\n" % (JSON if status < 400 else PROBLEM_JSON).encode() if body else b""
    )
    end = b"connection: close\r\n\r\n" if close else b"\r\n"
    length = b"content-length: %d\r\n" % len(body)
    return b"".join((_STATUS_LINES[status], headers, kind, length, end, body))


def _refusal(status: int, sentence: str) -> bytes:
    return _answer(status, b"", problem_json(status, sentence), close=True)


_TOO_LARGE: Final = _refusal(
    431, f"The headers are too large: at most {HEADER_BYTES} bytes are taken."
)
_UNREADABLE: Final = _refusal(400, "The request cannot be read as HTTP.")


class Connection(asyncio.BufferedProtocol):
    """One connection: parses requests and has them answered one after the other."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.time = host.loop.time
        self.deadline = _FOR_EVER
        self.waits_since = self.time()  # start of waiting for the client; meaningless otherwise
        self.transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._exchanges: deque[_Exchange] = deque()  # the first is being answered
        self._held = b""  # read but not parsed
        self._reading = True
        self._refused = b""  # the last answer: what follows is not parsable
        self._closing = False
        self._drained: asyncio.Future[None] | None = None  # while the client reads no answers
        self._useless = 0  # bytes since the last header end or body byte
        self._begun = self._is_new = False  # a header has begun and not ended; since the last read
        self._url = b""
        self._headers: RawHeaders = []

    # asyncio callbacks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.deadline = self.waits_since + self.host.bounds.header_seconds
        self.host.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End all exchanges."""
        self._closing = True
        self.host.leave(self)
        for exchange in self._exchanges:
            exchange.lost()
        self._exchanges.clear()
        self._held = b""
        self._writes_again()

    def get_buffer(self, sizehint: int) -> memoryview:
        """The shared buffer; its content is consumed or copied before another connection reads."""
        return self.host.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if not self._closing and not self._refused:
            self._parse(bytes(self.host.buffer[:nbytes]))

    def pause_writing(self) -> None:
        self._drained = self.host.loop.create_future()
        self._wait(self.host.bounds.answer_seconds)

    def resume_writing(self) -> None:
        self._writes_again()
        if self._closing:
            return
        self.deadline = _FOR_EVER
        if not self._exchanges or not self._exchanges[0].started:
            self._go_on()

    # Parser callbacks.

    def on_message_begin(self) -> None:
        self._begun = self._is_new = True
        self._url, self._headers = b"", []

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; trailers of a chunked body are dropped."""
        if self._begun:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The request can be answered from here on.

        Raises:
            ValueError: it is for several hosts, of which a proxy may have read another one.
        """
        self._begun, self._useless = False, 0
        if sum(name == b"host" for name, _ in self._headers) > 1:
            raise ValueError("several hosts")
        raw = self.host.raw_routes.get(self._url.partition(b"?")[0])
        method, keep_alive = self._parser.get_method(), self._parser.should_keep_alive()
        self._exchanges.append(
            _AsgiExchange(
                self, method, keep_alive, self._url, self._headers, self._parser.get_http_version()
            )
            if raw is None
            else _RawExchange(self, method, keep_alive, self._headers, raw)
        )

    def on_body(self, body: bytes) -> None:
        self._useless = 0
        if self._exchanges:
            self._exchanges[-1].body += body

    def on_message_complete(self) -> None:
        self._useless = 0
        if self._exchanges:
            self._exchanges[-1].complete = True

    # Called by exchanges.

    def write(self, data: bytes) -> None:
        if not self._closing:
            self.transport.write(data)

    @property
    def drained(self) -> "asyncio.Future[None] | None":
        """A future to await before more is sent, or None."""
        return self._drained

    def body_taken(self) -> None:
        """The application has read from the body: resume reading."""
        self._parse_held()

    def answered(self, exchange: "_Exchange") -> None:
        """The first exchange is completely answered."""
        if self._closing:
            return
        self._exchanges.popleft()
        if not exchange.complete:
            self._linger()
        elif not exchange.keep_alive or self.host.stopping:
            self._close()
        elif self._drained is None:
            self._go_on()

    def abort(self) -> None:
        """Abort the connection, so that the client notices an incomplete answer."""
        self._closing = True
        self.transport.abort()

    # Called by the server.

    def expire(self) -> None:
        """The deadline has passed."""
        first = self._exchanges[0] if self._exchanges else None
        if first is None or self._drained is not None:
            self.abort()
        else:
            first.expire()

    def stop(self) -> None:
        """Accept no more requests; close after the pending answers."""
        if not self._exchanges:
            self._close()

    @property
    def is_answering(self) -> bool:
        """True while a complete request waits for its answer."""
        return bool(self._exchanges) and self._exchanges[0].started and self._exchanges[0].complete

    @property
    def is_quiet(self) -> bool:
        """True when it waits for its client and has no work."""
        return not self._exchanges or not self._exchanges[0].started

    # Internal steps.

    def _parse(self, data: bytes) -> None:
        size = len(data) if data.count(_MARK) < MOST_WAITING else _PIECE
        if self._is_full():
            size = 0
        else:
            self._feed(data[:size])
        if self._closing or self._refused:
            return
        if size < len(data):
            self._held = data[size:]
            self._read(False)
            self.host.take_turn(self._parse_held)
        if self._begun and self._is_new:
            self._is_new = False
            if not self._exchanges:
                self._wait(self.host.bounds.header_seconds)

    def _parse_held(self) -> None:
        if not self._held or self._closing or self._refused or self._is_full():
            return
        held, self._held = self._held, b""
        self._parse(held)
        self._read(not self._held)

    def _is_full(self) -> bool:
        """True when nothing may be parsed: a request waits, or its body is not being read."""
        if not self._exchanges:
            return False
        first = self._exchanges[0]
        return first.complete or len(first.body) > first.most_ahead

    def _feed(self, piece: bytes) -> None:
        self._useless += len(piece)
        try:
            self._parser.feed_data(piece)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._unreadable(error)
        else:
            if self._useless > HEADER_BYTES:
                self._refuse(_TOO_LARGE)
        self._tell()

    def _tell(self) -> None:
        """Notify the first request about new data."""
        if not self._exchanges:
            return
        first = self._exchanges[0]
        if not first.started:
            self._start(first)
        elif first.body or first.complete:
            first.body_came()

    def _start(self, exchange: "_Exchange") -> None:
        if self._drained is None:
            self.deadline = _FOR_EVER
        exchange.started = True
        exchange.start()

    def _unreadable(self, error: Exception) -> None:
        """The next bytes are not a request. After a request that ends the connection they are
        ignored."""
        last = self._exchanges[-1] if self._exchanges else None
        upgrade = isinstance(error, httptools.HttpParserUpgrade)
        if last and last.complete and (upgrade or not last.keep_alive):
            last.keep_alive = False
            self._read(False)
        else:
            self._refuse(_UNREADABLE)

    def _refuse(self, refusal: bytes) -> None:
        """Send a refusal after the answers to complete requests; an incomplete one is aborted."""
        self._refused = refusal
        self._read(False)
        last = self._exchanges[-1] if self._exchanges else None
        if last and not last.complete:
            if last.begun:  # else it would cut into the answer
                self.abort()
                return
            self._exchanges.pop()
            last.lost()
        if not self._exchanges:
            self._close(refusal)

    def _go_on(self) -> None:
        """Start the next request, as far as it has arrived."""
        if self._exchanges:
            self._start(self._exchanges[0])
        elif self._refused:
            self._close(self._refused)
        elif self._held:
            self._parse_held()
        else:
            self._rest()

    def _rest(self) -> None:
        """No work: wait for the client."""
        bounds = self.host.bounds
        self._wait(bounds.header_seconds if self._begun else bounds.idle_seconds)

    def _wait(self, seconds: float) -> None:
        """Set the deadline for the client."""
        self.waits_since = self.time()
        self.deadline = self.waits_since + seconds

    def _read(self, reading: bool) -> None:
        if reading != self._reading and not self._closing:
            self._reading = reading
            (self.transport.resume_reading if reading else self.transport.pause_reading)()

    def _linger(self) -> None:
        """The answer is sent before the body was received: a client that is cut off while sending may
        never see the answer, so it gets some time to finish."""
        self._closing, self._held = True, b""
        self._wait(self.host.bounds.linger_seconds)
        with suppress(OSError, RuntimeError):
            self.transport.write_eof()
            if not self._reading:
                self.transport.resume_reading()

    def _close(self, last_words: bytes = b"") -> None:
        if last_words:
            self.transport.write(last_words)
        self._closing, self._held = True, b""
        self._wait(self.host.bounds.answer_seconds)
        self.transport.close()

    def _writes_again(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None


class _Exchange:
    """A request and its answer."""

    started = False  # it was started
    begun = False  # its answer has begun
    complete = False  # its body has arrived
    most_ahead: float = BODY_AHEAD_BYTES

    def __init__(self, connection: Connection, method: bytes, keep_alive: bool) -> None:
        self.connection = connection
        self.method = method
        self.keep_alive = keep_alive
        self.body = bytearray()

    def start(self) -> None:
        """Start answering."""
        raise NotImplementedError

    def body_came(self) -> None:
        """More of the body has arrived."""
        raise NotImplementedError

    def go_on(self, headers: RawHeaders) -> None:
        """Send `100 Continue` if the client waits for it."""
        if (b"expect", b"100-continue") in headers:
            self.connection.write(_CONTINUE)

    def lost(self) -> None:
        """The client has gone."""

    def expire(self) -> None:
        """The exchange's own deadline has passed."""


class _RawExchange(_Exchange):
    """A request that is answered by a raw route."""

    most_ahead = _FOR_EVER  # the route's `most_bytes` and `room` bound it

    def __init__(
        self,
        connection: Connection,
        method: bytes,
        keep_alive: bool,
        headers: RawHeaders,
        route: RawRoute,
    ) -> None:
        super().__init__(connection, method, keep_alive)
        self._headers = headers
        self._route = route
        self._since = connection.time()
        self._held = 0  # bytes counted in the route's `room`
        self._taken = False

    def start(self) -> None:
        """Refuse it, or wait for its body."""
        refused = self._route.check(self.method, self._headers)
        if refused is not None:
            self._refuse(refused)
            return
        if not self.complete:
            self.go_on(self._headers)
            self.connection.deadline = self.connection.time() + self._route.body_seconds
        self.body_came()

    def body_came(self) -> None:
        """Hand it to the route when the body is complete."""
        if self._taken:
            return
        size = len(self.body) + _OVERHEAD
        self._route.room -= size - self._held
        self._held = size
        if len(self.body) > self._route.most_bytes:
            self._refuse(413)
        elif self._route.room < 0:
            self._refuse(503)
        elif self.complete:
            self._taken, self.connection.deadline = True, _FOR_EVER
            body, self.body = bytes(self.body), bytearray()
            self._route.take(body, self._reply)

    def lost(self) -> None:
        """Return the room, unless the route has the body."""
        if not self._taken:
            self._leave()

    def expire(self) -> None:
        """The body did not arrive."""
        self._refuse(408)

    def _refuse(self, status: int) -> None:
        self._reply(status, self._route.refuse(status))

    def _reply(self, status: int, body: bytes) -> None:
        connection = self.connection
        self._leave()
        self._route.answered(status, connection.time() - self._since)
        close = not self.complete or not self.keep_alive
        head = connection.host.raw_head
        if status == 405:
            head += b"allow: %b\r\n" % self._route.method
        connection.write(_answer(status, head, body, close))
        connection.answered(self)

    def _leave(self) -> None:
        self._taken = True
        self._route.room += self._held
        self._held = 0


class _AsgiExchange(_Exchange):
    """A request that is answered by the application."""

    def __init__(
        self,
        connection: Connection,
        method: bytes,
        keep_alive: bool,
        url: bytes,
        headers: RawHeaders,
        version: str,
    ) -> None:
        super().__init__(connection, method, keep_alive)
        self._url = url
        self._headers = headers
        self._version = version
        self._gone = False
        self._ended = False
        self._read = False  # the whole body was handed over
        self._silent = False  # the answer has no body, whatever its Content-Length
        self._chunked = False
        self._left: int | None = None  # announced bytes of the answer that are not sent
        self._start_message: Message | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._continued = False
        self._shortcut: Shortcut | None = None
        self._held_up = False  # until its body is here, or late

    def start(self) -> None:
        """Start the application's task, unless a shortcut may take the request once its body is here."""
        host = self.connection.host
        self._shortcut = host.shortcuts.get(self._url) if self.method == b"POST" else None
        if self._shortcut is None or self.complete or not self._shortcut.wants(self._headers):
            host.take_turn(self._begin)
        else:
            self._held_up = True
            self.connection.deadline = self.connection.time() + SHORTCUT_SECONDS

    def expire(self) -> None:
        """The body takes its time: the application waits for it."""
        if self._held_up:
            self._held_up, self.connection.deadline = False, _FOR_EVER
            self.connection.host.take_turn(self._begin)

    def body_came(self) -> None:
        """Wake a waiting `receive`."""
        if self.complete or len(self.body) > self.most_ahead:
            self.expire()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def lost(self) -> None:
        """Notify the application."""
        self._gone = True
        self.body_came()

    def _begin(self) -> None:
        host = self.connection.host
        if self._gone or (
            self._shortcut is not None
            and self.complete
            and self._shortcut.take(self._headers, bytes(self.body), self._reply)
        ):
            return
        host.keep(host.loop.create_task(self._run(host.app)))

    def _reply(self, status: int, body: bytes, headers: RawHeaders) -> None:
        """The answer of a shortcut."""
        if self._gone:
            return
        host, self._ended = self.connection.host, True
        lines = (b"%b: %b\r\n" % pair for pair in headers)
        close = not self.keep_alive or host.stopping
        self.connection.write(_answer(status, b"".join((host.raw_head, *lines)), body, close))
        self.connection.answered(self)

    async def _run(self, app: ASGIApp) -> None:
        try:
            await app(self._scope(), self._receive, self._send)
        except Exception as error:
            log.error("application_failed", error=type(error).__name__)
        finally:
            if not self._ended and not self._gone:
                self.connection.abort()

    def _scope(self) -> dict[str, Any]:
        raw_path, _, query = self._url.partition(b"?")
        if not raw_path.startswith(b"/") and b"://" in raw_path:  # absolute form of proxies
            raw_path = b"/" + raw_path.partition(b"://")[2].partition(b"/")[2]
        path = raw_path.decode("ascii")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": self._version,
            "method": self.method.decode("ascii"),
            "scheme": "http",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query.partition(b"#")[0],
            "root_path": "",
            "headers": self._headers,
            "client": _address(self.connection.transport.get_extra_info("peername")),
            "server": _address(self.connection.transport.get_extra_info("sockname")),
        }

    async def _receive(self) -> Message:
        if not (self.complete or self.begun or self._continued):
            self._continued = True
            if self._version == "1.1":
                self.go_on(self._headers)
        while not (self._gone or self._ended or self.body or (self.complete and not self._read)):
            self._waiting = self.connection.host.loop.create_future()
            await self._waiting
        if self._gone or self._ended:
            return {"type": "http.disconnect"}
        body = bytes(self.body)
        self.body.clear()
        self._read = self.complete
        self.connection.body_taken()
        return {"type": "http.request", "body": body, "more_body": not self._read}

    async def _send(self, message: Message) -> None:
        if not self._gone and self.connection.drained is not None:
            await asyncio.shield(self.connection.drained)
        if self._gone or self._ended:
            return
        if message["type"] == "http.response.start":
            self._start_message = message
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        head = b""
        if self._start_message is not None:
            head = self._head(self._start_message, len(body), more)
            self._start_message, self.begun = None, True
        self.connection.write(head + self._payload(body, more))
        if not more:
            self._end()

    def _end(self) -> None:
        self._ended = True
        self.body_came()
        if self._left:
            self.connection.abort()
        else:
            self.connection.answered(self)

    def _head(self, message: Message, size: int, more: bool) -> bytes:
        """Status line and headers of the answer; decides how its end is signalled."""
        status, lines = message["status"], list[bytes]()
        close = not self.keep_alive or self.connection.host.stopping
        self._left = None
        for name, value in message.get("headers", ()):
            name = name.lower()
            if name == b"content-length":
                self._left = int(value)
            elif name == b"connection":
                close = close or b"close" in value.lower()
                continue
            lines.append(b"%b: %b\r\n" % (name, value))
        self._silent = self.method == b"HEAD" or status in (204, 304)
        if self._left is None and not more and status not in (204, 304):
            self._left = size
            lines.append(b"content-length: %d\r\n" % size)
        elif self._left is None and not self._silent:
            self._chunked = self._version == "1.1"
            close = close or not self._chunked
            lines += [b"transfer-encoding: chunked\r\n"] if self._chunked else []
        if self._silent:
            self._left = None
        if close or not self.complete:
            lines.append(b"connection: close\r\n")
            self.keep_alive = False
        head = b"".join((_STATUS_LINES[status], self.connection.host.date, *lines, b"\r\n"))
        if head.count(b"\n") != len(lines) + 3:
            raise ValueError("A header holds a line end.")
        return head

    def _payload(self, body: bytes, more: bool) -> bytes:
        if self._silent:
            return b""
        if self._left is not None:
            self._left -= len(body)
        if not self._chunked:
            return body
        piece = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        return piece if more else piece + b"0\r\n\r\n"


def _address(name: Any) -> tuple[str, int] | None:
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) else None
