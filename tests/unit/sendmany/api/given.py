"""The HTTP API on a store of its own, tokens for it, and a few test routes."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal, TypeVar

import fakeredis
import httpx
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse
from starlette.routing import Route

from config.settings import Settings
from sendmany.api.app import create_app
from sendmany.api.auth import needs
from store.access.tokens import Scope, Token, add_token, draw_token, token_text
from store.client import AsyncStore, Call
from store.errors import StoreError, StoreUnavailable
from store.scripts import load_scripts

T = TypeVar("T")


class Trouble(AsyncStore):
    """A store that fails on demand."""

    error: StoreError | None = None

    async def run(self, call: Call[T]) -> T:
        if self.error is not None:
            raise self.error
        return await super().run(call)


def new_store() -> Trouble:
    """An empty store without a server."""
    return Trouble(fakeredis.FakeAsyncRedis(), load_scripts(flags=False))


class Order(BaseModel):
    """Something with rules."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["text", "image"]
    phone: str = Field(pattern=r"^\+\d+$")


ReadCaller = Annotated[Token, Depends(needs(Scope.READ))]


def _routes(store: AsyncStore) -> APIRouter:
    router = APIRouter()

    @router.get("/v1/try")
    async def try_it(caller: ReadCaller) -> str:
        return caller.name

    @router.get("/v1/forgotten")
    async def forgotten() -> str:
        return "its author forgot to ask for a token"

    @router.post("/v1/orders")
    async def order(caller: ReadCaller, orders: list[Order]) -> int:
        return len(orders)

    @router.get("/v1/faulty")
    async def faulty(caller: ReadCaller) -> str:
        raise ValueError("a number: +447700900123")

    @router.get("/v1/refused")
    async def refused(caller: ReadCaller) -> str:
        problems = [{"path": "content.template.name", "message": "There is none."}]
        raise HTTPException(409, {"detail": "Not like this.", "problems": problems})

    @router.get("/v1/away")
    async def away(caller: ReadCaller) -> str:
        assert isinstance(store, Trouble)
        raise store.error or StoreUnavailable("away")

    return router


async def _upload(request: Request) -> JSONResponse:
    """In place of a real one."""
    return JSONResponse(sum([len(piece) async for piece in request.stream()]))


def new_app(store: AsyncStore, **web: Any) -> FastAPI:
    """The application with routes to try; settings of `[web]` may be given."""
    app = create_app(Settings(web=web), store, lambda: None)
    app.include_router(_routes(store))
    app.router.routes.insert(0, Route("/v1/campaigns", _upload, methods=["POST"]))
    return app


def client(app: Callable[..., Any], token: str = "") -> httpx.AsyncClient:
    """A client, with a token or without."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    return httpx.AsyncClient(transport=transport, base_url="http://api.test", headers=headers)


async def new_token(
    store: AsyncStore,
    *scopes: Scope,
    sub_accounts: frozenset[str] = frozenset(),
    lives: int = 0,
    name: str = "shop",
) -> str:
    """A token as its owner sends it."""
    id, secret = draw_token()
    token = Token(id, name, frozenset(scopes), sub_accounts)
    await store.run(add_token(token, secret, lives=lives))
    return token_text(id, secret)


async def in_pieces(body: bytes, size: int = 10) -> AsyncIterator[bytes]:
    """Chunks without a Content-Length."""
    for start in range(0, len(body), size):
        yield body[start : start + size]
