"""The store that the suite of scripts runs on, for other tests of it."""

from collections.abc import Iterator

import pytest

from store.client import Store
from tests.conformance.declared_keys import DeclaredKeysStore


@pytest.fixture
def store(server: str) -> Iterator[Store]:
    """A store on an empty server."""
    client = Store.connect(server).client
    client.flushall()
    store = DeclaredKeysStore(client)
    yield store
    store.close()
