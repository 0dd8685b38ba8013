"""Liveness and readiness: open to all, without further information."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter, Response
from pydantic import BaseModel

from dashboard.metrics import HTTP_REQUESTS
from sendmany.api.errors import problem
from store.client import AsyncStore, Call, command
from store.errors import StoreError
from store.metrics.counters import Tally
from store.migrations.schema import read_schema
from store.receipts.inbox import add_to_inbox

HEALTHZ: Final = "/healthz"
SECONDS: Final = 2.0


class Health(BaseModel):
    """The process answers."""

    alive: bool


_ALIVE: Final = Health(alive=True).model_dump_json().encode()


class Readiness(BaseModel):
    """Readiness of the process."""

    redis: bool  # it answers
    scripts: bool  # they are loaded
    room: bool  # Redis is not full


def health_router(store: AsyncStore) -> APIRouter:
    """`/healthz` for supervisors that restart a process, `/readyz` for load balancers."""
    router, asking = APIRouter(tags=["health"]), _Asking(store)

    @router.get(HEALTHZ, operation_id="health", summary="Liveness of the process")
    async def health() -> Health:
        return Health(alive=True)

    @router.get(
        "/readyz",
        operation_id="readiness",
        summary="Readiness of the process",
        responses={503: {"model": Readiness, "description": "It cannot."}},
    )
    async def readiness(response: Response) -> Readiness:
        found = await asking.ready()
        if not (found.redis and found.scripts and found.room):
            response.status_code = 503
        return found

    return router


class RawHealth:
    """`GET /healthz` as a raw route: answered in time under load.

    Args:
        tally: counters of requests, for `/metrics`.
    """

    method = b"GET"
    most_bytes = 1024
    body_seconds = 2.0

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self.room = 1024 * 1024

    def check(self, method: bytes, headers: object) -> int | None:
        """Refuse anything but GET."""
        return None if method == self.method else 405

    def take(self, body: bytes, reply: Callable[[int, bytes], None]) -> None:
        """Answer 200."""
        reply(200, _ALIVE)

    def refuse(self, status: int) -> bytes:
        """The body of a refusal."""
        return bytes(problem(status, "Ask with GET, and without a body.").body)

    def answered(self, status: int, seconds: float) -> None:
        """Count a request."""
        self._tally.observe(HTTP_REQUESTS, seconds, "GET", HEALTHZ, str(status))


class _Asking:
    """Concurrent requests share one check of Redis: this path is open to all and not limited."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self._task: asyncio.Task[Readiness] | None = None

    async def ready(self) -> Readiness:
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(ready(self._store), name="ask whether Redis serves")
        return await asyncio.shield(self._task)  # shared with other clients


async def ready(store: AsyncStore) -> Readiness:
    """Run all three checks of Redis, within two seconds."""
    try:
        async with asyncio.timeout(SECONDS):
            redis = await _works(store, command("PING", parse=_anything))
            scripts = redis and await _has_scripts(store)
            # An intake script without data: a full Redis refuses even that.
            room = redis and await _works(store, add_to_inbox())
    except TimeoutError:
        return Readiness(redis=False, scripts=False, room=False)
    return Readiness(redis=redis, scripts=scripts, room=room)


async def _works(store: AsyncStore, call: Call[Any]) -> bool:
    try:
        await store.run(call)
    except StoreError:
        return False
    return True


async def _has_scripts(store: AsyncStore) -> bool:
    try:
        await store.load()
        await store.run(read_schema())
    except StoreError:
        return False
    return True


def _anything(reply: Any) -> bool:
    return True
