import fakeredis
import pytest

from config.sections import SubAccount
from config.settings import Settings
from store.client import Store
from store.scripts import load_scripts


@pytest.fixture
def store() -> Store:
    return Store(fakeredis.FakeRedis(), load_scripts(flags=False))


@pytest.fixture
def settings() -> Settings:
    return Settings(sub_accounts={"Shop": SubAccount(), "Bank": SubAccount()})
