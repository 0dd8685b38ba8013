"""The status routes, with a client whose token a test sets."""

from collections.abc import AsyncIterator

import fakeredis
import pytest

from config.sections import SubAccount
from config.settings import Settings
from sendmany.api.status import status_router
from store.access.tokens import Scope
from store.client import AsyncStore, Store
from store.scripts import load_scripts
from tests.unit.web_client import Door, web_client


@pytest.fixture
def store(server: fakeredis.FakeServer) -> Store:
    return Store(fakeredis.FakeRedis(server=server), load_scripts(flags=False))


@pytest.fixture
async def loop_store(server: fakeredis.FakeServer) -> AsyncIterator[AsyncStore]:
    store = AsyncStore(fakeredis.FakeAsyncRedis(server=server), load_scripts(flags=False))
    yield store
    await store.close()


@pytest.fixture
def settings() -> Settings:
    limited = SubAccount(messages_per_second=200, burst=50)
    return Settings(sub_accounts={"shop": limited, "bank": SubAccount(messages_per_second=0)})


@pytest.fixture
async def door(loop_store: AsyncStore, settings: Settings) -> AsyncIterator[Door]:
    async with web_client(
        lambda needs: [status_router(loop_store, settings, needs)], Scope.READ, Scope.PEOPLE
    ) as door:
        yield door
