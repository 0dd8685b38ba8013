"""The receiver: what is taken, what is refused, and that nothing is answered 200 before it is stored."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import fakeredis
import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from dashboard.receiver import create_receiver, is_json
from store.calls import AsyncStore, Call
from store.errors import StoreError, StoreFull, StoreUnavailable
from store.inbox import inbox_length, read_inbox
from store.scripts import load_scripts

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
async def store() -> AsyncIterator[Trouble]:
    store = Trouble(fakeredis.FakeAsyncRedis(), load_scripts(flags=False))
    yield store
    await store.close()


def door(store: AsyncStore, **options: Any) -> httpx.AsyncClient:
    app = create_receiver(store, SECRETS, **options)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hooks.test")


@pytest.fixture
async def http(store: Trouble) -> AsyncIterator[httpx.AsyncClient]:
    async with door(store) as http:
        yield http


async def stored(store: AsyncStore) -> list[bytes]:
    return [entry.body for entry in await store.run(read_inbox("test"))]


async def test_a_webhook_is_stored_as_it_came(http: httpx.AsyncClient, store: Trouble) -> None:
    body = b'\xef\xbb\xbf{ "text": "Zo\xc3\xab \\ud83d" }\r\n'
    answer = await http.post("/webhooks", content=body, headers=KNOWN)
    assert (answer.status_code, answer.content) == (200, b"")
    assert await stored(store) == [body]


@pytest.mark.parametrize("secret", SECRETS)
async def test_two_secrets_are_taken_while_one_is_being_changed(
    http: httpx.AsyncClient, secret: SecretStr
) -> None:
    headers = {"Authorization": secret.get_secret_value()}
    assert (await http.post("/webhooks", content=RECEIPT, headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "winter-7",
        "Bearer winter-",
        "Bearer winter-77",
        "bearer winter-7",
        "Bearer wintér",
    ],
)
async def test_a_forged_webhook_is_refused(
    http: httpx.AsyncClient, store: Trouble, given: str | None
) -> None:
    headers = [] if given is None else [(b"Authorization", given.encode("latin-1"))]
    answer = await http.post("/webhooks", content=RECEIPT, headers=headers)
    assert answer.status_code == 401
    assert "winter" not in answer.text
    assert await store.run(inbox_length()) == 0


async def test_a_forged_webhook_is_refused_before_its_body_is_read(
    http: httpx.AsyncClient,
) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(True)
        yield RECEIPT

    assert (await http.post("/webhooks", content=body())).status_code == 401
    assert not read


@pytest.mark.parametrize("secrets", [[], [SecretStr("")], [SECRETS[0], SecretStr("")]])
def test_a_receiver_for_everybody_cannot_be_made(store: Trouble, secrets: list[SecretStr]) -> None:
    with pytest.raises(ValueError, match="authorization"):
        create_receiver(store, secrets)


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """Sent without a Content-Length."""
    for start in range(0, len(body), 10):
        yield body[start : start + 10]


@pytest.mark.parametrize("send", [lambda body: body, in_pieces], ids=["length", "pieces"])
@pytest.mark.parametrize(("size", "status"), [(100, 200), (101, 413)])
async def test_a_body_may_not_be_too_large(
    store: Trouble, send: Callable[[bytes], Any], size: int, status: int
) -> None:
    async with door(store, max_body=100) as http:
        body = b'"'.join([b"[", b"x" * (size - 4), b"]"])
        answer = await http.post("/webhooks", content=send(body), headers=KNOWN)
    assert answer.status_code == status
    assert await stored(store) == ([body] if status == 200 else [])


@pytest.mark.parametrize("body", [b"", b"hello", b"{", b"42", b'"x"', b"null", b"{]}", b"[1,]"])
async def test_what_is_no_json_object_or_list_is_refused(
    http: httpx.AsyncClient, store: Trouble, body: bytes
) -> None:
    assert (await http.post("/webhooks", content=body, headers=KNOWN)).status_code == 400
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
    http: httpx.AsyncClient, store: Trouble, error: StoreError
) -> None:
    store.before = error
    assert (await http.post("/webhooks", content=RECEIPT, headers=KNOWN)).status_code == 503
    assert (await http.get("/healthz")).status_code == 503
    store.before = None
    assert (await http.post("/webhooks", content=RECEIPT, headers=KNOWN)).status_code == 200
    assert (await http.get("/healthz")).json() == {"redis": True}
    assert await stored(store) == [RECEIPT]


async def test_many_at_once_are_all_stored_each_once(
    http: httpx.AsyncClient, store: Trouble
) -> None:
    bodies = [json.dumps({"n": n}).encode() for n in range(200)]
    posts = [http.post("/webhooks", content=body, headers=KNOWN) for body in bodies]
    answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {200}
    entries = await store.run(read_inbox("test", 1000))
    assert sorted(entry.body for entry in entries) == sorted(bodies)


async def test_refusals_are_logged_by_reason_and_not_one_by_one(store: Trouble) -> None:
    now = 100.0
    with capture_logs() as logs:
        async with door(store, monotonic=lambda: now) as http:
            for _ in range(3):
                await http.post("/webhooks", content=RECEIPT)
            await http.post("/webhooks", content=b"x", headers=KNOWN)
            now += 11
            await http.post("/webhooks", content=RECEIPT)
    assert [(line["reason"], line["times"]) for line in logs] == [
        ("wrong Authorization", 1),
        ("not JSON", 1),
        ("wrong Authorization", 3),
    ]
    assert "winter" not in str(logs)
