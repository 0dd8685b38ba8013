"""Callers that mean no good, on real sockets: slow, endless, too many."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI

from config.settings import Settings
from sendmany.api.app import create_app
from sendmany.api.http_protocol import HEADER_BYTES, Bounds
from sendmany.api.webhooks.receiver import ROOM_BYTES
from store.access.tokens import Scope, Token, add_token, draw_token, token_text
from store.client import AsyncStore, Store
from tests.integration.api.given import served

WAIT = 20.0  # s; a slow machine is no failure


class Caller:
    """One connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def says(self, text: str) -> None:
        self.writer.write(text.encode())

    async def says_until_cut(self, piece: str, most: int) -> int:
        """Say the same again and again, so many times at most; gives how often it could be said."""
        for times in range(most):
            try:
                self.says(piece)
                await self.writer.drain()
            except ConnectionError:
                return times
        return most

    async def hears(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of an answer."""
        async with asyncio.timeout(WAIT):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.strip().split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in lines[1:])
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return int(lines[0].split()[1]), headers, body

    async def is_closed(self) -> bool:
        """Wait until the other side has closed."""
        async with asyncio.timeout(WAIT):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True


@asynccontextmanager
async def caller(port: int) -> AsyncIterator[Caller]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Caller(reader, writer)
    finally:
        writer.close()


@pytest.fixture
def token(store: Store) -> str:
    id, secret = draw_token()
    scopes = frozenset(Scope)
    store.run(add_token(Token(id, "shop", scopes, frozenset()), secret))
    return token_text(id, secret)


@asynccontextmanager
async def application(server: str, **web: object) -> AsyncIterator[FastAPI]:
    store = AsyncStore.connect(server)
    app = create_app(Settings(web=web), store, lambda: None)

    @app.post("/v1/try")
    async def try_it(body: list[str]) -> int:
        return len(body)

    yield app
    await store.close()


def _post(token: str, *headers: str, path: str = "/v1/try") -> str:
    lines = (
        f"POST {path} HTTP/1.1", "Host: api.test", f"Authorization: Bearer {token}",
        "Content-Type: application/json", *headers,
    )  # fmt: skip
    return "\r\n".join(lines) + "\r\n\r\n"


async def test_an_oversize_body_is_refused_by_its_header_before_it_comes(
    server: str, token: str
) -> None:
    async with (
        application(server, max_body_bytes=1000) as app,
        served(app) as port,
        caller(port) as one,
    ):
        one.says(_post(token, "Content-Length: 1001"))
        status, headers, body = await one.hears()
        assert (status, headers["connection"]) == (413, "close")
        assert json.loads(body)["detail"] == "The body is too large: at most 1000 bytes are taken."
        assert await one.is_closed()


async def test_an_endless_body_is_cut_off_and_holds_no_memory(server: str, token: str) -> None:
    piece = "10000\r\n" + " " * 65536 + "\r\n"
    async with (
        application(server, max_body_bytes=1 << 20) as app,
        served(app) as port,
        caller(port) as one,
    ):
        tracemalloc.start()
        one.says(_post(token, "Transfer-Encoding: chunked"))
        sent, answer = 0, asyncio.create_task(one.hears())
        while not answer.done():
            one.says(piece)
            sent += 65536
            try:
                await asyncio.wait_for(one.writer.drain(), 0.05)
            except (TimeoutError, ConnectionError):
                await asyncio.wait([answer], timeout=WAIT)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (await answer)[0] == 413
        assert peak < 8 << 20
        assert sent < 16 << 20


async def test_a_body_that_drips_is_answered_408(server: str, token: str) -> None:
    async with (
        application(server, body_seconds=0.3) as app,
        served(app) as port,
        caller(port) as one,
    ):
        one.says(_post(token, "Content-Length: 100"))
        answer = asyncio.create_task(one.hears())
        while not answer.done():
            one.says(" ")
            await asyncio.wait([answer], timeout=0.02)
        status, headers, _ = await answer
        assert (status, headers["connection"]) == (408, "close")
        assert await one.is_closed()


async def test_headers_that_drip_end_the_connection(server: str, token: str) -> None:
    async with (
        application(server) as app,
        served(app, Bounds(header_seconds=0.3)) as port,
        caller(port) as silent,
        caller(port) as slow,
    ):
        closed = [asyncio.create_task(one.is_closed()) for one in (silent, slow)]
        slow.says("GET /healthz HTTP/1.1\r\nHost: api.test\r\n")
        while not closed[1].done():
            slow.says("X-Slow: 1\r\n")
            await asyncio.wait(closed, timeout=0.02)
        assert await closed[0]
        assert await closed[1]


@pytest.mark.parametrize("start", ["GET /", "GET /healthz HTTP/1.1\r\nX-Long: "])
async def test_headers_may_be_so_long_and_no_longer(server: str, token: str, start: str) -> None:
    async with application(server) as app, served(app) as port, caller(port) as one:
        one.says(start.ljust(HEADER_BYTES, "x"))
        await one.writer.drain()
        one.says("x")
        status, headers, body = await one.hears()
        assert (status, headers["connection"]) == (431, "close")
        assert headers["content-type"] == "application/problem+json"
        said = json.loads(body)["detail"]
        assert said == "The headers are too large: at most 65536 bytes are taken."
        assert await one.is_closed()


async def test_what_is_just_not_too_long_is_served_on_each_request(server: str, token: str) -> None:
    start, end = "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: ", "\r\n\r\n"
    async with application(server) as app, served(app) as port, caller(port) as one:
        for _ in range(3):
            one.says(start.ljust(HEADER_BYTES - len(end), "x") + end)
            assert (await one.hears())[0] == 200


@pytest.mark.parametrize(
    "start",
    [
        "GET /healthz HTTP/1.1\r\nX-Endless: ",
        "POST /v1/try HTTP/1.1\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer TOKEN\r\n\r\n"
        "1\r\n[\r\n0\r\nX-Trailer: ",
    ],
    ids=["a header", "a trailer"],
)
async def test_an_endless_header_is_cut_off_and_holds_no_memory(
    server: str, token: str, start: str
) -> None:
    async with application(server) as app, served(app) as port, caller(port) as one:
        tracemalloc.start()
        one.says(start.replace("TOKEN", token))
        times = await one.says_until_cut("x" * 65536, 256)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert times < 256
        assert peak < 8 << 20


async def test_a_large_body_is_none_of_the_headers(server: str, token: str) -> None:
    body = json.dumps(["x" * 1000] * 1000)
    async with application(server) as app, served(app) as port, caller(port) as one:
        for _ in range(2):
            path = "/v1/messages/batch"
            one.says(_post(token, f"Content-Length: {len(body)}", path=path) + body)
            assert (await one.hears())[0] == 422


async def test_a_second_request_on_the_connection_has_its_own_time(server: str, token: str) -> None:
    async with (
        application(server) as app,
        served(app, Bounds(header_seconds=0.3)) as port,
        caller(port) as one,
    ):
        for _ in range(2):
            one.says("GET /healthz HTTP/1.1\r\nHost: api.test\r\n\r\n")
            assert (await one.hears())[0] == 200
        one.says("GET /healthz HTTP/1.1\r\nHost: ")
        assert await one.is_closed()


async def test_a_forged_webhook_is_refused_and_both_secrets_of_a_change_are_taken(
    server: str, store: Store
) -> None:
    settings = Settings(webhooks={"authorization": ["Bearer old-7", "Bearer new-8"]})
    app = create_app(settings, AsyncStore.connect(server), lambda: None)
    async with app.router.lifespan_context(app), served(app) as port, caller(port) as one:
        statuses = []
        for header in ("Bearer old-7", "Bearer new-8", "Bearer other", "Bearer old-77", ""):
            one.says(
                "POST /webhooks HTTP/1.1\r\nHost: hooks.test\r\nContent-Length: 2\r\n"
                f"Authorization: {header}\r\n\r\n{{}}"
            )
            status, headers, body = await one.hears()
            statuses.append(status)
            assert headers["x-content-type-options"] == "nosniff"
            assert b"old-7" not in body
    assert statuses == [200, 200, 401, 401, 401]
    assert app.state.raw_routes["/webhooks"].room == ROOM_BYTES


async def test_without_an_authorization_there_is_no_way_in_for_webhooks(
    server: str, store: Store
) -> None:
    async with application(server) as app, served(app) as port, caller(port) as one:
        one.says("POST /webhooks HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        assert (await one.hears())[0] == 404


async def test_a_full_server_is_not_ready_but_alive(server: str, store: Store) -> None:
    async with application(server) as app, served(app) as port, caller(port) as one:
        store.client.config_set("maxmemory", "1mb")
        try:
            one.says("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
            status, _, body = await one.hears()
        finally:
            store.client.config_set("maxmemory", "0")
        assert (status, json.loads(body)) == (503, {"redis": True, "scripts": True, "room": False})
        one.says("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await one.hears())[0] == 200
