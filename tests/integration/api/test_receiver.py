"""The sandbox's posts, the receiver and a real server: what was acknowledged is what is stored."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from chatapps.sandbox import SandboxConfig
from chatapps.sandbox.provider import Call, Provider
from chatapps.sandbox.webhooks.posting import poster_for
from sendmany.api.webhooks.receiver import Receiver
from store.client import AsyncStore, Store
from store.receipts.inbox import read_inbox
from tests.raw_post import post

SECRET = "Bearer winter-7"
KEY = "Bearer sandbox-key"


class Wire:
    """The way to a receiver, which remembers what was answered 200."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.acknowledged: Counter[bytes] = Counter()
        self.refused: Counter[int] = Counter()

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        status, _ = await post(self._receiver, body, headers)
        if status == 200:
            self.acknowledged[body] += 1
        else:
            self.refused[status] += 1
        return status


@pytest.fixture
async def receiving(server: str) -> AsyncIterator[AsyncStore]:
    store = AsyncStore.connect(server)
    yield store
    await store.close()


def send(provider: Provider, first: int, last: int) -> None:
    messages = [
        {"user": {"msisdn": f"+4477009{n:05d}"}, "clientMessageId": f"a.{n}.1"}
        for n in range(first, last)
    ]
    shared = {"type": "text", "content": {"text": "Hello"}}
    body = json.dumps({"template": shared, "messages": messages}).encode()
    assert provider.send_many(Call("sandbox", KEY, body)).status == 200


def stored(store: Store) -> Counter[bytes]:
    bodies: Counter[bytes] = Counter()
    while entries := store.run(read_inbox("test", 1000)):
        bodies.update(entry.body for entry in entries)
    return bodies


@pytest.mark.parametrize("version", [8, 9])
async def test_what_is_acknowledged_is_stored_as_often_and_nothing_else(
    store: Store, receiving: AsyncStore, version: Any
) -> None:
    config = SandboxConfig(
        receipts="wild", receipt_version=version, reply_share=0.2, webhook_patience=0.002,
        webhook_url="http://hooks.test/webhooks", webhook_authorization=SECRET,
    )  # fmt: skip
    provider = Provider(config, clock=lambda: 1_800_000_000.0)
    wire = Wire(Receiver(receiving, [SecretStr(SECRET)]))
    poster = poster_for(config, provider, wire)
    for first in range(0, 500, 100):
        send(provider, first, first + 100)
    await poster.finished()
    posted = poster.posted()
    assert (posted["given_up"], posted["forged_accepted"]) == (0, 0)
    assert posted["planned"] == posted["acknowledged"] == wire.acknowledged.total()
    assert wire.refused == {401: posted["forged"]}
    assert posted["forged"] > 0
    assert max(wire.acknowledged.values()) > 1  # some come twice
    assert stored(store) == wire.acknowledged


async def test_a_full_server_is_told_and_goes_on_when_there_is_room(
    store: Store, receiving: AsyncStore
) -> None:
    receiver = Receiver(receiving, [SecretStr(SECRET)])
    headers = {"Authorization": SECRET}
    store.client.config_set("maxmemory", "1mb")
    full, _ = await post(receiver, b"{}", headers)
    store.client.config_set("maxmemory", "0")
    roomy, _ = await post(receiver, b"{}", headers)
    assert (full, roomy) == (503, 200)
    assert stored(store) == {b"{}": 1}
