"""HTTP client of the provider: sends one request and returns one `Result`.

No httpx type leaves this module: each of its errors becomes `NotSent` or `NoAnswer`, by what the error
proves about the request. It never retries and never follows a redirect: the worker decides whether a
message may be sent again. Cancellation passes through.

    exception                                                          proves
    ConnectError, ConnectTimeout, PoolTimeout, LocalProtocolError,     not processed
    UnsupportedProtocol, InvalidURL
    any other (timeouts and resets after that, the total deadline)     nothing
"""

import asyncio
import socket
import ssl
import time
import uuid
from collections.abc import AsyncIterable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from chatapps.responses import (
    NoAnswer,
    NotSent,
    RawAnswer,
    Received,
    Refused,
    Result,
    Silence,
    judge_answer,
    judge_transfer,
)
from config.sections import SettingsError
from config.settings import Settings

MAX_ANSWER_BYTES = 8 * 1024 * 1024
"""An answer to 1,000 items has about 250 KB."""

_PROVES_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds. All but `total` are per step and restart with each byte read or written, so
    only `total` bounds a request."""

    connect: float = 5.0
    pool: float = 5.0
    write: float = 20.0
    read: float = 20.0
    total: float = 30.0


DEFAULT_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One sub-account at the provider: its base URL and API key.

    Raises ValueError, without the key in it, for a key that no HTTP header can carry.
    """

    base_url: str  # region and scheme, e.g. https://chatapps.example.com
    sub_account_id: str
    api_key: SecretStr

    def __post_init__(self) -> None:
        key = self.api_key.get_secret_value()
        if not key or not all("!" <= char <= "~" for char in key):
            raise ValueError("an API key is one word of printable ASCII")

    @property
    def messages_url(self) -> str:
        sub_account = quote(self.sub_account_id, safe="&")
        return f"{self.base_url.rstrip('/')}/api/v1/subaccounts/{sub_account}/messages"


class ProbeVerdict(StrEnum):
    """Result of a probe of an endpoint."""

    READY = "ready"  # reachable, key accepted, sub-account known
    WRONG_KEY = "wrong_key"
    FORBIDDEN = "forbidden"  # the key is known but may not use this sub-account, or not from here
    UNKNOWN_SUB_ACCOUNT = "unknown_sub_account"
    THROTTLED = "throttled"  # reachable; look-ups are limited to one a second
    UNREACHABLE = "unreachable"
    UNEXPECTED = "unexpected"  # an answer unlike the provider's


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe's verdict and the result that it was derived from."""

    verdict: ProbeVerdict
    result: Result


