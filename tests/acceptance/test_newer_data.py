"""Every process refuses data that a newer program has written, in a sentence, and leaves them alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from store.client import Store
from store.keys import SCHEMA
from tests.acceptance.command import sendmany
from tests.integration.servers import running

SECRET = "Bearer a-secret-of-at-least-sixteen-letters"


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running("embedded", tmp_path_factory.mktemp("redis")) as url:
        store = Store.connect(url)
        store.client.set(SCHEMA, 999)
        yield url
        assert [*store.client.scan_iter("sm:*")] == [SCHEMA.encode()]
        store.close()


@pytest.mark.parametrize(
    "words",
    [
        ["campaign", "list"],
        ["worker", "--concurrency", "1"],
        ["web", "--port", "0"],
        ["receiver", "--port", "0"],
    ],
)
def test_a_process_refuses_newer_data(tmp_path: Path, redis_url: str, words: list[str]) -> None:
    settings = {
        "redis_url": redis_url,
        "webhooks__authorization_env": '["HOOK"]',
        "log_format": "json",
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOOK", SECRET)
        ran = sendmany(tmp_path, *words, **settings)
    assert ran.code == 1
    assert "The data in Redis have layout 999" in ran.err
    assert "install the newer version" in ran.err
    assert "Traceback" not in ran.err
