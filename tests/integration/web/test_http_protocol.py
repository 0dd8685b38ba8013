"""The server of the HTTP API: HTTP/1.1 as callers speak it, and bounds for those that mean no good."""

import asyncio
import socket
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

from sendmany.api import http_protocol
from sendmany.api.http_protocol import HEADER_BYTES, MOST_WAITING, Bounds, Connection
from sendmany.api.server import Server
from tests.integration.api.given import serving

WAIT = 20.0  # s; a slow machine is no failure
Ask = Callable[..., Any]


class Hook:
    """A raw route that keeps what it is given, and answers when it is told to."""

    most_bytes = 1000
    body_seconds = 0.3
    method = b"POST"

    def __init__(self) -> None:
        self.room = 5000
        self.taken: list[bytes] = []
        self.replies: list[Callable[[int, bytes], None]] = []
        self.statuses: list[int] = []
        self.at_once = True

    def check(self, method: bytes, headers: list[tuple[bytes, bytes]]) -> int | None:
        return None if (b"authorization", b"yes") in headers else 401

    def take(self, body: bytes, reply: Callable[[int, bytes], None]) -> None:
        self.taken.append(body)
        self.replies.append(reply)
        if self.at_once:
            reply(200, b"")

    def refuse(self, status: int) -> bytes:
        return b'{"error":"no"}'

    def answered(self, status: int, seconds: float) -> None:
        self.statuses.append(status)