class ChatAppsClient:
    """Sends requests of any sub-account over one connection pool.

    The caller closes `http`. `total_timeout` is in seconds and covers a request from the wait for a
    connection to the last byte of the answer; `clock` gives epoch seconds.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        total_timeout: float = DEFAULT_TIMEOUTS.total,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._total_timeout = total_timeout
        self._max_answer_bytes = max_answer_bytes
        self._clock = clock

    async def send_many(self, endpoint: Endpoint, body: bytes) -> Result:
        """POST one batch request. `body` is its JSON: at most 1,000 messages."""
        return await self._exchange(endpoint, "POST", f"{endpoint.messages_url}/batch", body)

    async def probe(self, endpoint: Endpoint) -> Probe:
        """Check that the provider is reachable and accepts the key, without sending a message.

        Looks up a message that cannot exist. The provider allows one look-up a second per sub-account.
        """
        url = f"{endpoint.messages_url}/{uuid.uuid4()}"
        result = await self._exchange(endpoint, "GET", url, None)
        return Probe(judge_probe(result), result)

    async def fetch(
        self, endpoint: Endpoint, method: str, url: str, body: bytes | None = None
    ) -> Received | Refused | NotSent | NoAnswer:
        """Send any other request with the endpoint's key; the caller interprets the body."""
        raw = await self._transfer(endpoint, method, url, body)
        if not isinstance(raw, RawAnswer):
            return raw
        return judge_transfer(raw, now=self._clock(), max_bytes=self._max_answer_bytes)

    async def download(
        self, endpoint: Endpoint, url: str, into: IO[bytes], *, max_bytes: int, seconds: float
    ) -> Received | Refused | NotSent | NoAnswer:
        """GET a file with the endpoint's key, and write its bytes to `into`; the result has no body.

        Raises:
            OSError: the bytes cannot be written, such as on a full disk.
        """
        arrival = _Arrival(max_bytes, into=into)
        raw = await self._transfer(endpoint, "GET", url, None, arrival, seconds)
        if arrival.unwritten is not None:
            raise arrival.unwritten
        if not isinstance(raw, RawAnswer):
            return raw
        return judge_transfer(raw, now=self._clock(), max_bytes=self._max_answer_bytes)

    async def upload(
        self,
        endpoint: Endpoint,
        url: str,
        body: AsyncIterable[bytes],
        headers: Mapping[str, str],
        *,
        seconds: float,
    ) -> Received | Refused | NotSent | NoAnswer:
        """POST a body in pieces, with headers of its own; the caller interprets the answer."""
        raw = await self._transfer(endpoint, "POST", url, body, None, seconds, headers)
        if not isinstance(raw, RawAnswer):
            return raw
        return judge_transfer(raw, now=self._clock(), max_bytes=self._max_answer_bytes)

    async def _exchange(
        self, endpoint: Endpoint, method: str, url: str, body: bytes | None
    ) -> Result:
        raw = await self._transfer(endpoint, method, url, body)
        if not isinstance(raw, RawAnswer):
            return raw
        return judge_answer(raw, now=self._clock(), max_bytes=self._max_answer_bytes)

    async def _transfer(
        self,
        endpoint: Endpoint,
        method: str,
        url: str,
        body: bytes | AsyncIterable[bytes] | None,
        arrival: "_Arrival | None" = None,
        seconds: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> RawAnswer | NotSent | NoAnswer:
        try:
            request = self._build(endpoint, method, url, body, headers or {})
            if arrival is not None:
                request.headers["Accept-Encoding"] = "identity"  # a file is written as it comes
        except (httpx.InvalidURL, UnicodeError):
            return NotSent("InvalidURL")  # its text repeats the address, with credentials
        arrival = arrival or _Arrival(self._max_answer_bytes)
        try:
            async with asyncio.timeout(seconds or self._total_timeout):
                await self._receive(request, arrival)
        except Exception as exc:  # TLS and socket errors are not always wrapped by httpx
            if not arrival.status:
                return _without_status(exc)
            if not arrival.whole:  # else only the close failed
                arrival.flaw = _reason(exc)
        return arrival.raw()

    def _build(
        self,
        endpoint: Endpoint,
        method: str,
        url: str,
        body: bytes | AsyncIterable[bytes] | None,
        own: Mapping[str, str],
    ) -> httpx.Request:
        headers = {**_headers(endpoint.api_key), **own}
        request = self._http.build_request(method, url, content=body, headers=headers)
        # Hosts that would fail in the resolver or the socket, with errors that prove less.
        request.url.raw_host.decode("ascii").encode("idna")
        if not 0 <= (request.url.port or 0) <= 65535:
            raise httpx.InvalidURL("port out of range")
        return request

    async def _receive(self, request: httpx.Request, arrival: "_Arrival") -> None:
        response = await self._http.send(request, stream=True, follow_redirects=False)
        try:
            await arrival.collect(response)
        finally:
            await response.aclose()


@dataclass(slots=True)
class _Arrival:
    """The answer while it arrives. A failure half-way keeps what has arrived so far."""

    max_bytes: int
    into: IO[bytes] | None = None  # takes the body of a successful answer
    unwritten: OSError | None = None  # its failure, which is not the provider's
    size: int = 0
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    flaw: str | None = None
    whole: bool = False

    async def collect(self, response: httpx.Response) -> None:
        """Read the answer's bytes undecoded; stop when they exceed the limit."""
        self.status = response.status_code
        self.headers = dict(response.headers)
        if self.into is not None and self.status < 300:
            self.headers.pop("content-encoding", None)  # the reader of the file finds out
        assert isinstance(response.stream, AsyncIterable)
        async for chunk in response.stream:
            self.size += len(chunk)
            if self.size > self.max_bytes:
                self.flaw = f"more than {self.max_bytes} bytes"
                return
            if self.into is not None and self.status < 300:
                try:
                    self.into.write(chunk)
                except OSError as error:
                    self.unwritten = error
                    return
            else:
                self.body += chunk
        self.whole = True

    def raw(self) -> RawAnswer:
        return RawAnswer(self.status, self.headers, bytes(self.body), self.flaw)


def judge_probe(result: Result) -> ProbeVerdict:
    """The verdict for the answer to a look-up of a message that does not exist."""
    match result:
        case Refused(status=404, code=1300):
            return ProbeVerdict.READY
        case Refused(code=1001):
            return ProbeVerdict.UNKNOWN_SUB_ACCOUNT
        case Refused(status=403):
            return ProbeVerdict.FORBIDDEN
        case Refused(status=401) | Refused(code=1200):
            return ProbeVerdict.WRONG_KEY
        case Refused(status=429):
            return ProbeVerdict.THROTTLED
        case NotSent() | NoAnswer():
            return ProbeVerdict.UNREACHABLE
        case _:
            return ProbeVerdict.UNEXPECTED


def open_client(
    timeouts: Timeouts = DEFAULT_TIMEOUTS, *, connections: int = 256
) -> httpx.AsyncClient:
    """Open an HTTP client with this module's settings; the caller closes it.

    No retries, no redirects, no proxy or netrc from the environment. Idle connections are dropped before
    a server would close them, because a request on a closing connection gets no answer.
    """
    return httpx.AsyncClient(
        timeout=httpx.Timeout(
            connect=timeouts.connect,
            read=timeouts.read,
            write=timeouts.write,
            pool=timeouts.pool,
        ),
        transport=httpx.AsyncHTTPTransport(
            retries=0,
            http1=True,
            http2=False,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=15.0,
            ),
        ),
        follow_redirects=False,
        trust_env=False,
    )


