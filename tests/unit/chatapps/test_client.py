"""The client's verdicts, over transports without a network."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine

import httpx
import pytest
from pydantic import SecretStr

from chatapps.client import (
    ChatAppsClient,
    Endpoint,
    ProbeVerdict,
    judge_probe,
    open_client,
)
from chatapps.responses import Answered, BatchAnswer, NoAnswer, NotSent, Refused, Result

KEY = "very-secret-key"
ENDPOINT = Endpoint("https://provider.test/", "Sub&1", SecretStr(KEY))

Handler = Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def client_of(handler: Handler, total_timeout: float = 5.0) -> ChatAppsClient:
    http = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    return ChatAppsClient(http, total_timeout=total_timeout)


async def send_to(handler: Handler, total_timeout: float = 5.0) -> Result:
    return await client_of(handler, total_timeout).send_many(ENDPOINT, b'{"messages":[]}')


async def fail(error: Exception) -> Result:
    async def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return await send_to(handler)


async def test_a_batch_is_posted_with_the_key_as_bearer() -> None:
    seen: list[httpx.Request] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"acceptedCount": 0, "rejectedCount": 0})

    assert await send_to(handler) == Answered(BatchAnswer(0, 0))
    assert str(seen[0].url) == "https://provider.test/api/v1/subaccounts/Sub&1/messages/batch"
    assert seen[0].method == "POST"
    assert seen[0].content == b'{"messages":[]}'
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert seen[0].headers["content-type"] == "application/json"


def test_a_sub_account_cannot_leave_its_place_in_the_path() -> None:
    endpoint = Endpoint("https://provider.test", "a/../b?c", SecretStr(KEY))
    assert endpoint.messages_url.endswith("/subaccounts/a%2F..%2Fb%3Fc/messages")


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("late"),
        httpx.PoolTimeout("busy"),
        httpx.LocalProtocolError("Illegal header value"),
        httpx.UnsupportedProtocol("ftp"),
    ],
)
async def test_errors_before_the_request_prove_that_it_was_not_processed(error: Exception) -> None:
    result = await fail(error)
    assert isinstance(result, NotSent)
    assert result.reason.startswith(type(error).__name__)


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("late"),
        httpx.ReadError("reset"),
        httpx.WriteTimeout("late"),
        httpx.WriteError("reset"),
        httpx.RemoteProtocolError("closed"),
        httpx.CloseError("closed"),
        httpx.ProxyError("no"),
        httpx.DecodingError("no"),
        httpx.TooManyRedirects("no"),
        OSError("a TLS error that httpx does not know"),
        ExceptionGroup("of a task group", [ValueError()]),
    ],
)
async def test_any_other_error_proves_nothing(error: Exception) -> None:
    assert await fail(error) == NoAnswer(type(error).__name__)


@pytest.mark.parametrize(
    "base_url",
    ["http://[::1", "http://a..b", "http://127.0.0.1:99999", "ftp://x", "no-scheme.test", ""],
)
async def test_an_address_that_cannot_be_called_is_not_sent_to(base_url: str) -> None:
    async with open_client() as http:
        endpoint = Endpoint(base_url, "sandbox", SecretStr(KEY))
        assert isinstance(await ChatAppsClient(http).send_many(endpoint, b"{}"), NotSent)


async def test_the_total_deadline_ends_a_request_without_an_answer() -> None:
    async def handler(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError("never reached")

    assert await send_to(handler, total_timeout=0.01) == NoAnswer("total deadline")


async def test_cancellation_passes_through() -> None:
    posting = asyncio.Event()

    async def handler(request: httpx.Request) -> httpx.Response:
        posting.set()
        await asyncio.Event().wait()
        raise AssertionError("never reached")

    task = asyncio.ensure_future(send_to(handler))
    await posting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class StubbornStream(httpx.AsyncByteStream):
    """A whole body, on a connection that fails to close."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"acceptedCount":1,"rejectedCount":0}'

    async def aclose(self) -> None:
        raise httpx.CloseError("reset")


async def test_a_whole_answer_counts_though_its_connection_fails_to_close() -> None:
    async def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=StubbornStream())

    assert await send_to(handler) == Answered(BatchAnswer(1, 0))


async def test_a_redirect_is_not_followed() -> None:
    async def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"Location": "https://elsewhere.test/"})

    assert await send_to(handler) == Refused(302)


async def test_a_refusal_tells_code_and_waiting_time() -> None:
    async def handler(request: httpx.Request) -> httpx.Response:
        body = {"code": 429, "errorId": "e-1"}
        return httpx.Response(429, headers={"Retry-After": "2"}, json=body)

    assert await send_to(handler) == Refused(429, 429, "e-1", 2.0)


async def test_an_answer_beyond_the_limit_is_dropped() -> None:
    async def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=b" " * 101)

    http = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    result = await ChatAppsClient(http, max_answer_bytes=100).send_many(ENDPOINT, b"{}")
    assert result == NoAnswer("HTTP 200, then more than 100 bytes")


async def test_the_key_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    quoting = await fail(httpx.LocalProtocolError(f"Illegal header value b'Bearer {KEY}'"))

    async def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, json={"code": 1200})

    client = client_of(handler)
    refused = await client.send_many(ENDPOINT, b"{}")
    assert KEY not in repr([quoting, refused, ENDPOINT, client]) + caplog.text


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel", "tab\t"])
def test_a_key_that_no_header_can_carry_is_refused_without_naming_it(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as refusal:
        Endpoint("https://provider.test", "sandbox", SecretStr(key))
    assert not key or key not in str(refusal.value)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (Refused(404, 1300), ProbeVerdict.READY),
        (Refused(401, 1200), ProbeVerdict.WRONG_KEY),
        (Refused(401), ProbeVerdict.WRONG_KEY),
        (Refused(403, 1200), ProbeVerdict.FORBIDDEN),
        (Refused(403, 1201), ProbeVerdict.FORBIDDEN),
        (Refused(400, 1001), ProbeVerdict.UNKNOWN_SUB_ACCOUNT),
        (Refused(429, 429), ProbeVerdict.THROTTLED),
        (NotSent("ConnectError"), ProbeVerdict.UNREACHABLE),
        (NoAnswer("ReadTimeout"), ProbeVerdict.UNREACHABLE),
        (Refused(404), ProbeVerdict.UNEXPECTED),
        (Refused(500, 2000), ProbeVerdict.UNEXPECTED),
        (Answered(BatchAnswer(0, 0)), ProbeVerdict.UNEXPECTED),
    ],
)
def test_a_probe_tells_what_is_wrong(result: Result, verdict: ProbeVerdict) -> None:
    assert judge_probe(result) is verdict


async def test_a_probe_sends_no_message() -> None:
    seen: list[httpx.Request] = []

    async def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(404, content=json.dumps({"code": 1300}))

    probe = await client_of(handler).probe(ENDPOINT)
    assert probe.verdict is ProbeVerdict.READY
    assert [request.method for request in seen] == ["GET"]
