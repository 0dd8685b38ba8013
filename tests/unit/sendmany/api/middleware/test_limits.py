"""Limits: large bodies, slow bodies, too many at once; and what they cost the process."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from config.sections import Web
from sendmany.api.middleware.limits import BODIES_AT_ONCE, SLOWEST_UPLOAD, Bodies, Crowd
from store.access.tokens import Scope as TokenScope
from tests.unit.sendmany.api.given import Trouble, client, in_pieces, new_app, new_token

NONE: frozenset[str] = frozenset()


@pytest.fixture
async def small(store: Trouble) -> AsyncIterator[httpx.AsyncClient]:
    """A caller of an application that takes bodies of 100 bytes, and uploads of 1,000."""
    app = new_app(store, max_body_bytes=100, max_upload_bytes=1000)
    async with client(app, await new_token(store, TokenScope.READ)) as http:
        yield http


@pytest.mark.parametrize("send", [lambda body: body, in_pieces], ids=["length", "pieces"])
@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/v1/orders", 100, 200),
        ("/v1/orders", 101, 413),
        ("/v1/campaigns", 1000, 200),
        ("/v1/campaigns", 1001, 413),
    ],
)
async def test_a_body_may_not_be_too_large(
    small: httpx.AsyncClient, send: Callable[[bytes], Any], path: str, size: int, status: int
) -> None:
    body = b"[" + b" " * (size - 2) + b"]"
    headers = {"Content-Type": "application/json"}
    answer = await small.post(path, content=send(body), headers=headers)
    assert answer.status_code == status
    if status == 413:
        assert answer.json()["detail"].startswith("The body is too large: at most ")
        assert answer.headers["Connection"] == "close"


class Time:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def _reads_all(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass


def _scope(path: str = "/v1/orders") -> Scope:
    return {"type": "http", "method": "POST", "path": path, "headers": []}


async def _nothing(message: Message) -> None:
    return None


def _bodies(app: Any, time: Time, **limits: Any) -> Bodies:
    return Bodies(app, Web(**limits), {}, re.compile("/upload"), NONE, time)


def _dripping(time: Time, seconds: float, size: int, pieces: int) -> Receive:
    """A body that comes in pieces, one every so many seconds."""
    left = pieces

    async def receive() -> Message:
        nonlocal left
        left -= 1
        time.now += seconds
        return {"type": "http.request", "body": b"x" * size, "more_body": left > 0}

    return receive


async def test_a_body_that_drips_is_cut_off() -> None:
    time = Time()
    bodies = _bodies(_reads_all, time, body_seconds=30)
    await bodies(_scope(), _dripping(time, 9.9, 1, 3), _nothing)
    with pytest.raises(HTTPException) as cut:
        await bodies(_scope(), _dripping(time, 9.9, 1, 100), _nothing)
    assert cut.value.status_code == 408
    assert time.now < 100


async def test_a_body_that_stops_coming_is_cut_off(store: Trouble) -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.Event().wait()

    app = new_app(store, body_seconds=0.05)
    async with client(app, await new_token(store, TokenScope.READ)) as http:
        for path in ("/v1/orders", "/v1/campaigns"):
            answer = await http.post(path, content=never())
            assert answer.status_code == 408
            assert answer.headers["Connection"] == "close"
            assert answer.json()["detail"] == "The body did not come in time."


async def test_an_upload_has_time_as_long_as_it_keeps_coming() -> None:
    time = Time()
    bodies = _bodies(_reads_all, time, body_seconds=30)
    await bodies(_scope("/upload"), _dripping(time, 1, SLOWEST_UPLOAD, 1000), _nothing)
    assert time.now == 1000
    with pytest.raises(HTTPException) as cut:
        await bodies(_scope("/upload"), _dripping(time, 1, SLOWEST_UPLOAD // 2, 1000), _nothing)
    assert cut.value.status_code == 408


async def test_the_time_that_we_need_ourselves_does_not_count() -> None:
    time = Time()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            time.now += 1000

    await _bodies(slow, time, body_seconds=30)(_scope(), _dripping(time, 1, 1, 20), _nothing)


async def test_once_the_body_is_here_an_answer_may_take_its_time() -> None:
    """A stream of events waits for the end of the connection, for hours."""
    gone = asyncio.Event()
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def streaming(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        waiting = asyncio.ensure_future(receive())
        for _ in range(10):  # a deadline would be over at once
            await asyncio.sleep(0)
        gone.set()
        assert (await waiting)["type"] == "http.disconnect"

    await _bodies(streaming, Time(), body_seconds=1e-9)(_scope(), receive, _nothing)


async def test_all_bodies_together_hold_a_bounded_memory() -> None:
    time, full, go = Time(), asyncio.Event(), asyncio.Event()
    inside = 0

    async def holding(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal inside
        await _reads_all(scope, receive, send)
        inside += 1
        if inside == BODIES_AT_ONCE:
            full.set()
        await go.wait()

    bodies = _bodies(holding, time, max_body_bytes=100)

    def post(size: int, path: str = "/v1/orders") -> Any:
        return bodies(_scope(path), _dripping(time, 0, size, 1), _nothing)

    async with asyncio.TaskGroup() as group:
        for _ in range(BODIES_AT_ONCE):
            group.create_task(post(100))
        await full.wait()
        with pytest.raises(HTTPException) as refused:
            await post(1)
        assert refused.value.status_code == 503
        assert refused.value.headers is not None
        assert refused.value.headers["Retry-After"] == "1"
        group.create_task(post(5000, "/upload"))  # is not kept in memory
        go.set()
    await post(100)
    assert bodies.room == BODIES_AT_ONCE * 100


async def test_too_many_at_once_are_told_to_come_again() -> None:
    go, sent = asyncio.Event(), list[Message]()

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await go.wait()

    async def send(message: Message) -> None:
        sent.append(message)

    crowd = Crowd(waiting, 2, 1, frozenset({"/events"}), frozenset({"/healthz"}))

    def ask(path: str) -> Any:
        return crowd(_scope(path), _dripping(Time(), 0, 0, 1), send)

    async with asyncio.TaskGroup() as group:
        for path in ("/a", "/b", "/events", "/healthz", "/healthz"):
            group.create_task(ask(path))
        await asyncio.sleep(0)
        await ask("/c")
        await ask("/events")
        starts = [message for message in sent if message["type"] == "http.response.start"]
        assert [start["status"] for start in starts] == [503, 503]
        assert all((b"retry-after", b"1") in start["headers"] for start in starts)
        go.set()
    sent.clear()
    await ask("/c")
    assert not sent
