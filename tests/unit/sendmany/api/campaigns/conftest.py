"""The routes of campaigns, with a client whose token a test sets."""

from collections.abc import AsyncIterator
from typing import TypeVar

import fakeredis
import pytest

from config.sections import SubAccount
from config.settings import Settings
from sendmany.api.routes.campaigns.campaigns import campaigns_router
from store.access.tokens import Scope
from store.client import AsyncStore, Call, Store
from store.errors import StoreUnavailable
from store.scripts import load_scripts
from tests.unit.web_client import Door, Wakes, web_client

T = TypeVar("T")
PIER = SubAccount.model_validate(
    {
        "base_url": "http://127.0.0.1:9",  # no server there
        "api_key": "key",
        "account_id": "11111111-2222-4333-8444-555555555555",
        "channel_id": "pier",
    }
)


@pytest.fixture
def store(server: fakeredis.FakeServer) -> Store:
    return Store(fakeredis.FakeRedis(server=server), load_scripts(flags=False))


@pytest.fixture
def settings() -> Settings:
    return Settings(
        sub_accounts={"Shop": SubAccount(), "Bank": SubAccount(), "Pier": PIER},
        default_sub_account="Shop",
    )


@pytest.fixture
def wakes() -> Wakes:
    return Wakes()


class Trouble(AsyncStore):
    """Fails after so many chunks of a file; by default never."""

    chunks_left = 1_000_000

    async def run(self, call: Call[T]) -> T:
        if call.script == "enqueue_rows":
            self.chunks_left -= 1
        if self.chunks_left < 0:
            raise StoreUnavailable("away")
        return await super().run(call)


@pytest.fixture
async def trouble(server: fakeredis.FakeServer) -> AsyncIterator[Trouble]:
    store = Trouble(fakeredis.FakeAsyncRedis(server=server), load_scripts(flags=False))
    yield store
    await store.close()


@pytest.fixture
async def door(trouble: Trouble, settings: Settings, wakes: Wakes) -> AsyncIterator[Door]:
    async with web_client(
        lambda needs: [campaigns_router(trouble, settings, needs, wakes)],
        *(Scope.SEND, Scope.MANAGE, Scope.PEOPLE),
    ) as door:
        yield door
