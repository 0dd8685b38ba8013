"""The HTTP API behind a real socket, on a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sendmany.api.http_protocol import Bounds
from sendmany.api.middleware.security import HEADERS
from sendmany.api.server import Server
from sendmany.api.sockets import listen


@asynccontextmanager
async def served(app: Any, bounds: Bounds | None = None) -> AsyncIterator[int]:
    """Serve an application, with the raw routes of its state, as `sendmany web` does; yields the
    port."""
    state = getattr(app, "state", None)
    raw, shortcuts = getattr(state, "raw_routes", {}), getattr(state, "shortcuts", {})
    async with serving(Server(app, bounds or Bounds(), raw, HEADERS, shortcuts)) as port:
        yield port


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[int]:
    """Run a server; yields the port."""
    listener, stop = listen("127.0.0.1", 0), False
    task = asyncio.create_task(server.serve(listener, lambda: stop))
    try:  # early clients wait in the socket's queue
        yield listener.getsockname()[1]
    finally:
        stop = True
        await task
