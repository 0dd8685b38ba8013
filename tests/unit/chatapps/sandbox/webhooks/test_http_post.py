"""A post over HTTP, against servers that behave and servers that do not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from chatapps.sandbox.webhooks.http_post import HttpPost

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HEADERS = {"Authorization": "Bearer winter-7"}


class Server:
    """Answers each request with what it was told to, on as many connections as come."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = ""

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while head := await _until_blank_line(reader):
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(length))
            writer.write(self.answers.pop(0))
            await writer.drain()
            if not self.answers:
                break
        writer.close()


async def _until_blank_line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


@asynccontextmanager
async def listening(*answers: bytes) -> AsyncIterator[Server]:
    server = Server(*answers)
    async with await asyncio.start_server(server.handle, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        server.url = f"http://127.0.0.1:{port}"
        yield server


Poster = Callable[[str], Awaitable[int]]


@pytest.fixture
async def post() -> AsyncIterator[Poster]:
    """Posts `{}` to an address."""
    client = HttpPost(0.3)
    yield lambda url: client(url, HEADERS, b"{}")
    await client.close()


async def test_a_request_is_what_a_server_expects(post: Poster) -> None:
    async with listening(GOOD) as server:
        assert await post(f"{server.url}/webhooks?a=b") == 200
    assert server.requests == [
        b"POST /webhooks?a=b HTTP/1.1\r\n"
        + f"Host: {server.url[7:]}\r\n".encode()
        + b"Authorization: Bearer winter-7\r\nContent-Length: 2\r\n\r\n{}"
    ]


async def test_a_connection_is_used_again(post: Poster) -> None:
    async with listening(GOOD, GOOD, GOOD) as server:
        assert [await post(server.url) for _ in range(3)] == [200, 200, 200]
        assert server.connections == 1


async def test_a_connection_is_not_used_again_when_the_server_closes_it(post: Poster) -> None:
    closing = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
    async with listening(closing, GOOD) as server:
        assert [await post(server.url) for _ in range(2)] == [204, 200]
        assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", 503),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", 200),
        (b"HTTP/1.0 401 Unauthorized\r\n\r\n", 401),
    ],
)
async def test_every_form_of_an_answer_is_understood(
    post: Poster, answer: bytes, status: int
) -> None:
    async with listening(answer) as server:
        assert await post(server.url) == status


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 2", b"what?\r\n\r\n", b"\x00\xff"])
async def test_what_is_no_answer_is_an_error(post: Poster, answer: bytes) -> None:
    async with listening(answer) as server:
        with pytest.raises(OSError, match=r"closed|not HTTP"):
            await post(server.url)


async def test_an_answer_that_does_not_come_is_an_error(post: Poster) -> None:
    async with listening(b"", GOOD) as server:
        with pytest.raises(TimeoutError):
            await post(server.url)


async def test_nobody_there_is_an_error(post: Poster) -> None:
    async with listening(GOOD) as server:
        url = server.url
    with pytest.raises(OSError, match="Connect"):
        await post(url)


@pytest.mark.parametrize("url", ["", "hooks.test", "ftp://hooks.test", "http://a:port/", "http://"])
async def test_an_address_that_makes_no_sense_is_an_error(post: Poster, url: str) -> None:
    with pytest.raises(ValueError, match=r"address|[Pp]ort"):
        await post(url)
