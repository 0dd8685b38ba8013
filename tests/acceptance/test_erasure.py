"""A person is forgotten: nothing of them is left in Redis, nor in the files that it writes."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.sections import SubAccount
from config.settings import Settings
from producer import Item, Producer
from store.client import Store
from store.people.suppressions import Why, suppress
from store.receipts.inbox import keep_unmatched
from tests.acceptance.command import sendmany
from tests.acceptance.house import until
from tests.conformance import given
from tests.integration import servers

ADA = "447700900005"
SETTINGS = {
    "secret": "a secret that Redis does not know",
    "sub_accounts": '{"shop": {"api_key": "key"}}',
}


@pytest.fixture(params=servers.kinds())
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Where a server keeps its files, and its URL."""
    (tmp_path / "redis").mkdir()
    with servers.running(request.param, tmp_path / "redis") as url:
        yield tmp_path, url


def files_with(folder: Path, text: str) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".log"]
    return [path.name for path in files if text.encode() in path.read_bytes()]


def test_nothing_is_left_of_a_person_in_redis_nor_in_its_files(home: tuple[Path, str]) -> None:
    folder, url = home
    store, settings = Store.connect(url), Settings(sub_accounts={"shop": SubAccount()})
    given.loaded(store, 2000)
    message = {"user": {"msisdn": f"+{ADA}"}, "type": "text", "content": {"text": "Hello"}}
    Producer(store, settings, lambda: None).enqueue_many([Item(message)] * 3)
    store.run(suppress("shop", [(ADA, None)], Why.REPLY))
    store.run(keep_unmatched([f'{{"from":"{ADA}"}}'.encode()]))
    store.client.bgsave()
    until(lambda: not store.client.info("persistence")["rdb_bgsave_in_progress"])
    assert files_with(folder / "redis", ADA) != []
    done = sendmany(
        folder, "person", "forget", f"+{ADA}", "--yes", "--json", redis_url=url, **SETTINGS
    )
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found["erased"] == {"messages": 4, "webhooks": 1, "lists": 1, "drafts": 0}
    assert files_with(folder / "redis" / "appendonlydir", ADA) == []
    shown = sendmany(folder, "person", "show", f"+{ADA}", redis_url=url, **SETTINGS)
    document = json.loads(shown.out)
    assert (document["messages"], document["webhooks"]) == ([], [])
    assert document["forgotten_at"]
    store.close()
