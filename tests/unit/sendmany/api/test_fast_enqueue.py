"""The straight way of single messages answers what their route answers, to everything."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Message, Receive, Send
from starlette.types import Scope as AsgiScope
from structlog.testing import capture_logs

from config.settings import Settings
from sendmany.api.app import create_app
from sendmany.api.http_protocol import JSON, PROBLEM_JSON, RawHeaders, Shortcut
from sendmany.api.middleware.security import HEADERS
from store.access.tokens import Scope
from store.errors import StoreError, StoreFault, StoreFull, StoreRefused, StoreUnavailable
from tests.unit.sendmany.api.given import client, in_pieces, new_store, new_token

ACCOUNTS = {"ours": {"api_key": "key"}, "theirs": {"api_key": "key"}}
MESSAGE = {"user": {"msisdn": "+447700900123"}, "type": "text", "content": {"text": "Hello"}}
OTHER = {**MESSAGE, "content": {"text": "Good evening"}}
ODD = {"user": {"msisdn": "+447700900123"}, "type": "text", "content": {"txt": "Hello"}}
SOUND = json.dumps({"message": MESSAGE}).encode()
Headers = list[tuple[str, str]]
CASES: dict[str, list[tuple[bytes, Headers]]] = {
    "sound": [(SOUND, [])],
    "keyed": [(SOUND, [("Idempotency-Key", "a")])] * 2,
    "conflict": [
        (json.dumps({"message": one, "key": "a"}).encode(), []) for one in (MESSAGE, OTHER)
    ],
    "two keys": [
        (json.dumps({"message": MESSAGE, "key": "b"}).encode(), [("idempotency-key", "a")])
    ],
    "empty key": [(SOUND, [("Idempotency-Key", "")])],
    "long key": [(SOUND, [("Idempotency-Key", "k" * length)]) for length in (256, 257)],
    "key not of UTF-8": [(SOUND, [("Idempotency-Key", "ü" * 256)])],
    "key of umlauts": [
        (json.dumps({"message": MESSAGE, "key": "ü" * 256}).encode(), []),
        (SOUND, [("Idempotency-Key", ("ü" * 256).encode().decode("latin-1"))]),
    ],
    "key twice": [(SOUND, [("Idempotency-Key", "a"), ("Idempotency-Key", "b")])] * 2,
    "no JSON": [(b"{", []), (b"", []), (b"\xff", []), (b"[" * 100_000, []), (b"null", [])],
    "odd": [(json.dumps({"message": ODD}).encode(), []), (b'{"message": {}, "x": 1}', [])],
    "urgent": [(json.dumps({"message": MESSAGE, "priority": "urgent"}).encode(), [])],
    "timed": [(json.dumps({"message": MESSAGE, "expires_in": n}).encode(), []) for n in (60, 0)],
    "tagged": [(json.dumps({"message": MESSAGE, "tag": tag}).encode(), []) for tag in ("a", "1")],
    "not ours": [(json.dumps({"message": MESSAGE, "sub_account": "theirs"}).encode(), [])],
    "nobody's": [(json.dumps({"message": MESSAGE, "sub_account": "x"}).encode(), [])],
    "other type": [(SOUND, [("Content-Type", "text/plain")]), (SOUND, [("Accept", "image/png")])],
    "large": [(b" " * 5000, [])],
}


class Front:
    """An application behind its shortcuts, which get whole POST requests as they do in a server."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self.passed: list[str] = []  # paths of what the application answered

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        shortcut = self._app.state.shortcuts.get((scope["raw_path"] + query(scope)).decode())
        pieces: list[Message] = []
        if shortcut and scope["method"] == "POST":
            while not pieces or pieces[-1].get("more_body"):
                pieces.append(await receive())
            answer = None
            if len(pieces) <= 2:  # the last one is empty
                body = b"".join(piece.get("body", b"") for piece in pieces)
                answer = await ask(shortcut, scope["headers"], body)
            if answer is not None:
                return await answer(scope, receive, send)
        self.passed.append(scope["path"])

        async def replay() -> Message:
            return pieces.pop(0) if pieces else await receive()

        return await self._app(scope, replay, send)


def query(scope: AsgiScope) -> bytes:
    return b"?" + scope["query_string"] if scope["query_string"] else b""


