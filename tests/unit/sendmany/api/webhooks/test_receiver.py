"""The receiver: what is taken, what is refused, and that nothing is answered 200 before it is stored."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TypeVar

import fakeredis
import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from sendmany.api.webhooks.receiver import Receiver, health_app, is_json
from store.client import AsyncStore, Call
from store.errors import StoreError, StoreFull, StoreUnavailable
from store.keys import inbox
from store.receipts.inbox import inbox_length, read_inbox
from store.scripts import load_scripts
from tests.raw_post import post

T = TypeVar("T")
SECRETS = [SecretStr("Bearer winter-7"), SecretStr("Bearer spring-8")]
KNOWN = {"Authorization": "Bearer winter-7"}
RECEIPT = b'{"eventType": "outbound_message_status_changed", "payload": {"umid": "1"}}'


class Trouble(AsyncStore):
    """A store that fails as it is told to, before or after the call."""

    before: StoreError | None = None

    async def run(self, call: Call[T]) -> T:
        if self.before is not None:
            raise self.before
        return await super().run(call)


@pytest.fixture
async def store(server: fakeredis.FakeServer) -> AsyncIterator[Trouble]:
    store = Trouble(fakeredis.FakeAsyncRedis(server=server), load_scripts(flags=False))
    yield store
    await store.close()


@pytest.fixture
def receiver(store: Trouble) -> Receiver:
    return Receiver(store, SECRETS)


async def stored(store: AsyncStore) -> list[bytes]:
    return [entry.body for entry in await store.run(read_inbox("test"))]


async def test_a_webhook_is_stored_as_it_came(receiver: Receiver, store: Trouble) -> None:
    body = b'\xef\xbb\xbf{ "text": "Zo\xc3\xab \\ud83d" }\r\n'
    assert await post(receiver, body, KNOWN) == (200, b"")
    assert await stored(store) == [body]


@pytest.mark.parametrize("secret", SECRETS)
async def test_two_secrets_are_taken_while_one_is_being_changed(
    receiver: Receiver, secret: SecretStr
) -> None:
    headers = {"Authorization": secret.get_secret_value()}
    assert (await post(receiver, RECEIPT, headers))[0] == 200


@pytest.mark.parametrize(
    "given",
    [
        [],
        [b""],
        [b"winter-7"],
        [b"Bearer winter-"],
        [b"Bearer winter-77"],
        [b"bearer winter-7"],
        ["Bearer wintér".encode("latin-1")],
        [b"Bearer winter-7", b"Bearer winter-7"],
    ],
)
def test_a_forged_webhook_is_refused_before_its_body_is_read(
    receiver: Receiver, given: list[bytes]
) -> None:
    assert receiver.check(b"POST", [(b"authorization", value) for value in given]) == 401
    assert b"winter" not in receiver.refuse(401)


def test_only_a_post_is_a_webhook(receiver: Receiver) -> None:
    assert receiver.check(b"GET", [(b"authorization", b"Bearer winter-7")]) == 405


@pytest.mark.parametrize("secrets", [[], [SecretStr("")], [SECRETS[0], SecretStr("")]])
def test_a_receiver_for_everybody_cannot_be_made(store: Trouble, secrets: list[SecretStr]) -> None:
    with pytest.raises(ValueError, match="authorization"):
        Receiver(store, secrets)


@pytest.mark.parametrize("body", [b"", b"hello", b"{", b"42", b'"x"', b"null", b"{]}", b"[1,]"])
async def test_what_is_no_json_object_or_list_is_refused(
    receiver: Receiver, store: Trouble, body: bytes
) -> None:
    assert (await post(receiver, body, KNOWN))[0] == 400
    assert await store.run(inbox_length()) == 0


@pytest.mark.parametrize(
    "body",
    [b'{"a": "\xf0\x9f\x98"}', b'{"a": "line\nbreak"}', b'\n [{"a": 1}]', '{"a": "é"}'.encode()],
)
def test_nearly_json_is_json(body: bytes) -> None:
    assert is_json(body)


def test_endless_nesting_is_not_json() -> None:
    assert not is_json(b"[" * 200_000 + b"]" * 200_000)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StoreFull("full")])
async def test_what_cannot_be_stored_is_to_be_repeated(
    receiver: Receiver, store: Trouble, error: StoreError
) -> None:
    transport = httpx.ASGITransport(health_app(store))
    async with httpx.AsyncClient(transport=transport, base_url="http://hooks.test") as http:
        store.before = error
        assert (await post(receiver, RECEIPT, KNOWN))[0] == 503
        assert (await http.get("/healthz")).status_code == 503
        store.before = None
        assert (await post(receiver, RECEIPT, KNOWN))[0] == 200
        assert (await http.get("/healthz")).json() == {"redis": True}
    assert await stored(store) == [RECEIPT]


async def test_many_at_once_are_all_stored_each_once(receiver: Receiver, store: Trouble) -> None:
    bodies = [json.dumps({"n": n}).encode() for n in range(200)]
    answers = await asyncio.gather(*(post(receiver, body, KNOWN) for body in bodies))
    assert set(answers) == {(200, b"")}
    entries = await store.run(read_inbox("test", 1000))
    assert [entry.body for entry in entries] == bodies
    assert len({entry.id for entry in entries}) == 1


async def test_what_shares_an_entry_is_acknowledged_only_when_it_is_stored(
    receiver: Receiver, server: fakeredis.FakeServer
) -> None:
    """The process may be killed at any point of a write: what was answered 200 is in Redis by then."""
    seen: list[tuple[int, int]] = []
    all_seen = asyncio.Event()

    def reply(status: int, body: bytes) -> None:
        seen.append((status, redis.xlen(inbox(0))))
        if len(seen) == 3:
            all_seen.set()

    redis = fakeredis.FakeRedis(server=server)
    for n in range(3):
        receiver.take(b"[%d]" % n, reply)
        await asyncio.sleep(0)
    await all_seen.wait()
    assert seen == [(200, 1), (200, 2), (200, 2)]


async def test_a_fault_of_ours_loses_nothing_that_was_acknowledged(
    receiver: Receiver, store: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*bodies: bytes, number: int) -> Call[str]:
        raise TypeError("ours")

    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr("sendmany.api.webhooks.receiver.add_to_inbox", faulty)
        assert (await post(receiver, RECEIPT, KNOWN))[0] == 503
    assert logs[0]["reason"] == "a fault of sendmany, TypeError"
    assert (await post(receiver, RECEIPT, KNOWN))[0] == 200
    assert await stored(store) == [RECEIPT]


async def test_each_process_writes_to_an_inbox_of_its_own(store: Trouble) -> None:
    for n in range(2):
        assert (await post(Receiver(store, SECRETS), b"[%d]" % n, KNOWN))[0] == 200
    read = [await store.run(read_inbox("test", number=number)) for number in range(2)]
    assert [[entry.body for entry in entries] for entries in read] == [[b"[0]"], [b"[1]"]]


async def test_refusals_are_logged_by_reason_and_not_one_by_one(store: Trouble) -> None:
    now = 100.0
    receiver = Receiver(store, SECRETS, monotonic=lambda: now)
    with capture_logs() as logs:
        for _ in range(3):
            await post(receiver, RECEIPT, {})
        await post(receiver, b"x", KNOWN)
        now += 11
        await post(receiver, RECEIPT, {})
    assert [(line["reason"], line["times"]) for line in logs] == [
        ("wrong Authorization", 1),
        ("not JSON", 1),
        ("wrong Authorization", 3),
    ]
    assert "winter" not in str(logs)
