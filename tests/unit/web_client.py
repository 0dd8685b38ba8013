"""A small application around the routers under test."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from fastapi import APIRouter, FastAPI, HTTPException

from sendmany.api.errors import handle_errors
from store.access.tokens import Needs, Scope, Token


class Wakes:
    """Counts the dispatch tasks that were sent."""

    def __init__(self) -> None:
        self.sent = 0

    def __call__(self) -> None:
        self.sent += 1


@dataclass
class Door:
    """Token of the caller, and a client that uses it."""

    token: Token
    app: FastAPI = field(default_factory=FastAPI)
    http: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)

    def needs(self, scope: Scope) -> Callable[[], Token]:
        """As the real dependency: 403 without the scope."""

        def caller() -> Token:
            if scope not in self.token.scopes:
                raise HTTPException(403, "not for this")
            return self.token

        return caller

    def comes(self, *scopes: Scope, only: Sequence[str] = ()) -> None:
        """Change the caller's token."""
        self.token = Token("t1", "tests", frozenset(scopes), frozenset(only))


@asynccontextmanager
async def web_client(
    routers: Callable[[Needs], Sequence[APIRouter]], *scopes: Scope
) -> AsyncIterator[Door]:
    """An application with these routers, and a client of it."""
    door = Door(Token("t1", "tests", frozenset(scopes), frozenset()))
    for router in routers(door.needs):
        door.app.include_router(router)
    handle_errors(door.app)
    transport = httpx.ASGITransport(door.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as http:
        door.http = http
        yield door
