"""Callers who bend the rules of HTTP, listen in crowds or stall; and answers that break off."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from config.settings import Settings
from sendmany.api.app import create_app
from sendmany.api.routes.campaigns import exports
from sendmany.api.routes.campaigns.campaigns import MOST_UPLOADS
from store.access.tokens import Scope, Token, add_token, draw_token, token_text
from store.client import AsyncStore, Store
from store.errors import StoreUnavailable
from store.reports.messages import Listed, list_messages
from tests.conformance import given
from tests.integration.api.given import served
from tests.integration.api.test_uploads import END, FORM, HEAD, rows

WAIT = 20.0  # s; a slow machine is no failure
MESSAGE = {"user": {"msisdn": "+447700900123"}, "type": "text", "content": {"text": "Hello"}}


@pytest.fixture
def token(store: Store) -> str:
    return new_token(store)


def new_token(store: Store) -> str:
    id, secret = draw_token()
    store.run(add_token(Token(id, "shop", frozenset(Scope), frozenset()), secret))
    return token_text(id, secret)


@asynccontextmanager
async def opened(server: str, token: str, **web: object) -> AsyncIterator[httpx.AsyncClient]:
    """The application on a socket, and a client of it with a token."""
    store = AsyncStore.connect(server)
    app: FastAPI = create_app(
        Settings(web=web, sub_accounts={"shop": {"api_key": "key"}}), store, lambda: None
    )
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        served(app) as port,
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=WAIT, trust_env=False
        ) as http,
    ):
        yield http
        app.state.events.close()
    await store.close()


BODY = json.dumps({"message": MESSAGE})
SECOND = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
BENT = {
    "length and chunks": ["Content-Length: 4", "Transfer-Encoding: chunked"],
    "chunks and length": ["Transfer-Encoding: chunked", f"Content-Length: {len(BODY)}"],
    "two lengths": [f"Content-Length: {len(BODY)}", "Content-Length: 4"],
    "a list of lengths": [f"Content-Length: {len(BODY)}, {len(BODY)}"],
    "a signed length": [f"Content-Length: +{len(BODY)}"],
    "a negative length": ["Content-Length: -1"],
    "a length with a gap": ["Content-Length: 1_0"],
    "another coding": ["Transfer-Encoding: chunked, identity", f"Content-Length: {len(BODY)}"],
    "a space before the colon": ["Content-Length : 4", f"Content-Length: {len(BODY)}"],
    "a folded line": [f"Content-Length: {len(BODY)}", "X-A: 1", " Transfer-Encoding: chunked"],
    "a line without a name": [f"Content-Length: {len(BODY)}", ": x"],
    "two hosts": [f"Content-Length: {len(BODY)}", "Host: b"],
    "a bare line end": [f"Content-Length: {len(BODY)}\nX-A: 1\r"],
}


@pytest.mark.parametrize("headers", BENT.values(), ids=BENT)
async def test_a_request_of_which_two_could_be_read_is_none(
    server: str, store: Store, token: str, headers: list[str]
) -> None:
    """A proxy might have read the other one: the rest of the connection is not to be trusted."""
    async with opened(server, token) as http:
        host, port = http.base_url.host, http.base_url.port
        reader, writer = await asyncio.open_connection(host, port)
        lines = [
            "POST /v1/messages HTTP/1.1",
            "Host: a",
            f"Authorization: Bearer {token}",
            *headers,
        ]
        writer.write("\r\n".join([*lines, "", BODY]).encode() + SECOND.encode())
        async with asyncio.timeout(WAIT):
            answer = await reader.read()  # to the end: it is closed
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert not list(store.client.scan_iter("sm:{n-*"))


async def test_so_many_listen_at_once_and_the_next_is_told_to_come_again(
    server: str, store: Store, token: str
) -> None:
    async with (
        opened(server, token, max_streams=4, max_requests=3) as http,
        AsyncExitStack() as all_,
    ):
        for _ in range(2):
            answer = await all_.enter_async_context(http.stream("GET", "/v1/events"))
            assert answer.status_code == 200
        refused = await http.get("/v1/events")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.json()["detail"] == "Too many at once for this token."
        another = {"Authorization": f"Bearer {new_token(store)}"}
        async with http.stream("GET", "/v1/events", headers=another) as theirs:
            assert theirs.status_code == 200  # there is room for others
        for answers in await asyncio.gather(*(http.get("/v1/limits") for _ in range(3))):
            assert answers.status_code == 200  # others have their own places
        await all_.aclose()  # they leave
        statuses = [503]
        async with asyncio.timeout(WAIT):
            while statuses[-1] == 503:
                async with http.stream("GET", "/v1/events") as again:
                    statuses.append(again.status_code)
    assert statuses[-1] == 200


async def test_a_crowd_does_not_hide_that_the_process_can_serve(
    server: str, store: Store, token: str
) -> None:
    async with opened(server, token, max_requests=2) as http:
        slow = [await _begin(http, token) for _ in range(2)]
        async with asyncio.timeout(WAIT):
            while (await http.get("/v1/limits")).status_code != 503:
                pass  # until both of them are under way
        ready = await asyncio.gather(*(http.get("/readyz") for _ in range(50)))
        for writer in slow:
            writer.close()
    assert {answer.status_code for answer in ready} == {200}
    assert ready[0].json() == {"redis": True, "scripts": True, "room": True}


async def test_who_has_no_token_takes_no_listeners_place(
    server: str, store: Store, token: str
) -> None:
    async with opened(server, token, max_streams=1) as http:
        for _ in range(3):
            stranger = await http.get("/v1/events", headers={"Authorization": "Bearer x"})
            assert stranger.status_code == 401
        async with http.stream("GET", "/v1/events") as answer:
            assert answer.status_code == 200


async def test_an_export_that_breaks_off_does_not_end_as_if_it_were_whole(
    server: str, store: Store, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = given.loaded(store, 1200)

    def breaks_off(store: Store, lane: str) -> Iterator[Listed]:
        for n, message in enumerate(list_messages(store, lane)):
            if n == 700:
                raise StoreUnavailable("redis://:password@host")
            yield message

    monkeypatch.setattr(exports, "list_messages", breaks_off)
    text = list[str]()
    with capture_logs() as logs:
        async with opened(server, token) as http:
            with pytest.raises(httpx.RemoteProtocolError):
                await _read(http, f"/v1/campaigns/{lane}/export", text)
    assert "".join(text).count("\n") == 501
    failed = [line for line in logs if line["event"] == "request_failed"]
    assert [line["cause"] for line in failed] == ["StoreUnavailable"]
    assert "password" not in str(logs)
    assert "4477009" not in str(logs)


async def _read(http: httpx.AsyncClient, path: str, text: list[str]) -> None:
    async with http.stream("GET", path) as answer:
        assert answer.status_code == 200
        async for piece in answer.aiter_text():
            text.append(piece)


async def test_uploads_that_stall_are_cut_off_and_leave_room_for_others(
    server: str, store: Store, token: str
) -> None:
    async with opened(server, token, body_seconds=1) as http:
        stalled = [asyncio.create_task(_stall(http, token)) for _ in range(MOST_UPLOADS // 2)]
        for answer in await asyncio.gather(*stalled):
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"The body did not come in time." in answer
        whole = await http.post("/v1/campaigns", content=HEAD + rows(5) + END, headers=FORM)
    assert (whole.status_code, whole.json()["recipients"]) == (201, 5)


async def _begin(http: httpx.AsyncClient, token: str) -> asyncio.StreamWriter:
    """Send all of a request but its body."""
    _, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
    lines = [
        "POST /v1/messages HTTP/1.1", "Host: a", f"Authorization: Bearer {token}",
        f"Content-Length: {len(BODY)}", "", "",
    ]  # fmt: skip
    writer.write("\r\n".join(lines).encode())
    return writer


async def _stall(http: httpx.AsyncClient, token: str) -> bytes:
    """Send a part of an upload and no more; gives all that is answered until the connection ends."""
    reader, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
    lines = [
        "POST /v1/campaigns HTTP/1.1", "Host: a", f"Authorization: Bearer {token}",
        f"Content-Type: {FORM['Content-Type']}", "Content-Length: 1000000", "", "",
    ]  # fmt: skip
    writer.write("\r\n".join(lines).encode() + HEAD + rows(5))
    async with asyncio.timeout(WAIT):
        answer = await reader.read()
    writer.close()
    return answer
