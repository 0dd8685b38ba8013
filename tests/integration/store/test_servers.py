"""Which servers the store is tested on."""

import pytest

from store.client import Store
from tests.integration.servers import redis_program


def test_the_store_is_tested_on_redis_too() -> None:
    program = redis_program()
    if program is None:
        pytest.skip("no redis-server on PATH or in SENDMANY_TEST_REDIS_SERVER")
    assert program.is_file()


def test_every_script_can_be_loaded(store: Store) -> None:
    store.load()
