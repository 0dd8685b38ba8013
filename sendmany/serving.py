"""Runs an ASGI application as this process, until somebody wants it to end."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
import uvloop

from sendmany.processes import ProcessError

GRACE_SECONDS = 10
"""What requests under way get when we are told to stop."""


def listen(host: str, port: int) -> socket.socket:
    """A socket to serve on; port 0 means any free one.

    Raises:
        ProcessError: the address cannot be had; a sentence for people.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None) or 0
        reason = os.strerror(number) if number > 0 else str(error)  # negative: unknown name
        raise ProcessError(
            f"Cannot listen on {host} port {port} ({reason}): choose another port."
        ) from error


def address(listener: socket.socket) -> str:
    """The URL of what is served there."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: Any, listener: socket.socket, *, at_the_end: Callable[[], Awaitable[None]]) -> None:
    """Serve until SIGTERM or SIGINT, then let what is under way end. For the main thread."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http="httptools",
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    _stop_on_signals(server)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(server, listener, at_the_end))


async def _serve(
    server: uvicorn.Server, listener: socket.socket, at_the_end: Callable[[], Awaitable[None]]
) -> None:
    try:
        await server.serve(sockets=[listener])
    finally:
        await at_the_end()


def _stop_on_signals(server: uvicorn.Server) -> None:
    """uvicorn hears signals while it serves, and raises them again afterwards, which would end the
    process by signal; and one may come before it starts. Both arrive here."""

    def stop(number: int, frame: object) -> None:
        server.should_exit = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
