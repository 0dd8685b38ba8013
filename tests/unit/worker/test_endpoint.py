"""Endpoints: which URLs and addresses may be sent to, and what is made of their answers."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from worker.endpoint import BadEndpoint, check_url, is_public, open_http, post

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.1.2.3", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1",
        "2002:7f00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "::127.0.0.1", "::a00:1",
        "::ffff:0:127.0.0.1", "fec0::1", "5f00::1", "192.0.0.8", "100::1", "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_are_not(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/", "https://example.com:8080/", "https://me:pw@example.com/",
        "https://example.com/#a", "ftp://example.com/", "https:///path", "https://exa mple.com/",
        "https://example.com:x/", "https://" + "a" * 500, "https://ex\u00e4mple.com/", "http://h:80/",
    ],
)  # fmt: skip
def test_urls_that_break_a_rule_are_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(BadEndpoint, match=r"\.$"):
        check_url(url, ["hooks.internal:9000"])


@pytest.mark.parametrize(
    "url", ["https://example.com/a?b=c", "https://example.com:8443/", "http://hooks.internal:9000/"]
)
def test_others_are_taken(url: str) -> None:
    assert check_url(url, ["hooks.internal:9000"]).hostname


@asynccontextmanager
async def endpoint(handler: Handler) -> AsyncIterator[int]:
    """A server on a port of its own."""
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def answering(text: str) -> Handler:
    """Reads the request and answers."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text.replace("\n", "\r\n").encode())
        writer.close()

    return handle


async def test_an_address_that_is_not_public_is_not_connected_to() -> None:
    connected: list[bool] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.append(True)
        writer.close()

    async with endpoint(handle) as port, open_http() as http:
        for host in ("localhost", "127.0.0.1", "[::ffff:127.0.0.1]"):
            answer = await post(http, f"https://{host}:8443/", {}, b"")
            assert (answer.status, answer.ok) == (0, False)
            assert "not public" in answer.words
        answer = await post(http, f"http://localhost:{port}/", {}, b"", [f"localhost:{port}"])
        assert answer.words.startswith("no answer")
    assert connected == [True]


@pytest.mark.parametrize(
    ("text", "status", "wait"),
    [
        ("HTTP/1.1 204 No Content\n\n", 204, 0),
        ("HTTP/1.1 302 Found\nLocation: http://127.0.0.1:1/\n\n", 302, 0),
        ("HTTP/1.1 503 Unavailable\nRetry-After: 120\n\n", 503, 120),
        ("HTTP/1.1 503 Unavailable\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\n\n", 503, 0),
        ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n" + "5\nhello\n" * 50_000, 200, 0),
    ],
)
async def test_only_the_status_is_read_and_no_redirect_followed(
    text: str, status: int, wait: float
) -> None:
    async with endpoint(answering(text)) as port, open_http() as http:
        url, trusted = f"http://localhost:{port}/hook", [f"localhost:{port}"]
        answer = await post(http, url, {}, b"{}", trusted)
    assert (answer.status, answer.retry_after) == (status, wait)


async def test_an_endpoint_that_never_answers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.endpoint.TOTAL_SECONDS", 0.05)
    hung = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hung.wait()
        writer.close()

    async with endpoint(handle) as port, open_http() as http:
        answer = await post(http, f"http://localhost:{port}/", {}, b"", [f"localhost:{port}"])
        hung.set()
    assert answer.status == 0
    assert answer.words.startswith("no answer")