async def ask(shortcut: Shortcut, headers: RawHeaders, body: bytes) -> Response | None:
    """The answer of a shortcut, with the headers that the server adds; None: nothing."""
    told: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

    def reply(status: int, body: bytes, headers: RawHeaders) -> None:
        more = {name.decode(): value.decode() for name, value in headers}
        kind = JSON if status < 400 else PROBLEM_JSON
        told.set_result(Response(body, status, {**HEADERS, **more}, kind))

    return await told if shortcut.take(headers, body, reply) else None


class Both:
    """The same application twice, each with a store of its own: once with the straight way."""

    def __init__(self) -> None:
        self.stores = [new_store(), new_store()]
        settings = Settings(sub_accounts=ACCOUNTS, web={"max_body_bytes": 4096})
        self.frames = [create_app(settings, store, lambda: None) for store in self.stores]
        for app in self.frames:
            app.state.tokens.monotonic = lambda: (
                0.0
            )  # a token stays known, however slow the machine
        self.apps: list[Any] = [Front(self.frames[0]), self.frames[1]]

    async def post(
        self,
        body: bytes,
        headers: Headers,
        *scopes: Scope,
        pieces: bool = False,
        path: str = "/v1/messages",
        method: str = "POST",
    ) -> list[tuple[Any, ...]]:
        """Answers of both."""
        answers = []
        for app, store in zip(self.apps, self.stores, strict=True):
            trouble, store.error = store.error, None
            token = await new_token(store, *scopes, sub_accounts=frozenset({"ours"}))
            async with client(app, token) as http:
                await http.get("/v1/limits")  # the token is known from now on
                store.error = trouble
                sent = in_pieces(body, 100) if pieces else body
                http.headers["X-Request-Id"] = "ours-1"
                answer = await http.request(method, path, content=sent, headers=headers)
            answers.append(
                (answer.status_code, answer.content, sorted(answer.headers.multi_items()))
            )
        return answers


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    both = Both()
    yield both
    for store in both.stores:
        store.error = None
        await store.close()


@pytest.mark.parametrize("pieces", [False, True], ids=["whole", "pieces"])
@pytest.mark.parametrize("case", CASES)
async def test_it_answers_as_the_route_does(both: Both, case: str, pieces: bool) -> None:
    for body, headers in CASES[case]:
        sent = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        fast_enqueue, route = await both.post(body, sent, Scope.ENQUEUE, pieces=pieces)  # type: ignore[arg-type]
        assert fast_enqueue == route


async def test_only_a_token_that_is_known_waits_for_its_body(both: Both) -> None:
    shortcut = both.frames[0].state.shortcuts["/v1/messages"]
    token = await new_token(both.stores[0], Scope.ENQUEUE, sub_accounts=frozenset({"ours"}))
    headers = [(b"authorization", f"Bearer {token}".encode())]
    assert not shortcut.wants(headers)
    assert not shortcut.take(headers, SOUND, None)
    async with client(both.frames[0], token) as http:
        await http.get("/v1/limits")
    assert shortcut.wants(headers)
    assert not shortcut.wants([*headers, (b"expect", b"100-continue")])
    assert not shortcut.wants(headers * 2)
    assert not shortcut.wants([(b"authorization", f"Bearer {token[:-1]}x".encode())])


async def test_a_key_in_utf8_is_the_same_in_header_and_body(both: Both) -> None:
    body = json.dumps({"message": MESSAGE, "key": "clé"}).encode()
    first = await both.post(body, [], Scope.ENQUEUE)
    header = [(b"idempotency-key", "clé".encode())]
    again = await both.post(SOUND, header, Scope.ENQUEUE)  # type: ignore[arg-type]
    for (_, stored, _), (status, known, _) in zip(first, again, strict=True):
        assert (status, json.loads(known)["status"]) == (202, "duplicate")
        assert json.loads(known)["id"] == json.loads(stored)["id"]


