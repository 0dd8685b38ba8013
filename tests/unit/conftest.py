"""A store in this process, and its server for those who connect to it by themselves."""

import fakeredis
import pytest

from store.client import Store
from store.scripts import load_scripts


@pytest.fixture
def server() -> fakeredis.FakeServer:
    return fakeredis.FakeServer()


@pytest.fixture
def store(server: fakeredis.FakeServer) -> Store:
    return Store(fakeredis.FakeRedis(server=server), load_scripts(flags=False))
