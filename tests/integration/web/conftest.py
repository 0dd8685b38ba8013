"""The loop that the process of the HTTP API has."""

from collections.abc import Callable

import uvloop


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], uvloop.Loop]]:
    """uvloop's transports differ from asyncio's where it matters here: in what they buffer, and how
    they end."""
    return {"uvloop": uvloop.new_event_loop}