@pytest.mark.parametrize("keys", [[b"a", b"b"], ["clé".encode("latin-1")], [b""], [b"k" * 257]])
async def test_a_header_that_is_no_key_is_refused_on_both_ways(
    both: Both, keys: list[bytes]
) -> None:
    header = [(b"idempotency-key", key) for key in keys]
    fast_enqueue, route = await both.post(SOUND, header, Scope.ENQUEUE)  # type: ignore[arg-type]
    assert fast_enqueue == route
    assert fast_enqueue[0] == 422
    assert b"The header Idempotency-Key " in fast_enqueue[1]


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailable("away"),
        StoreFull("full"),
        StoreRefused("no"),
        StoreFault("no"),
        StoreError("odd"),
    ],
)
async def test_in_trouble_it_answers_as_the_route_does(both: Both, error: StoreError) -> None:
    for store in both.stores:
        store.error = error
    with capture_logs():
        fast_enqueue, route = await both.post(SOUND, [], Scope.ENQUEUE)
    assert fast_enqueue == route
    assert fast_enqueue[0] >= 409


@pytest.mark.parametrize(
    ("path", "method", "scopes"),
    [
        ("/v1/messages", "POST", [Scope.READ, Scope.MANAGE]),
        ("/v1/messages", "POST", []),
        ("/v1/messages/", "POST", [Scope.ENQUEUE]),
        ("/v1/messages", "PUT", [Scope.ENQUEUE]),
        ("/v1/messages", "HEAD", [Scope.ENQUEUE]),
        ("/v1/messages", "OPTIONS", [Scope.ENQUEUE]),
        ("/v1/%6Dessages", "POST", [Scope.ENQUEUE]),
        ("/v1//messages", "POST", [Scope.ENQUEUE]),
        ("/v1/messages?x=1", "POST", [Scope.ENQUEUE]),
    ],
)
async def test_who_may_not_and_other_paths_are_left_to_the_routes(
    both: Both, path: str, method: str, scopes: list[Scope]
) -> None:
    fast_enqueue, route = await both.post(SOUND, [], *scopes, path=path, method=method)
    assert fast_enqueue == route


async def test_what_is_sound_does_not_meet_the_routes(both: Both) -> None:
    """Else the tests above would hold one route against itself."""
    front = both.apps[0]
    with capture_logs() as logs:
        await both.post(SOUND, [], Scope.ENQUEUE)
        await both.post(SOUND, [], Scope.ENQUEUE, path="/v1/messages/batch")
    assert front.passed == ["/v1/limits", "/v1/limits", "/v1/messages/batch"]
    fields = [{**line, "ms": 0, "token": ""} for line in logs if "messages" in line["route"]]
    assert fields[0] == fields[1]  # as the application logs it


async def test_a_caller_who_leaves_before_the_body_is_here_stores_nothing(both: Both) -> None:
    await both.post(SOUND, [], Scope.ENQUEUE)
    store, app = both.stores[0], both.frames[0]
    token = await new_token(store, Scope.ENQUEUE, sub_accounts=frozenset({"ours"}))
    messages: list[Message] = [
        {"type": "http.request", "body": SOUND, "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError("nobody is there")

    with capture_logs() as logs:
        await app(
            {
                "type": "http", "method": "POST", "path": "/v1/messages", "query_string": b"",
                "headers": [(b"authorization", f"Bearer {token}".encode())],
            },
            receive,
            send,
        )  # fmt: skip
    assert [(line["event"], line["status"]) for line in logs] == [("request", 499)]
    ((status, body, _), _) = await both.post(SOUND, [], Scope.ENQUEUE)
    assert (status, json.loads(body)["id"].rpartition(".")[2]) == (202, "1")


def test_nothing_is_sent_to_where_the_environment_says(both: Both) -> None:
    """FastAPI's own telemetry would tell paths and queries, which name people."""
    for name in ("tracing", "metrics", "logs", "auto_configure"):
        assert both.frames[0]._telemetry[name] is False
    assert not both.frames[0]._native_telemetry.enabled()


async def test_a_parameter_is_not_passed_over_either() -> None:
    store = new_store()
    app = create_app(Settings(sub_accounts={"ours": {"api_key": "key"}}), store, lambda: None)
    async with client(app, await new_token(store, Scope.ENQUEUE)) as http:
        for path in ("/v1/messages?priority=urgent", "/v1/messages/batch?key=a"):
            answer = await http.post(path, content=SOUND)
            assert answer.status_code == 422
            assert answer.json()["problems"][0]["path"].startswith("query.")
    await store.close()
