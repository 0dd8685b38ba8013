"""Runs an ASGI application as this process, until somebody wants it to end."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop

from sendmany.patience import patient_protocol

GRACE_SECONDS = 10
"""What requests under way get when we are told to stop."""
HEADER_SECONDS = 15.0
"""From a connection, or the first byte of a request on it, to the end of the request's headers."""
MOST_CONNECTIONS = 1000


def serve(
    app: Any,
    listener: socket.socket,
    *,
    at_the_end: Callable[[], Awaitable[None]] | None = None,
    most_connections: int = MOST_CONNECTIONS,
    when_told: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or SIGINT, then let what is under way end. For the main thread.

    Args:
        at_the_end: run last; without it the application has a lifespan of its own.
        most_connections: open at the same time; more are closed at once.
        when_told: run when we are told to stop, to end what has no end of its own.
    """
    server = _Server(
        uvicorn.Config(
            app,
            http=patient_protocol(HEADER_SECONDS, most_connections),
            lifespan="off" if at_the_end else "on",
            ws="none",
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    server.when_told = when_told
    _stop_on_signals(server)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(server, listener, at_the_end))


class _Server(uvicorn.Server):
    """Tells the application that it is to end, before it waits for what is under way."""

    when_told: Callable[[], None]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn has it."""
        self.when_told()
        await super().shutdown(sockets)


async def _serve(
    server: uvicorn.Server,
    listener: socket.socket,
    at_the_end: Callable[[], Awaitable[None]] | None,
) -> None:
    try:
        await server.serve(sockets=[listener])
    finally:
        if at_the_end is not None:
            await at_the_end()


def _stop_on_signals(server: uvicorn.Server) -> None:
    """uvicorn hears signals while it serves, and raises them again afterwards, which would end the
    process by signal; and one may come before it starts. Both arrive here."""

    def stop(number: int, frame: object) -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
