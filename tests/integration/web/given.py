"""The HTTP API behind a real socket, on a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from sendmany.patience import patient_protocol
from sendmany.sockets import listen


@asynccontextmanager
async def served(app: Any, *, seconds: float = 5, most: int = 100) -> AsyncIterator[int]:
    """Serve an application as `sendmany web` does; gives the port.

    Args:
        seconds: until the headers of a request must be here.
        most: connections at the same time.
    """
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        app,
        http=patient_protocol(seconds, most),
        lifespan="off",
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:  # who connects before it has started waits in the queue of the socket
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving
