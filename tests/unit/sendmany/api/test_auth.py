"""Tokens: who is admitted, who is not, and what a caller without one learns."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Send
from starlette.types import Scope as AsgiScope
from structlog.testing import capture_logs

from config.settings import Settings
from sendmany.api import auth
from sendmany.api.app import create_app
from sendmany.api.auth import (
    AGAIN_SECONDS,
    HONOURED_SECONDS,
    REMEMBERED_SECONDS,
    Guard,
    Tokens,
)
from store.access.tokens import Scope, Token, list_tokens, revoke_token
from store.errors import StoreUnavailable
from tests.unit.sendmany.api.given import Trouble, client, new_app, new_token


async def test_a_token_with_the_scope_comes_in(reader: httpx.AsyncClient) -> None:
    answer = await reader.get("/v1/try")
    assert (answer.status_code, answer.json()) == (200, "shop")


@pytest.mark.parametrize("path", ["/v1/try", "/v1/forgotten", "/openapi.json"])
async def test_without_a_token_everything_is_closed(stranger: httpx.AsyncClient, path: str) -> None:
    answer = await stranger.get(path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert set(answer.json()) == {"title", "status", "detail", "problems"}


async def test_every_route_of_the_application_is_closed_but_health(
    app: FastAPI, stranger: httpx.AsyncClient
) -> None:
    paths = app.openapi()["paths"]
    for path, operations in paths.items():
        for method in operations.keys() & {"get", "post", "put", "patch", "delete"}:
            answer = await stranger.request(method, path)
            closed = answer.status_code == 401
            assert closed != (path in {"/healthz", "/readyz"}), (method, path)


@pytest.mark.parametrize("word", ["", "Basic", "Bearer", "Bearer ", "Token {}", "Bearer {}x", "{}"])
async def test_what_only_looks_like_a_token_is_refused(
    app: FastAPI, store: Trouble, word: str
) -> None:
    token = await new_token(store, Scope.READ)
    async with client(app) as http:
        answer = await http.get("/v1/try", headers={"Authorization": word.format(token)})
    assert answer.status_code == 401
    assert token not in answer.text


async def test_the_scheme_may_be_written_in_any_case(app: FastAPI, store: Trouble) -> None:
    token = await new_token(store, Scope.READ)
    async with client(app) as http:
        answer = await http.get("/v1/try", headers={"Authorization": f"bearer  {token}"})
    assert answer.status_code == 200


async def test_a_wrong_secret_and_an_unknown_id_are_told_alike(
    app: FastAPI, store: Trouble
) -> None:
    token = await new_token(store, Scope.READ)
    wrong, unknown = token[:-1] + ("A" if token[-1] != "A" else "B"), "sm_zzzzzzzz_" + "s" * 43
    answers = []
    for given in (wrong, unknown):
        async with client(app, given) as http:
            answers.append(await http.get("/v1/try"))
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].content == answers[1].content


async def test_a_token_without_the_scope_is_refused(app: FastAPI, store: Trouble) -> None:
    async with client(app, await new_token(store, Scope.ENQUEUE, Scope.MANAGE)) as http:
        answer = await http.get("/v1/try")
    assert answer.status_code == 403
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="read"'
    assert answer.json()["detail"] == "This token has not the scope read."


async def test_a_stranger_is_refused_before_the_body_is_read(stranger: httpx.AsyncClient) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append(True)
        yield b"[]"

    assert (await stranger.post("/v1/orders", content=body())).status_code == 401
    assert not read


async def test_what_does_not_exist_says_so_and_nothing_else(stranger: httpx.AsyncClient) -> None:
    answer = await stranger.get("/v1/secret-plans")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "title": "Not Found", "status": 404, "detail": "Not Found.", "problems": [],
    }  # fmt: skip


async def test_a_stranger_does_not_learn_which_methods_there_are(
    stranger: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    assert (await stranger.delete("/v1/try")).status_code == 401
    known = await reader.delete("/v1/try")
    assert (known.status_code, known.headers["Allow"]) == (405, "GET")
    assert set(known.json()) == {"title", "status", "detail", "problems"}


async def test_a_token_is_for_its_sub_accounts_only() -> None:
    token = Token("abcd1234", "shop", frozenset({Scope.READ}), frozenset({"a", "b"}))
    assert token.may_use("a")
    assert not token.may_use("c")
    assert Token("abcd1234", "shop", frozenset(), frozenset()).may_use("c")


async def test_a_revoked_token_stops_working_within_seconds(store: Trouble) -> None:
    now = 100.0
    tokens = Tokens(store, lambda: now)
    header = f"Bearer {await new_token(store, Scope.READ)}"
    assert await tokens.of(header)
    await store.run(revoke_token(header[10:18]))
    now += REMEMBERED_SECONDS - 0.1
    assert await tokens.of(header)  # this process has just seen it
    now += 0.1
    assert await tokens.of(header) is None
    assert REMEMBERED_SECONDS <= 5


async def test_a_revoked_token_is_refused_by_a_process_that_has_not_seen_it(
    app: FastAPI, store: Trouble
) -> None:
    token = await new_token(store, Scope.READ)
    assert await store.run(revoke_token(token[3:11]))
    async with client(app, token) as http:
        assert (await http.get("/v1/try")).status_code == 401


async def test_an_answer_that_lasts_ends_soon_after_its_token_was_revoked(store: Trouble) -> None:
    now, sent = 100.0, list[Message]()
    header = f"Bearer {await new_token(store, Scope.READ)}"

    async def lasts(scope: AsgiScope, receive: Receive, send: Send) -> None:
        nonlocal now
        now += 1000  # whatever it took to find
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for second in range(100):
            if second == 20:
                store.error = StoreUnavailable("away")  # nobody is cut off for that
            if second == 35:
                store.error = None
                await store.run(revoke_token(header[10:18]))
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            now += 1

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    guard = Guard(lasts, Tokens(store, lambda: now), lambda path: False, lambda scope: True)
    scope = {"type": "http", "path": "/v1/events", "headers": [(b"authorization", header.encode())]}
    with pytest.raises(ClientDisconnect):
        await guard(scope, receive, send)
    assert 35 < len(sent) <= 35 + 1 + AGAIN_SECONDS


async def test_one_that_is_remembered_costs_redis_nothing(store: Trouble) -> None:
    tokens = Tokens(store, lambda: 100.0)
    header = f"Bearer {await new_token(store, Scope.READ)}"
    assert await tokens.of(header)
    store.error = StoreUnavailable("away")
    assert await tokens.of(header)
    assert await tokens.of(header[:-3] + "xyz") is None  # a wrong secret does not get in by memory


async def test_while_redis_is_away_one_that_was_seen_lately_is_honoured(store: Trouble) -> None:
    now = 100.0
    tokens = Tokens(store, lambda: now)
    header = f"Bearer {await new_token(store, Scope.READ)}"
    assert await tokens.of(header)
    store.error = StoreUnavailable("away")
    for seconds in (REMEMBERED_SECONDS, 60, HONOURED_SECONDS - 0.1):
        now = 100.0 + seconds
        assert await tokens.of(header)
        assert await tokens.of(header[:-3] + "xyz") is None
    now = 100.0 + HONOURED_SECONDS
    with pytest.raises(StoreUnavailable):
        await tokens.of(header)


async def test_a_redis_that_hangs_is_not_waited_for_where_a_token_was_seen_lately(
    store: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    tokens = Tokens(store, lambda: now)
    header = f"Bearer {await new_token(store, Scope.READ)}"
    assert await tokens.of(header)
    now += REMEMBERED_SECONDS
    monkeypatch.setattr(auth, "PATIENCE", 0.01)
    monkeypatch.setattr(store, "run", lambda call: asyncio.Event().wait())
    async with asyncio.timeout(10):
        assert await tokens.of(header)


async def test_one_that_was_revoked_meanwhile_is_refused_as_soon_as_redis_is_back(
    store: Trouble,
) -> None:
    now = 100.0
    tokens = Tokens(store, lambda: now)
    header = f"Bearer {await new_token(store, Scope.READ)}"
    assert await tokens.of(header)
    await store.run(revoke_token(header[10:18]))
    store.error, now = StoreUnavailable("away"), now + 60
    assert await tokens.of(header)
    store.error, now = None, now + REMEMBERED_SECONDS
    assert await tokens.of(header) is None
    store.error = StoreUnavailable("away")
    with pytest.raises(StoreUnavailable):
        await tokens.of(header)


async def test_metrics_tell_that_redis_is_away(
    reader: httpx.AsyncClient, store: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "REMEMBERED_SECONDS", 0.0)  # each request looks it up
    assert "sendmany_redis_up 1.0" in (await reader.get("/metrics")).text
    store.error = StoreUnavailable("away")
    answer = await reader.get("/metrics")
    assert answer.status_code == 200
    assert "sendmany_redis_up 0.0" in answer.text


async def test_its_use_is_noted_once_an_hour(store: Trouble) -> None:
    now = 100.0
    tokens = Tokens(store, lambda: now)
    header = f"Bearer {await new_token(store, Scope.READ)}"
    for _ in range(3):
        await tokens.of(header)
    (kept,) = await store.run(list_tokens())
    assert kept.used_at > 0
    await store.client.delete("sm:{tokens}:used")
    now += 3590
    await tokens.of(header)
    assert (await store.run(list_tokens()))[0].used_at == 0
    now += 11
    await tokens.of(header)
    assert (await store.run(list_tokens()))[0].used_at == kept.used_at


async def test_while_redis_is_away_each_caller_is_refused_and_told_when_to_try_again(
    store: Trouble,
) -> None:
    token = await new_token(store, Scope.READ)
    store.error = StoreUnavailable("redis://:password@host")
    async with client(new_app(store), token) as http:
        answer = await http.get("/v1/try")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "password" not in answer.text


async def test_no_secret_is_logged(app: FastAPI, store: Trouble) -> None:
    token = await new_token(store, Scope.READ)
    with capture_logs() as logs:
        for given in (token, token[:-1], "sm_zzzzzzzz_" + "s" * 43):
            async with client(app, given) as http:
                for path in ("/v1/try", "/v1/faulty", "/nowhere"):
                    answer = await http.get(path)
                    assert token[12:-1] not in answer.text
    assert [line["event"] for line in logs if line["event"] != "request"] == ["request_failed"]
    assert token[12:-1] not in str(logs)


async def test_a_token_of_another_sub_account_is_refused_by_the_application(
    store: Trouble,
) -> None:
    accounts = {"ours": {"api_key": "key"}, "theirs": {"api_key": "key"}}
    app = create_app(Settings(sub_accounts=accounts), store, lambda: None)
    token = await new_token(store, Scope.ENQUEUE, sub_accounts=frozenset({"ours"}))
    message = {
        "user": {"msisdn": "+447700900123"}, "type": "text", "content": {"text": "Hello"},
    }  # fmt: skip
    async with client(app, token) as http:
        for name, status in (("ours", 202), ("theirs", 403)):
            answer = await http.post("/v1/messages", json={"message": message, "sub_account": name})
            assert answer.status_code == status, answer.text
