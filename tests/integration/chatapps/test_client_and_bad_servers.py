"""The client against servers on the loopback that misbehave in every way we could think of."""

import asyncio
import contextlib
import gzip
import json
import socket
import struct
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from pydantic import SecretStr

from chatapps.client import ChatAppsClient, Endpoint, Timeouts, open_client
from chatapps.responses import Answered, NoAnswer, NotSent, Refused, Result

GOOD = json.dumps(
    {
        "batchId": "b",
        "acceptedCount": 1,
        "rejectedCount": 0,
        "messages": [{"clientMessageId": "spring.0.1", "umid": "u", "status": {"state": "queued"}}],
    }
).encode()
SOON = Timeouts(connect=2, pool=0.1, write=2, read=0.3, total=0.6)

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def server_of(handler: Handler) -> AsyncIterator[Endpoint]:
    """A server of this handler; what the client does to its connections is not its concern."""

    running: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                await handler(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Endpoint(f"http://127.0.0.1:{port}", "sandbox", SecretStr("k"))
    finally:
        server.close()
        for task in filter(None, running):
            task.cancel()
        await asyncio.gather(*filter(None, running), return_exceptions=True)


async def send(
    handler: Handler, timeouts: Timeouts = SOON, body: bytes = b'{"messages":[]}'
) -> Result:
    async with server_of(handler) as endpoint, open_client(timeouts) as http:
        client = ChatAppsClient(http, total_timeout=timeouts.total)
        return await client.send_many(endpoint, body)


async def read_request(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split()[0])
    await reader.readexactly(length)


def head(status: int, length: int | None, *lines: str) -> bytes:
    parts = [f"HTTP/1.1 {status} X", "Content-Type: application/json", *lines]
    if length is not None:
        parts.append(f"Content-Length: {length}")
    return "\r\n".join([*parts, "", ""]).encode()


def replying(*chunks: bytes, then: Callable[[asyncio.StreamWriter], None] | None = None) -> Handler:
    """Reads each request, answers with these bytes, and then stays silent or does as told."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
            if then is not None:
                return then(writer)

    return handler


def reset(writer: asyncio.StreamWriter) -> None:
    """Drop the connection with a RST."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def close(writer: asyncio.StreamWriter) -> None:
    """Drop the connection with a FIN."""
    writer.close()


def dripping(start: bytes) -> Handler:
    """Sends the start at once, and then a space now and then, for ever."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(start)
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)  # the misbehaviour itself: less than any read timeout

    return handler


async def test_a_good_answer_is_read() -> None:
    result = await send(replying(head(200, len(GOOD)), GOOD))
    assert isinstance(result, Answered)
    assert result.answer.messages[0].client_message_id == "spring.0.1"


async def test_a_chunked_and_compressed_answer_is_read() -> None:
    packed = gzip.compress(GOOD)
    chunked = b"".join(b"1\r\n%c\r\n" % byte for byte in packed) + b"0\r\n\r\n"
    lines = ("Content-Encoding: gzip", "Transfer-Encoding: chunked")
    assert isinstance(await send(replying(head(200, None, *lines), chunked)), Answered)


async def test_an_informational_answer_is_waited_through() -> None:
    early = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    assert isinstance(await send(replying(early, head(200, len(GOOD)), GOOD)), Answered)


async def test_a_connection_that_did_well_is_used_again() -> None:
    connections = 0
    answer = replying(head(200, len(GOOD)), GOOD)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await answer(reader, writer)

    async with server_of(handler) as endpoint, open_client(SOON) as http:
        client = ChatAppsClient(http)
        for _ in range(3):
            assert isinstance(await client.send_many(endpoint, b"{}"), Answered)
    assert connections == 1


async def test_a_refused_connection_is_proof_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    async with open_client(SOON) as http:
        endpoint = Endpoint(f"http://127.0.0.1:{port}", "sandbox", SecretStr("k"))
        assert isinstance(await ChatAppsClient(http).send_many(endpoint, b"{}"), NotSent)


async def test_a_request_that_got_no_connection_was_not_sent() -> None:
    async with server_of(replying()) as endpoint, open_client(SOON, connections=1) as http:
        client = ChatAppsClient(http, total_timeout=5)
        results = await asyncio.gather(*(client.send_many(endpoint, b"{}") for _ in range(2)))
    assert {type(result) for result in results} == {NoAnswer, NotSent}
    assert NotSent("PoolTimeout") in results


@pytest.mark.parametrize("end", [reset, close])
async def test_a_connection_lost_before_the_request_was_read_proves_nothing(
    end: Callable[[asyncio.StreamWriter], None],
) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end(writer)

    assert isinstance(await send(handler, body=b" " * 2_000_000), NoAnswer)


@pytest.mark.parametrize("end", [reset, close])
async def test_a_connection_lost_after_the_request_was_read_proves_nothing(
    end: Callable[[asyncio.StreamWriter], None],
) -> None:
    assert isinstance(await send(replying(then=end)), NoAnswer)


@pytest.mark.parametrize("end", [reset, close])
async def test_a_truncated_answer_proves_nothing(
    end: Callable[[asyncio.StreamWriter], None],
) -> None:
    handler = replying(head(200, len(GOOD)), GOOD[:-5], then=end)
    assert isinstance(await send(handler), NoAnswer)


async def test_a_server_that_never_answers_is_left_at_the_read_timeout() -> None:
    assert await send(replying()) == NoAnswer("ReadTimeout")


@pytest.mark.timing
async def test_a_server_that_never_reads_is_left_at_a_timeout() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()  # reading pauses by itself when 128 KiB are waiting

    timeouts = replace(SOON, write=0.2)
    assert await send(handler, timeouts, body=b" " * 30_000_000) == NoAnswer("WriteTimeout")


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 O", head(200, 1_000_000)])
async def test_an_answer_that_drips_is_left_at_the_total_deadline(start: bytes) -> None:
    result = await send(dripping(start))
    assert isinstance(result, NoAnswer)
    assert result.reason.endswith("total deadline")


async def test_a_refusal_counts_though_its_body_never_ends() -> None:
    start = head(429, 1_000_000, "Retry-After: 3")
    assert await send(dripping(start)) == Refused(429, retry_after=3.0)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x00" * 1000,
        head(200, 9) + b"<html>ok>",
        head(200, 2) + b"{}",
        head(200, 0),
        head(204, None),
        head(200, 8, "Content-Encoding: gzip") + b"not gzip",
        head(200, 30, "Content-Encoding: gzip") + gzip.compress(GOOD)[:30],
        head(200, 3, "Content-Encoding: br") + b"\x8b\x02\x80",
        head(200, None, "Transfer-Encoding: chunked") + b"zz\r\n",
        head(200, None, *(f"X-{n}: {'x' * 1000}" for n in range(200))),
        head(302, 0, "Location: http://[::1"),
        head(408, 0),
        head(101, None, "Upgrade: x", "Connection: upgrade"),
    ],
    ids=[
        *("ssh", "zeros", "html", "not-a-batch", "empty", "no-content", "bad-gzip", "cut-gzip"),
        *("brotli", "bad-chunks", "headers", "bad-redirect", "time-out", "upgrade"),
    ],
)
async def test_an_answer_that_cannot_be_read_proves_nothing(answer: bytes) -> None:
    assert isinstance(await send(replying(answer, then=close)), NoAnswer)


@pytest.mark.parametrize("compressed", [False, True])
async def test_a_huge_answer_costs_bounded_memory(compressed: bool) -> None:
    piece, pieces = b" " * 100_000, 1000
    body = [gzip.compress(piece * pieces, 1)] if compressed else [piece] * pieces
    lines = ("Content-Encoding: gzip",) if compressed else ()
    answer = head(200, sum(map(len, body)), *lines)
    tracemalloc.start()
    try:
        result = await send(replying(answer, *body, then=close), Timeouts())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert isinstance(result, NoAnswer)
    assert peak < 40_000_000


@pytest.mark.parametrize(
    ("lines", "wait"),
    [
        ((), None),
        (("Retry-After: 2",), 2.0),
        (("Retry-After: 86400000",), 86_400_000.0),
        (("Retry-After: whenever",), None),
        (
            (
                "Date: Fri, 15 Jan 2027 08:00:00 GMT",
                "Retry-After: Fri, 15 Jan 2027 08:00:07 GMT",
            ),
            7.0,
        ),
    ],
)
async def test_too_many_requests_is_a_refusal_in_each_of_its_forms(
    lines: tuple[str, ...], wait: float | None
) -> None:
    assert await send(replying(head(429, 2, *lines), b"{}")) == Refused(429, retry_after=wait)


async def test_a_refusal_in_the_middle_of_the_upload_is_heard() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head(413, 13, "Connection: close") + b'{"code":7001}')
        writer.write_eof()
        while await reader.read(1 << 20):
            pass

    assert await send(handler, body=b" " * 2_000_000) == Refused(413, 7001)


async def test_a_cancelled_request_ends_at_once_and_frees_its_connection() -> None:
    arrived = asyncio.Event()
    left = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await reader.read()
        left.set()

    async with server_of(handler) as endpoint, open_client(Timeouts()) as http:
        task = asyncio.ensure_future(ChatAppsClient(http).send_many(endpoint, b"{}"))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(left.wait(), 5)
