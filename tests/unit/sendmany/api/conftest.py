"""A store, the application on it, and a caller who may read."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from store.access.tokens import Scope
from tests.unit.sendmany.api.given import Trouble, client, new_app, new_store, new_token


@pytest.fixture
async def store() -> AsyncIterator[Trouble]:
    store = new_store()
    yield store
    await store.close()


@pytest.fixture
def app(store: Trouble) -> FastAPI:
    return new_app(store)


@pytest.fixture
async def reader(app: FastAPI, store: Trouble) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app, await new_token(store, Scope.READ)) as reader:
        yield reader


@pytest.fixture
async def stranger(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client(app) as stranger:
        yield stranger