class Way:
    """A shortcut that leaves bodies with an `o` to the application, and answers others when told to."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.replies: list[Callable[[int, bytes, list[tuple[bytes, bytes]]], None]] = []
        self.at_once = True

    def wants(self, headers: list[tuple[bytes, bytes]]) -> bool:
        return (b"expect", b"100-continue") not in headers

    def take(self, headers: list[tuple[bytes, bytes]], body: bytes, reply: Any) -> bool:
        if b"o" in body:
            return False
        self.taken.append(body)
        self.replies.append(reply)
        if self.at_once:
            reply(202, b'{"id":1}', [(b"x-more", b"a")])
        return True


class App:
    """An ASGI application with one behaviour a path."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[str] = []
        self.gate = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        self.started.append(path)
        try:
            await getattr(self, path.split("/")[1], self.other)(scope, receive, send)
        finally:
            self.ended.append(path)

    async def other(self, scope: Any, receive: Any, send: Any) -> None:
        query = scope["query_string"].decode()
        text = f"{scope['method']} {scope['path']} {query} {scope['http_version']}"
        await answer(send, 200, text.encode())

    async def refused(self, scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 401, b"no")

    async def echo(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        await answer(send, 200, body)

    async def waits(self, scope: Any, receive: Any, send: Any) -> None:
        await self.gate.wait()
        await answer(send, 200, b"at last")

    async def leaves(self, scope: Any, receive: Any, send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def pieces(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one ", b"", b"two"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    async def endless(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while not self.gate.is_set():  # until the test ends
            piece = {"type": "http.response.body", "body": b"x" * 65536, "more_body": True}
            await asyncio.wait_for(send(piece), WAIT)
            await asyncio.sleep(0)

    async def breaks(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("+447700900123")

    async def short(self, scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 200, b"half", [(b"content-length", b"10")])

    async def split(self, scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 200, b"", [(b"x-a", b"1\r\nx-b: 2")])

    async def nothing(self, scope: Any, receive: Any, send: Any) -> None:
        await answer(send, 204, b"")


async def answer(send: Any, status: int, body: bytes, headers: Any = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


class Stage:
    """A server, what it serves, and connections to it."""

    def __init__(self, bounds: Bounds) -> None:
        self.app, self.hook, self.way = App(), Hook(), Way()
        raw, short = {"/hook": self.hook}, {"/echo/short": self.way}
        self.server = Server(self.app, bounds, raw, {"X-Kept": "yes"}, short)
        self.port = 0

    async def ask(self, *pieces: bytes) -> bytes:
        """All that is answered until the connection is closed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            async with asyncio.timeout(WAIT):
                return await reader.read()
        finally:
            writer.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that the server does."""
        async with asyncio.timeout(WAIT):
            while not condition():  # noqa: ASYNC110 (nothing tells when the server has done it)
                await asyncio.sleep(0.005)

    @property
    def connections(self) -> set[Connection]:
        return self.server._connections


@asynccontextmanager
async def stage(**bounds: Any) -> AsyncIterator[Stage]:
    """A server with these bounds."""
    there = Stage(Bounds(**bounds))
    async with serving(there.server) as there.port:
        yield there
        there.app.gate.set()


def request(path: str = "/x", *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    """The head of a request."""
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: a", *headers, "", ""]).encode()


LAST = "Connection: close"


def split(answers: bytes) -> list[tuple[int, dict[bytes, bytes], bytes]]:
    """The answers of a connection, each with its status, headers and body."""
    found = []
    while answers:
        head, _, answers = answers.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        headers = {k: v for k, _, v in (line.partition(b": ") for line in lines[1:])}
        length = int(headers.get(b"content-length", 0))
        found.append((int(lines[0].split()[1]), headers, answers[:length]))
        answers = answers[length:]
    return found


# HTTP as callers speak it


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("/a%20b/%C3%A9?c=%20d", "/a b/é c=%20d"),
        ("http://a.test/b?c=d", "/b c=d"),
        ("/b?", "/b "),
        ("//b", "//b "),
        ("/b?c?d", "/b c?d"),
    ],
)
async def test_a_target_is_read_as_path_and_query(target: str, told: str) -> None:
    async with stage() as there:
        ((status, headers, body),) = split(await there.ask(request(target, LAST)))
    assert (status, body.decode()) == (200, f"GET {told} 1.1")
    assert headers[b"connection"] == b"close"
    assert headers[b"date"].endswith(b" GMT")


async def test_requests_that_come_at_once_are_answered_in_their_order() -> None:
    paths = [f"/x/{n}" for n in range(500)]
    sent = b"".join(request(path) for path in paths[:-1]) + request(paths[-1], LAST)
    async with stage() as there:
        answers = split(await there.ask(sent))
    assert [body.split()[1].decode() for _, _, body in answers] == paths
    assert {status for status, _, _ in answers} == {200}


async def test_bodies_that_come_at_once_are_told_apart() -> None:
    bodies = [b"%d" % n * 700 for n in range(20)]
    sent = b"".join(
        request("/echo", f"Content-Length: {len(body)}", method="POST") + body for body in bodies
    )
    async with stage() as there:
        answers = split(await there.ask(sent + request("/x", LAST)))
    assert [body for _, _, body in answers[:-1]] == bodies


@pytest.mark.parametrize("size", [1, 7, 1024, 4096])
async def test_it_does_not_matter_in_which_pieces_a_request_comes(size: int) -> None:
    body = b"abcdefghij" * 500
    chunks = b"".join(b"%x\r\n%b\r\n" % (10, body[n : n + 10]) for n in range(0, 5000, 10))
    whole = request("/echo", "Transfer-Encoding: chunked", method="POST") + chunks
    whole += b"0\r\nX-After: 1\r\n\r\n" + request("/x", LAST)
    step = max(size, len(whole) // 2000)
    async with stage() as there:
        answers = split(await there.ask(*(whole[n : n + step] for n in range(0, len(whole), step))))
    assert [one[2] for one in answers] == [body, b"GET /x  1.1"]


async def test_an_answer_without_a_length_goes_out_in_chunks() -> None:
    async with stage() as there:
        answered = await there.ask(request("/pieces"), request("/x", LAST))
        old = await there.ask(request("/pieces", version="1.0"))
    head, _, rest = answered.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head
    assert rest.startswith(b"4\r\none \r\n3\r\ntwo\r\n0\r\n\r\nHTTP/1.1 200 OK")
    assert old.endswith(b"connection: close\r\n\r\none two")


async def test_an_answer_without_a_body_has_none() -> None:
    async with stage() as there:
        answered = await there.ask(
            request("/x", method="HEAD"), request("/nothing"), request("/x", LAST)
        )
    head, nothing, last = answered.split(b"\r\n\r\n", 2)
    assert b"content-length: 12" in head
    assert nothing.startswith(b"HTTP/1.1 204 No Content")
    assert last.endswith(b"GET /x  1.1")


@pytest.mark.parametrize("path", ["/echo", "/hook"])
async def test_who_asks_whether_to_go_on_is_told_so(path: str) -> None:
    expects = ("Expect: 100-continue", "Content-Length: 2", "Authorization: yes", LAST)
    async with stage() as there:
        reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
        writer.write(request(path, *expects, method="POST"))
        async with asyncio.timeout(WAIT):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"ok")
            assert [one[0] for one in split(await reader.read())] == [200]
        writer.close()


async def test_who_asks_whether_to_go_on_is_refused_at_once_where_the_body_is_not_wanted() -> None:
    expects = ("Expect: 100-continue", "Content-Length: 2")
    async with stage() as there:
        refused = await there.ask(request("/refused", *expects, method="POST"))
    assert [one[0] for one in split(refused)] == [401]


@pytest.mark.parametrize(
    "headers", [("Connection: Upgrade", "Upgrade: h2c"), ("Connection: close",)]
)
async def test_what_follows_the_last_request_is_not_looked_at(headers: tuple[str, ...]) -> None:
    async with stage() as there:
        answers = split(await there.ask(request("/x", *headers) + request("/y")))
        assert [one[2] for one in answers] == [b"GET /x  1.1"]
        assert answers[0][1][b"connection"] == b"close"


async def test_what_cannot_be_read_is_told_after_what_could_be() -> None:
    async with stage() as there:
        answers = split(await there.ask(request("/x") + b"hello\r\n\r\n" + request("/y")))
    assert [one[0] for one in answers] == [200, 400]


async def test_a_body_that_cannot_be_read_ends_its_request() -> None:
    async with stage() as there:
        reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
        writer.write(request("/echo", "Transfer-Encoding: chunked", method="POST"))
        await there.until(lambda: there.app.started == ["/echo"])
        writer.write(b"zz\r\n")
        assert [one[0] for one in split(await reader.read())] == [400]
        await there.until(lambda: there.app.ended == ["/echo"])
        writer.close()


@pytest.mark.parametrize("path", ["/breaks", "/short", "/split"])
async def test_an_answer_that_is_not_whole_does_not_end_like_one_that_is(path: str) -> None:
    async with stage() as there:
        with capture_logs() as logs:
            answered = await there.ask(request(path))
    assert not answered.endswith(b"0\r\n\r\n")
    assert b"x-b" not in answered
    assert "4477009" not in str(logs)


async def test_the_application_is_told_of_a_caller_who_leaves() -> None:
    async with stage() as there:
        _, writer = await asyncio.open_connection("127.0.0.1", there.port)
        writer.write(request("/leaves"))
        await there.until(lambda: there.app.started == ["/leaves"])
        writer.close()
        await there.until(lambda: there.app.ended == ["/leaves"])


async def test_a_server_that_is_told_to_stop_ends_what_is_under_way() -> None:
    there = Stage(Bounds())
    async with serving(there.server) as there.port:
        idle, idle_writer = await asyncio.open_connection("127.0.0.1", there.port)
        busy, busy_writer = await asyncio.open_connection("127.0.0.1", there.port)
        busy_writer.write(request("/waits"))
        await there.until(lambda: there.app.started == ["/waits"])
        asyncio.get_running_loop().call_later(0.3, there.app.gate.set)
    ((status, headers, body),) = split(await busy.read())
    assert (status, headers[b"connection"], body) == (200, b"close", b"at last")
    assert await idle.read() == b""
    idle_writer.close()
    busy_writer.close()


# Raw routes


async def test_a_raw_route_is_given_whole_bodies_and_answers_later() -> None:
    head = request("/hook", "Authorization: yes", "Content-Length: 900", method="POST")
    async with stage() as there:
        there.hook.at_once = False
        asking = asyncio.create_task(there.ask(head, b"x" * 500, b"x" * 400 + request("/y", LAST)))
        await there.until(lambda: len(there.hook.replies) == 1)
        assert there.hook.room < 5000
        there.hook.replies[0](503, b'{"error":"away"}')
        answers = split(await asking)
    assert there.hook.taken == [b"x" * 900]
    assert [one[0] for one in answers] == [503, 200]
    assert answers[0][1][b"x-kept"] == b"yes"
    assert (there.hook.room, there.hook.statuses) == (5000, [503])


async def test_a_raw_route_is_given_bodies_that_are_larger_than_what_is_read_ahead() -> None:
    size = 4 * http_protocol.BODY_AHEAD_BYTES
    head = request("/hook", "Authorization: yes", f"Content-Length: {size}", LAST, method="POST")
    async with stage() as there:
        there.hook.most_bytes, there.hook.room = size, 2 * size
        answers = split(await there.ask(head, b"x" * size))
    assert ([one[0] for one in answers], there.hook.taken) == ([200], [b"x" * size])


async def test_a_raw_route_that_answers_whom_has_left_harms_nothing() -> None:
    head = request("/hook", "Authorization: yes", "Content-Length: 2", method="POST")
    async with stage() as there:
        there.hook.at_once = False
        _, writer = await asyncio.open_connection("127.0.0.1", there.port)
        writer.write(head + b"{}")
        await there.until(lambda: len(there.hook.replies) == 1)
        writer.close()
        await there.until(lambda: not there.connections)
        there.hook.replies[0](200, b"")
        assert there.hook.room == 5000


@pytest.mark.parametrize("coding", ["Content-Length: 2000", "Transfer-Encoding: chunked"])
async def test_a_raw_route_is_spared_bodies_that_are_too_large_or_do_not_come(coding: str) -> None:
    head = request("/hook", "Authorization: yes", coding, method="POST")
    async with stage() as there:
        large = await there.ask(head, b"7d0\r\n" + b"x" * 1100)
        slow = await there.ask(head, b"7d0\r\n")
        assert there.hook.room == 5000
    assert [split(one)[0][0] for one in (large, slow)] == [413, 408]
    assert split(slow)[0][1][b"connection"] == b"close"
    assert there.hook.taken == []


async def test_bodies_for_a_raw_route_have_so_much_room_together() -> None:
    head = request("/hook", "Authorization: yes", "Content-Length: 1000", method="POST")
    async with stage() as there:
        writers = []
        for _ in range(3):
            _, writer = await asyncio.open_connection("127.0.0.1", there.port)
            writer.write(head + b"x" * 600)
            writers.append(writer)
        await there.until(lambda: there.hook.room < 1000)
        refused = await there.ask(head, b"x" * 600)
        for writer in writers:
            writer.close()
        await there.until(lambda: there.hook.room == 5000)
        taken = await there.ask(request("/hook", "Authorization: yes", LAST, method="POST"))
    assert [split(one)[0][0] for one in (refused, taken)] == [503, 200]


async def test_a_refusal_of_a_raw_route_comes_before_the_body() -> None:
    async with stage() as there:
        answered = await there.ask(request("/hook", "Content-Length: 900", method="POST"))
    assert [one[0] for one in split(answered)] == [401]


# Shortcuts


def echo(size: int, *headers: str) -> bytes:
    return request("/echo/short", f"Content-Length: {size}", *headers, method="POST")


@pytest.mark.parametrize("apart", [False, True])
async def test_a_shortcut_answers_what_it_takes_and_the_application_the_rest(apart: bool) -> None:
    async with stage() as there:
        pieces = [echo(3), b"abc", echo(3), b"foo", echo(1), b"x", request("/y", LAST)]
        answers = split(await there.ask(*(pieces if apart else [b"".join(pieces)])))
    assert [(one[0], one[2]) for one in answers[:3]] == [
        (202, b'{"id":1}'), (200, b"foo"), (202, b'{"id":1}'),
    ]  # fmt: skip
    assert (answers[0][1][b"x-kept"], answers[0][1][b"x-more"]) == (b"yes", b"a")
    assert (answers[3][0], there.way.taken) == (200, [b"abc", b"x"])
    assert there.app.started == ["/echo/short", "/y"]


@pytest.mark.parametrize("target", ["/echo/short?a=b", "/echo/shor%74", "/echo/short/"])
async def test_only_the_very_path_is_a_shortcut(target: str) -> None:
    async with stage() as there:
        head = request(target, "Content-Length: 1", LAST, method="POST")
        assert split(await there.ask(head + b"x"))[0][0] == 200
    assert there.way.taken == []


async def test_a_body_that_is_too_large_to_be_read_ahead_goes_to_the_application_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_protocol, "SHORTCUT_SECONDS", 3600.0)
    size = 4 * http_protocol.BODY_AHEAD_BYTES
    async with stage() as there:
        answers = split(await there.ask(echo(size, LAST), b"x" * size))
    assert (answers[0][0], len(answers[0][2])) == (200, size)


async def test_the_application_waits_for_a_body_that_takes_its_time() -> None:
    async with stage() as there:
        reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
        for head in (echo(2), echo(2, "Expect: 100-continue")):
            writer.write(head)
            await there.until(lambda: len(there.app.started) > len(there.app.ended))
            writer.write(b"ab")
            await there.until(lambda: len(there.app.started) == len(there.app.ended))
        writer.close()
        assert (await reader.read()).count(b"ab") == 2
    assert there.way.taken == []


async def test_a_shortcut_that_answers_whom_has_left_harms_nothing() -> None:
    async with stage() as there:
        there.way.at_once = False
        _, writer = await asyncio.open_connection("127.0.0.1", there.port)
        writer.write(echo(1) + b"x")
        await there.until(lambda: len(there.way.replies) == 1)
        writer.close()
        await there.until(lambda: not there.connections)
        there.way.replies[0](202, b"{}", [])
        assert split(await there.ask(request("/y", LAST)))[0][0] == 200


async def test_a_server_that_stops_waits_for_answers_that_no_task_gives() -> None:
    there = Stage(Bounds())
    there.way.at_once = there.hook.at_once = False
    async with serving(there.server) as there.port:
        asked = [echo(1) + b"x", request("/hook", "Authorization: yes", method="POST")]
        asking = [asyncio.create_task(there.ask(one)) for one in asked]
        await there.until(lambda: len(there.way.replies) + len(there.hook.replies) == 2)

        def reply() -> None:
            there.way.replies[0](202, b"{}", [])
            there.hook.replies[0](200, b"")

        asyncio.get_running_loop().call_later(0.3, reply)
    answers = [split(await one)[0] for one in asking]
    assert [one[0] for one in answers] == [202, 200]


# Callers that mean no good


def _deaf(port: int) -> socket.socket:
    """A connection of a client that reads nothing."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.setblocking(False)
    deaf.connect_ex(("127.0.0.1", port))
    return deaf


@pytest.mark.parametrize("path", ["/x", "/hook"])
async def test_who_sends_requests_and_reads_no_answers_costs_bounded_memory(path: str) -> None:
    many = request(path) * 2000
    async with stage(answer_seconds=1) as there:
        tracemalloc.start()
        deaf, loop, waiting = _deaf(there.port), asyncio.get_running_loop(), 0

        async def send() -> None:
            while True:
                await loop.sock_sendall(deaf, many)

        sending = asyncio.create_task(send())
        while not sending.done():
            for connection in there.connections:
                waiting = max(waiting, len(connection._exchanges))
            await asyncio.sleep(0.001)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert isinstance(sending.exception(), ConnectionError)  # it was cut off
        deaf.close()
    assert 0 < waiting <= MOST_WAITING
    assert peak < 4 << 20


@pytest.mark.parametrize("path", ["/refused", "/hook", "/x"])
@pytest.mark.parametrize("coding", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
async def test_who_is_answered_and_never_ends_the_body_is_let_go(path: str, coding: str) -> None:
    async with stage(linger_seconds=0.2) as there:
        reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
        writer.write(request(path, coding, method="POST"))
        async with asyncio.timeout(WAIT):
            assert (await reader.readline()).startswith(b"HTTP/1.1 ")
            while there.connections:  # a byte now and then does not earn more time
                writer.write(b"1")
                await asyncio.sleep(0.02)
        writer.close()


async def test_a_crowd_that_only_waits_makes_room_for_others() -> None:
    async with stage(connections=20) as there:
        crowd = []
        for n in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
            writer.write(
                [
                    b"",
                    b"GET / HT",
                    request("/refused", "Content-Length: 9", method="POST") + b"x",
                    request("/x"),
                ][n % 4]
            )
            crowd.append((reader, writer))
        await there.until(lambda: len(there.app.ended) == 10)
        answers = [await there.ask(request("/x", LAST)) for _ in range(5)]
        assert {split(one)[0][0] for one in answers} == {200}
        for _, writer in crowd:
            writer.close()


async def test_who_is_being_served_is_not_closed_to_make_room() -> None:
    async with stage(connections=1) as there:
        served = asyncio.create_task(there.ask(request("/waits", LAST)))
        await there.until(lambda: there.app.started == ["/waits"])
        with suppress(ConnectionError):
            assert await there.ask(request("/x")) == b""
        there.app.gate.set()
        assert b"at last" in await served


async def test_a_connection_without_a_request_ends_after_a_while() -> None:
    async with stage(header_seconds=0.2, idle_seconds=0.2) as there:
        assert await there.ask() == b""
        assert split(await there.ask(request("/x")))[0][0] == 200
        assert split(await there.ask(request("/x") + b"GET /"))[0][0] == 200


async def test_line_ends_between_requests_do_not_make_a_connection_last() -> None:
    async with stage(header_seconds=0.2, idle_seconds=0.2) as there:
        _, writer = await asyncio.open_connection("127.0.0.1", there.port)
        writer.write(request("/x"))
        async with asyncio.timeout(WAIT):
            while there.connections or not there.app.ended:
                writer.write(b"\r\n")
                await asyncio.sleep(0.02)
        writer.close()


async def test_who_does_not_read_a_long_answer_is_cut_off() -> None:
    async with stage(answer_seconds=0.3) as there:
        deaf = _deaf(there.port)
        await asyncio.get_running_loop().sock_sendall(deaf, request("/endless"))
        await there.until(lambda: there.app.started == ["/endless"])
        await there.until(lambda: not there.connections)
        there.app.gate.set()
        deaf.close()


async def test_who_does_not_read_the_last_answer_is_cut_off() -> None:
    async with stage(answer_seconds=0.3) as there:
        deaf, loop = _deaf(there.port), asyncio.get_running_loop()
        body = b"x" * 60_000
        head = request("/echo", f"Content-Length: {len(body)}", method="POST")
        for _ in range(100):
            await loop.sock_sendall(deaf, head + body)
            if any(one.drained for one in there.connections):
                break
        await there.until(lambda: not there.connections)
        deaf.close()


@pytest.mark.parametrize(
    "piece", [b"X-Long: " + b"x" * 1000 + b"\r\n", b"x" * 1000], ids=["lines", "one"]
)
async def test_a_header_without_end_is_refused(piece: bytes) -> None:
    start = b"GET /x HTTP/1.1\r\nX: "
    async with stage() as there:
        answers = split(await there.ask(start + piece * (HEADER_BYTES // len(piece) + 1)))
    assert [one[0] for one in answers] == [431]


async def test_a_newcomer_does_not_wait_for_all_that_a_crowd_has_sent() -> None:
    """A raw route answers at once: without turns one read of each connection would come first."""
    crowd, many = 20, request("/hook", "Authorization: yes", method="POST") * 900
    async with stage() as there:
        writers = []
        for _ in range(crowd):
            _, writer = await asyncio.open_connection("127.0.0.1", there.port)
            writer.write(many)
            writers.append(writer)
        await there.until(lambda: len(there.hook.taken) > 0)
        assert split(await there.ask(request("/x", LAST)))[0][0] == 200
        assert len(there.hook.taken) < crowd * 900 / 2
        for writer in writers:
            writer.close()
