"""The sandbox as an ASGI application: the provider's paths, and the ledger under /sandbox.

    POST /api/v1/subaccounts/{id}/messages/batch    send message many
    POST /api/v1/subaccounts/{id}/messages          send message
    GET  /api/v1/subaccounts/{id}/messages/{umid}   message details, once a second
    POST …/messages/exports; GET, DELETE …/exports/{job id}; GET …/messages/download/{job id}
                                                    log export: messages with receipts, masked
    DELETE …/messages/{umid}, …/messages/batch/{id} cancel scheduled messages
    /api/v1/accounts/{id}/…                         templates, webhooks: see `management`
    GET  /sandbox/ledger                            counts of messages accepted and webhooks posted
    GET  /sandbox/ledger/messages?lane=…            JSON lines: [stem, times accepted]
    GET  /sandbox/ledger/arrivals                   JSON lines: [time, sub-account, messages]
    POST /sandbox/reset                             clear the ledger

The last four need no key.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from chatapps.sandbox.config import SandboxConfig
from chatapps.sandbox.management.routes import management_routes
from chatapps.sandbox.provider import Call, Provider
from chatapps.sandbox.responses import Answer

if TYPE_CHECKING:
    from chatapps.sandbox.webhooks.posting import Poster

_LINES_AT_ONCE = 5000
_MESSAGES = "/api/v1/subaccounts/{sub_account_id}/messages"
_FILES = "/api/v1/subaccounts/{sub_account_id}/files"

Sleep = Callable[[float], Awaitable[None]]


def create_app(
    config: SandboxConfig,
    *,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> Starlette:
    """The application of one sandbox; its ledger is `app.state.provider.ledger`."""
    provider = Provider(config, clock=clock, started=monotonic())
    poster = _poster(config, provider) if config.receipts != "none" else None
    endpoints = _Endpoints(provider, monotonic, sleep, poster)
    app = Starlette(
        routes=[
            Route(_MESSAGES + "/batch", endpoints.send_many, methods=["POST"]),
            Route(_MESSAGES, endpoints.send_one, methods=["POST"]),
            Route(_MESSAGES + "/exports", endpoints.start_export, methods=["POST"]),
            Route(_MESSAGES + "/exports/{job_id}", endpoints.export_status, methods=["GET"]),
            Route(_MESSAGES + "/exports/{job_id}", endpoints.cancel_export, methods=["DELETE"]),
            Route(_MESSAGES + "/download/{job_id}", endpoints.download, methods=["GET"]),
            Route(_MESSAGES + "/batch/{batch_id}", endpoints.cancel_batch, methods=["DELETE"]),
            Route(_MESSAGES + "/{umid}", endpoints.details, methods=["GET"]),
            Route(_MESSAGES + "/{umid}", endpoints.cancel, methods=["DELETE"]),
            Route(_FILES, endpoints.upload, methods=["POST"]),
            *management_routes(lambda: provider.account),
            Route("/sandbox/ledger", endpoints.ledger, methods=["GET"]),
            Route("/sandbox/ledger/messages", endpoints.ledger_messages, methods=["GET"]),
            Route("/sandbox/ledger/arrivals", endpoints.ledger_arrivals, methods=["GET"]),
            Route("/sandbox/reset", endpoints.reset, methods=["POST"]),
        ],
    )
    app.state.provider = provider
    return app


class _Endpoints:
    """Maps HTTP requests to calls of the provider, and its answers to responses."""

    def __init__(
        self,
        provider: Provider,
        monotonic: Callable[[], float],
        sleep: Sleep,
        poster: "Poster | None",
    ) -> None:
        self._provider = provider
        self._monotonic = monotonic
        self._sleep = sleep
        self._poster = poster

    async def send_many(self, request: Request) -> Response:
        return await self._respond(self._provider.send_many(await self._call(request)))

    async def send_one(self, request: Request) -> Response:
        return await self._respond(self._provider.send_one(await self._call(request)))

    async def details(self, request: Request) -> Response:
        call = await self._call(request)
        return await self._respond(self._provider.details(call, request.path_params["umid"]))

    async def start_export(self, request: Request) -> Response:
        return await self._respond(self._provider.start_export(await self._call(request)))

    async def export_status(self, request: Request) -> Response:
        call, job_id = await self._call(request), request.path_params["job_id"]
        found = self._provider.export_status(call, job_id, str(request.base_url))
        return await self._respond(found)

    async def cancel_export(self, request: Request) -> Response:
        call, job_id = await self._call(request), request.path_params["job_id"]
        return await self._respond(self._provider.cancel_export(call, job_id))

    async def download(self, request: Request) -> Response:
        parts = self._provider.export(await self._call(request), request.path_params["job_id"])
        first = next(parts, None)
        if first is None:
            return Response(status_code=404)
        return StreamingResponse(self._slowly(first, parts), media_type="application/gzip")

    async def _slowly(self, first: bytes, parts: Iterator[bytes]) -> AsyncIterator[bytes]:
        """Part by part, so that other requests are answered meanwhile."""
        yield first
        for part in parts:
            yield part
            await self._sleep(0)

    async def upload(self, request: Request) -> Response:
        return await self._respond(self._provider.upload(await self._call(request)))

    async def cancel(self, request: Request) -> Response:
        call = await self._call(request)
        return await self._respond(self._provider.cancel(call, request.path_params["umid"]))

    async def cancel_batch(self, request: Request) -> Response:
        call = await self._call(request)
        batch_id = request.path_params["batch_id"]
        return await self._respond(self._provider.cancel_batch(call, batch_id))

    async def ledger(self, request: Request) -> Response:
        webhooks = {"webhooks": self._poster.posted()} if self._poster else {}
        return _json(msgspec.json.encode({**self._provider.ledger.summary(), **webhooks}))

    async def ledger_messages(self, request: Request) -> Response:
        messages = self._provider.ledger.messages(request.query_params.get("lane"))
        lines = _json_lines(messages)
        return StreamingResponse(lines, media_type="application/x-ndjson")

    async def ledger_arrivals(self, request: Request) -> Response:
        """Times are monotonic seconds, comparable in all processes of this machine."""
        started = self._provider.started
        found = [(started + at, *rest) for at, *rest in self._provider.ledger.arrivals()]
        lines = _json_lines(iter(found))
        return StreamingResponse(lines, media_type="application/x-ndjson")

    async def reset(self, request: Request) -> Response:
        self._provider.reset(self._monotonic())
        if self._poster:
            self._poster.reset()
        return Response(status_code=204)

    async def _call(self, request: Request) -> Call:
        arrived = self._monotonic()  # before the body is read: the rate counts from here
        return Call(
            sub_account_id=request.path_params["sub_account_id"],
            authorization=request.headers.get("authorization"),
            body=await request.body(),
            at=arrived,
        )

    async def _respond(self, answer: Answer) -> Response:
        if answer.delay > 0:
            await self._sleep(answer.delay)
        if answer.cut:
            return _CutResponse(answer.body, media_type="application/json")
        headers = None if answer.retry_after is None else {"Retry-After": str(answer.retry_after)}
        return _json(answer.body, answer.status, headers)


def _poster(config: SandboxConfig, provider: Provider) -> "Poster":
    """Posts receipts; created on demand."""
    poster: Poster = import_module("chatapps.sandbox.webhooks.posting").poster_for(config, provider)
    return poster


class _CutResponse(Response):
    """Announces the whole body and sends half of it; the server then drops the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


def _json(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body, status, headers, media_type="application/json")


async def _json_lines(entries: Iterator[object]) -> AsyncIterator[bytes]:
    while chunk := list(islice(entries, _LINES_AT_ONCE)):
        yield b"".join(msgspec.json.encode(entry) + b"\n" for entry in chunk)
