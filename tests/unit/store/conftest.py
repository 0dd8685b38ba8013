"""A store without a server."""

import fakeredis
import pytest

from store.client import Store
from store.scripts import load_scripts


@pytest.fixture
def store() -> Store:
    client = fakeredis.FakeRedis(server=fakeredis.FakeServer())
    return Store(client, load_scripts(flags=False))
