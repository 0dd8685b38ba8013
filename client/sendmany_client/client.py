"""The client, blocking and for an event loop: both carry out the calls of `core.py`."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from functools import wraps
from typing import Concatenate, Final, ParamSpec, Self, TypeVar

import httpx

from sendmany_client import core
from sendmany_client.core import Pause, Plan, Policy, Request
from sendmany_client.models import OutcomePage

P = ParamSpec("P")
T = TypeVar("T")
TIMEOUT_SECONDS: Final = 30.0


def _blocking(
    plan: Callable[Concatenate[Policy, P], Plan[T]],
) -> Callable[Concatenate["Client", P], T]:
    @wraps(plan)
    def call(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        steps = plan(self._policy, *args, **kwargs)
        try:
            step = next(steps)
            while True:
                step = steps.send(self._do(step))
        except StopIteration as end:
            result: T = end.value
            return result

    return call


def _awaited(
    plan: Callable[Concatenate[Policy, P], Plan[T]],
) -> Callable[Concatenate["AsyncClient", P], Awaitable[T]]:
    @wraps(plan)
    async def call(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        steps = plan(self._policy, *args, **kwargs)
        try:
            step = next(steps)
            while True:
                step = steps.send(await self._do(step))
        except StopIteration as end:
            result: T = end.value
            return result

    return call


class Client:
    """Asks a server of sendmany. Threads may share one.

    Args:
        url: such as `https://sendmany.example`.
        token: of `sendmany token create`.
        retries: after the first try, where no trustworthy answer came.
        max_wait: the longest pause before one, seconds; a longer `Retry-After` ends the call.
        timeout: seconds for each step of a request.
        transport: of httpx, for proxies, certificates and tests.
        sleep: for tests.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        retries: int = 5,
        max_wait: float = 60.0,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._policy, self._sleep = Policy(retries, max_wait), sleep
        self._http = httpx.Client(
            base_url=url, headers=_headers(token), timeout=timeout, transport=transport
        )

    send = _blocking(core.send)
    send_many = _blocking(core.send_many)
    status = _blocking(core.status)
    statuses = _blocking(core.statuses)
    messages = _blocking(core.messages)
    cancel = _blocking(core.cancel)
    launch = _blocking(core.launch)
    campaign = _blocking(core.campaign)
    outcomes = _blocking(core.outcomes)

    def follow(
        self, after: str | None = None, *, pause: float = 1.0, sub_account: str | None = None
    ) -> Iterator[OutcomePage]:
        """Changes from a cursor on, without end, a page that holds some at a time.

        Store `page.next` with what you did about its items, and begin there after a restart.

        Raises:
            Gap: changes behind this cursor are no longer kept.
        """
        while True:
            page = self.outcomes(after, sub_account=sub_account)
            after = page.next
            if page.items:
                yield page
            else:
                self._sleep(pause)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _do(self, step: Request | Pause) -> httpx.Response | httpx.TransportError | None:
        if isinstance(step, Pause):
            self._sleep(step.seconds)
            return None
        with ExitStack() as stack:
            try:
                return self._http.send(step.build(self._http, stack))
            except httpx.TransportError as error:
                return error


class AsyncClient:
    """The same on an event loop; see `Client`."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        retries: int = 5,
        max_wait: float = 60.0,
        timeout: float = TIMEOUT_SECONDS,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._policy, self._sleep = Policy(retries, max_wait), sleep
        self._http = httpx.AsyncClient(
            base_url=url, headers=_headers(token), timeout=timeout, transport=transport
        )

    send = _awaited(core.send)
    send_many = _awaited(core.send_many)
    status = _awaited(core.status)
    statuses = _awaited(core.statuses)
    messages = _awaited(core.messages)
    cancel = _awaited(core.cancel)
    launch = _awaited(core.launch)
    campaign = _awaited(core.campaign)
    outcomes = _awaited(core.outcomes)

    async def follow(
        self, after: str | None = None, *, pause: float = 1.0, sub_account: str | None = None
    ) -> AsyncIterator[OutcomePage]:
        """As `Client.follow`."""
        while True:
            page = await self.outcomes(after, sub_account=sub_account)
            after = page.next
            if page.items:
                yield page
            else:
                await self._sleep(pause)

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _do(self, step: Request | Pause) -> httpx.Response | httpx.TransportError | None:
        if isinstance(step, Pause):
            await self._sleep(step.seconds)
            return None
        with ExitStack() as stack:
            try:
                return await self._http.send(step.build(self._http, stack))
            except httpx.TransportError as error:
                return error


def _headers(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "User-Agent": "sendmany-client"}
