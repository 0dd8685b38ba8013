"""Runs an ASGI application as a process until a signal stops it."""

import asyncio
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from email.utils import formatdate
from typing import Final

import uvloop
from starlette.applications import Starlette
from starlette.types import ASGIApp

from sendmany.api.http_protocol import Bounds, Connection, RawRoute, Shortcut

GRACE_SECONDS: Final = 10.0
"""Seconds for running requests after a stop."""
LOOK_SECONDS: Final = 0.1
"""Interval of checking deadlines and the stop."""
END_SECONDS: Final = 0.01
"""Interval of looking whether all have their answers, at the end."""
AT_ONCE: Final = 16
"""Turns per round of the loop."""
_READ_BYTES: Final = 64 * 1024
_BACKLOG: Final = 2048


class Server:
    """Serves on one socket.

    Args:
        raw_routes: routes answered without the application, by path.
        raw_headers: headers of their answers.
    """

    def __init__(
        self,
        app: ASGIApp,
        bounds: Bounds = Bounds(),  # noqa: B008 (it cannot change)
        raw_routes: Mapping[str, RawRoute] | None = None,
        raw_headers: Mapping[str, str] | None = None,
        shortcuts: Mapping[str, Shortcut] | None = None,
    ) -> None:
        self.app = app
        self.bounds = bounds
        self.raw_routes = {path.encode(): raw for path, raw in (raw_routes or {}).items()}
        self.shortcuts = {path.encode(): one for path, one in (shortcuts or {}).items()}
        self.raw_head = self._raw_headers = b"".join(
            f"{name.lower()}: {value}\r\n".encode() for name, value in (raw_headers or {}).items()
        )
        self.buffer = memoryview(bytearray(_READ_BYTES))
        self.stopping = False
        self.date = b""
        self._connections: set[Connection] = set()
        self._turns: deque[Callable[[], None]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, listener: socket.socket, stop: Callable[[], bool]) -> None:
        """Serve until `stop` is true; then finish running requests."""
        self.loop = asyncio.get_running_loop()
        self._look()
        server = await self.loop.create_server(
            lambda: Connection(self), sock=listener, backlog=_BACKLOG
        )
        while not stop():
            await asyncio.sleep(LOOK_SECONDS)
            self._look()
        server.close()
        await self._end()

    def enter(self, connection: Connection) -> None:
        """Register a connection. If there are too many, the connection without work that has waited
        longest for its client is closed; without any, the new one."""
        self._connections.add(connection)
        if len(self._connections) > self.bounds.connections:
            quiet = [one for one in self._connections if one.is_quiet]
            longest = min(quiet, key=lambda one: one.waits_since)
            self.leave(longest)
            longest.abort()

    def leave(self, connection: Connection) -> None:
        """Unregister a connection."""
        self._connections.discard(connection)

    def take_turn(self, call: Callable[[], None]) -> None:
        """Run the call in turn: work of many connections is spread over rounds of the loop, so that a
        new one, such as `/healthz` or a receipt, does not wait for all of them."""
        if not self._turns:
            self.loop.call_soon(self._next_turns)
        self._turns.append(call)

    def _next_turns(self) -> None:
        for _ in range(min(AT_ONCE, len(self._turns))):
            self._turns.popleft()()
        if self._turns:
            self.loop.call_soon(self._next_turns)

    def keep(self, task: "asyncio.Task[None]") -> None:
        """Keep a reference to a running request."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _look(self) -> None:
        self.date = b"date: %b\r\n" % formatdate(time.time(), usegmt=True).encode()
        self.raw_head = self.date + self._raw_headers
        now = self.loop.time()
        for connection in [one for one in self._connections if one.deadline < now]:
            connection.expire()

    async def _end(self) -> None:
        self.stopping = True
        for connection in list(self._connections):
            connection.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_SECONDS):
                while self._tasks or any(one.is_answering for one in self._connections):  # noqa: ASYNC110
                    await asyncio.sleep(END_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self._connections):
            connection.abort()
        await asyncio.sleep(0)  # runs their connection_lost


def serve(
    app: Starlette,
    listener: socket.socket,
    *,
    bounds: Bounds = Bounds(),  # noqa: B008 (it cannot change)
    raw_routes: Mapping[str, RawRoute] | None = None,
    raw_headers: Mapping[str, str] | None = None,
    shortcuts: Mapping[str, Shortcut] | None = None,
    when_told: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish running requests. For the main thread.

    Args:
        when_told: called on the stop, to end requests that would last forever.
    """
    told = False

    def tell(number: int, frame: object) -> None:
        nonlocal told
        told = True

    def stop() -> bool:
        if told:
            when_told()
        return told

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, tell)

    async def run() -> None:
        async with app.router.lifespan_context(app):
            await Server(app, bounds, raw_routes, raw_headers, shortcuts).serve(listener, stop)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())