def _headers(api_key: SecretStr) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {api_key.get_secret_value()}",
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Accept-Encoding": "gzip",
        "User-Agent": "sendmany",
    }


def _without_status(exc: Exception) -> NotSent | NoAnswer:
    reason = _reason(exc)
    if isinstance(exc, _PROVES_NOT_SENT):
        return NotSent(reason)
    return NoAnswer(reason, _silence(exc))


def _silence(exc: Exception) -> Silence:
    causes = list(_causes(exc))
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return Silence.TLS
    if any(isinstance(cause, TimeoutError | httpx.TimeoutException) for cause in causes):
        return Silence.TIMEOUT
    broken = (httpx.NetworkError, httpx.RemoteProtocolError, OSError)
    return Silence.CONNECTION if isinstance(exc, broken) else Silence.OTHER


def _why_no_connection(exc: httpx.ConnectError) -> str:
    """The reason from the causes of `exc`; httpx itself only says that all attempts have failed."""
    for cause in _causes(exc):
        if isinstance(cause, socket.gaierror):
            return f"DNS: {cause.strerror}"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
    return str(exc)


def _causes(exc: BaseException | None) -> Iterator[BaseException]:
    while exc is not None:
        yield exc
        exc = exc.__cause__ or exc.__context__


def _reason(exc: Exception) -> str:
    """A short reason. Only exceptions that cannot quote a header keep their text: others repeat parts of
    the request, possibly the key."""
    if isinstance(exc, TimeoutError):
        return "total deadline"
    if isinstance(exc, httpx.ConnectError):
        return f"ConnectError: {_why_no_connection(exc)}"
    if any(isinstance(cause, ConnectionResetError) for cause in _causes(exc)):
        return f"{type(exc).__name__}: connection reset"
    return type(exc).__name__


def endpoint_of(settings: Settings, sub_account: str) -> Endpoint:
    """The endpoint of a sub-account.

    Raises:
        SettingsError: it is not configured here, or its key is missing or unusable.
    """
    configured = settings.sub_accounts.get(sub_account)
    if configured is None:
        raise SettingsError(f"Sub-account {sub_account!r} is not configured here.")
    key = configured.key()
    if key is None:
        raise SettingsError(
            f"Sub-account {sub_account!r} has no API key: {configured.why_no_key()}."
        )
    try:
        return Endpoint(configured.url, sub_account, key)
    except ValueError as error:
        raise SettingsError(f"The API key of {sub_account!r} cannot be used: {error}.") from error
