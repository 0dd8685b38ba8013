"""Limits of tokens: how many messages one may hand in, as the RateLimit headers and a 429 tell it."""

import json
from typing import Any

import fakeredis
import httpx
import pytest
from typer.testing import CliRunner

from config.settings import Settings
from producer.errors import InputError
from sendmany.api.app import create_app
from sendmany.cli.application import app as command
from store.access.tokens import Limit, Scope, Token, add_token, draw_token, token_text
from store.client import AsyncStore, Call, Store
from store.scripts import load_scripts
from tests.unit.sendmany.api.given import Trouble, client

SETTINGS = Settings(sub_accounts={"shop": {"api_key": "key"}})
MESSAGE = {"user": {"msisdn": "+447700900123"}, "type": "text", "content": {"text": "Hello"}}
POLICY = '"messages";q=3;qu="messages";w=3600'


async def token_of(store: AsyncStore, limit: Limit | None) -> str:
    id, secret = draw_token()
    token = Token(id, "shop", frozenset({Scope.ENQUEUE}), frozenset(), limit)
    await store.run(add_token(token, secret))
    return token_text(id, secret)


def caller(store: AsyncStore, token: str) -> httpx.AsyncClient:
    """A client of a web process of its own."""
    return client(create_app(SETTINGS, store, lambda: None), token)


async def send(http: httpx.AsyncClient, **more: Any) -> httpx.Response:
    return await http.post("/v1/messages", json={"message": MESSAGE, **more})


async def test_the_limit_holds_over_processes_and_every_answer_tells_what_is_left(
    store: Trouble,
) -> None:
    token = await token_of(store, Limit(3, 3600))
    async with caller(store, token) as one, caller(store, token) as other:
        answers = [await send(one), await send(other, priority="soon"), await send(one)]
        refused = await send(other)
    assert [answer.status_code for answer in answers] == [202, 422, 202]
    assert {answer.headers["RateLimit-Policy"] for answer in [*answers, refused]} == {POLICY}
    assert [answer.headers["RateLimit"] for answer in answers] == [
        f'"messages";r={left};t=1200' for left in (2, 1, 0)
    ]
    assert refused.status_code == 429
    assert refused.headers["RateLimit"] == '"messages";r=0;t=1200'
    assert refused.headers["Retry-After"] == "1200"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["detail"] == "The limit of this token is 3/h messages; 0 are left now."


async def test_a_batch_counts_its_messages_and_goes_in_whole_or_not_at_all(store: Trouble) -> None:
    async with caller(store, await token_of(store, Limit(3, 3600))) as http:

        async def batch(n: int) -> httpx.Response:
            body = {"messages": [{"message": MESSAGE}] * n}
            return await http.post("/v1/messages/batch", json=body)

        large = await batch(4)
        assert (large.status_code, large.json()["problems"]) == (
            422,
            [{"path": "messages", "message": "the token may hand in at most 3 at once"}],
        )
        first, second = await batch(2), await batch(2)
        assert (first.json()["accepted"], second.status_code) == (2, 429)
        assert second.headers["RateLimit"] == '"messages";r=1;t=1200'
        assert (await batch(1)).json()["accepted"] == 1


async def test_a_token_without_a_limit_asks_for_no_quota_and_is_told_of_none(
    store: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = list[str | None]()
    run = store.run

    async def noting(call: Call[Any]) -> Any:
        scripts.append(call.script)
        return await run(call)

    monkeypatch.setattr(store, "run", noting)
    async with caller(store, await token_of(store, None)) as http:
        answer = await send(http)
    assert (answer.status_code, "enqueue_messages" in scripts) == (202, True)
    assert not any("ratelimit" in name for name in answer.headers)
    assert "take_quota" not in scripts


async def test_a_limited_token_does_not_take_the_fast_way(store: Trouble) -> None:
    app = create_app(SETTINGS, store, lambda: None)
    token = await token_of(store, Limit(3, 3600))
    async with client(app, token) as http:
        await send(http)  # the token is known now
    headers = [(b"authorization", f"Bearer {token}".encode())]
    body = json.dumps({"message": MESSAGE}).encode()
    assert not app.state.shortcuts["/v1/messages"].take(headers, body, lambda *_: None)


def test_the_command_makes_a_limited_token_and_lists_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store(fakeredis.FakeRedis(), load_scripts(flags=False))
    monkeypatch.setattr("sendmany.cli.operations.token.connect", lambda _: store)

    def run(*words: str) -> Any:
        done = CliRunner().invoke(command, ["token", *words])
        return json.loads(done.stdout) if done.exit_code == 0 else done.exception

    made = run("create", "shop", "--scope", "enqueue", "--limit", "500/min", "--json")
    assert made["limit"] == run("list", "--json")[0]["limit"] == "500/min"
    wrong = run("create", "shop", "--scope", "enqueue", "--limit", "500 a minute")
    assert isinstance(wrong, InputError)
    assert "such as 100/s, 500/min" in str(wrong)
    assert "needs --scope enqueue" in str(run("create", "x", "--scope", "read", "--limit", "1/s"))
    assert len(run("list", "--json")) == 1
