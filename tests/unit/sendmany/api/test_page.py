"""The page: its files, signing in, and what a cookie may do."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from config.sections import Web
from sendmany.api.auth import Guard, Tokens
from sendmany.api.routes.page import MOST_TRIES, POLICY, Tries, read_files
from sendmany.api.sessions import LOCAL_COOKIE, SECURE_COOKIE, Sessions
from store.access.sessions import (
    IDLE_SECONDS,
    SESSION_SECONDS,
    draw_secret,
    keep_code,
    open_session,
)
from store.access.tokens import Scope, digest, list_tokens, read_token_text, revoke_token
from store.client import command
from store.keys import session as session_key
from store.lanes.lane import LaneStatus
from store.states import State
from tests.unit.sendmany.api.given import Trouble, new_app, new_token

HERE = "http://127.0.0.1:8080"
ORIGIN = {"Origin": HERE}
PAGE = files("dashboard") / "page"


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=HERE) as browser:
        yield browser


async def _sign_in(browser: httpx.AsyncClient, **given: str) -> httpx.Response:
    return await browser.post("/ui/session", json=given, headers=ORIGIN)


async def test_who_signs_in_acts_with_the_rights_of_the_token(
    browser: httpx.AsyncClient, store: Trouble
) -> None:
    assert (await browser.get("/v1/try")).status_code == 401
    answer = await _sign_in(browser, token=await new_token(store, Scope.READ))
    assert (answer.status_code, answer.json()["scopes"]) == (200, ["read"])
    assert (await browser.get("/v1/try")).json() == "shop"
    refused = await browser.post("/v1/campaigns/x/pause", headers=ORIGIN)
    assert (refused.status_code, refused.json()["detail"]) == (
        403,
        "This token has not the scope manage.",
    )


async def test_the_cookie_is_kept_from_scripts_and_other_sites(
    browser: httpx.AsyncClient, store: Trouble
) -> None:
    token = await new_token(store, Scope.READ)
    answer = await _sign_in(browser, token=token)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{LOCAL_COOKIE}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert token not in answer.text + cookie
    secure = await browser.post(
        "https://shop.test/ui/session",
        json={"token": token},
        headers={"Origin": "https://shop.test"},
    )
    cookie = secure.headers["set-cookie"]
    assert cookie.startswith(f"{SECURE_COOKIE}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Secure"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


async def test_over_plain_http_nobody_signs_in_from_elsewhere(
    browser: httpx.AsyncClient, store: Trouble
) -> None:
    token = await new_token(store, Scope.READ)
    answer = await browser.post(
        "http://shop.test/ui/session", json={"token": token}, headers={"Origin": "http://shop.test"}
    )
    assert answer.status_code == 403
    assert "HTTPS" in answer.json()["detail"]
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.test"},
        {"Origin": "http://127.0.0.1:9999"},
        {**ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {**ORIGIN, "Sec-Fetch-Site": "same-site"},
        {**ORIGIN, "Host": "rebound.test:8080"},
    ],
    ids=str,
)
async def test_what_does_not_come_from_the_page_is_as_if_there_were_no_cookie(
    browser: httpx.AsyncClient, store: Trouble, headers: dict[str, str]
) -> None:
    token = await new_token(store, Scope.READ, Scope.MANAGE)
    assert (
        await browser.post("/ui/session", json={"token": token}, headers=headers)
    ).status_code == 403
    await _sign_in(browser, token=token)
    cookie = {"Cookie": f"{LOCAL_COOKIE}={browser.cookies[LOCAL_COOKIE]}"}
    browser.cookies.clear()
    answer = await browser.post("/v1/campaigns/x/pause", headers={**cookie, **headers})
    assert answer.status_code == 401


async def test_what_another_site_reads_is_as_if_there_were_no_cookie(
    browser: httpx.AsyncClient, store: Trouble
) -> None:
    await _sign_in(browser, token=await new_token(store, Scope.READ))
    for site, status in {
        "same-origin": 200,
        "none": 200,
        "same-site": 401,
        "cross-site": 401,
    }.items():
        answer = await browser.get("/v1/try", headers={"Sec-Fetch-Site": site})
        assert answer.status_code == status, site


async def test_a_session_ends_with_its_token(browser: httpx.AsyncClient, store: Trouble) -> None:
    await _sign_in(browser, token=await new_token(store, Scope.READ))
    (kept,) = await store.run(list_tokens())
    await store.run(revoke_token(kept.token.id))
    assert (await browser.get("/v1/try")).status_code == 401
    assert (await browser.get("/ui/session")).json() is None


async def test_an_open_stream_ends_with_the_session(store: Trouble) -> None:
    token = await new_token(store, Scope.READ)
    id, (token_id, _) = draw_secret(), read_token_text(token) or ("", "")
    await store.run(open_session(id, token_id, 60))
    told: list[Message] = []

    async def lasts(scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        await store.run(revoke_token(token_id))
        told.append(await receive())

    async def receive() -> Message:
        if not begun:
            begun.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.Event().wait()
        raise AssertionError

    begun: list[bool] = []
    now = iter(float(n) for n in range(100))
    guard = Guard(
        lasts,
        Tokens(store),
        lambda _: False,
        lambda _: True,
        Sessions(store, Web(), lambda: next(now)),
    )
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/events",
        "headers": [
            (b"host", b"127.0.0.1:8080"),
            (b"cookie", f"{LOCAL_COOKIE}={id}".encode()),
        ],
    }

    async def send(message: Message) -> None:
        raise AssertionError(message)

    async with asyncio.timeout(10):
        await guard(scope, receive, send)
    assert told == [{"type": "http.disconnect"}]


async def test_signing_out_ends_the_session_and_signing_in_draws_a_new_one(
    browser: httpx.AsyncClient, store: Trouble
) -> None:
    token = await new_token(store, Scope.READ)
    ids = []
    for _ in range(2):
        await _sign_in(browser, token=token)
        ids.append(browser.cookies[LOCAL_COOKIE])
    assert ids[0] != ids[1]
    kept = [await store.run(_left(one)) for one in ids]
    assert (kept[0], kept[1] > 0) == (-2, True)
    assert (await browser.delete("/ui/session", headers=ORIGIN)).status_code == 204
    assert await store.run(_left(ids[1])) == -2


def _left(id: str) -> Any:
    return command("TTL", session_key(digest(id)), parse=int)


@pytest.mark.parametrize(
    ("scopes", "idle"),
    [((Scope.READ,), SESSION_SECONDS), ((Scope.READ, Scope.MANAGE), IDLE_SECONDS)],
)
async def test_a_session_that_may_act_ends_when_it_is_idle(
    browser: httpx.AsyncClient, store: Trouble, scopes: tuple[Scope, ...], idle: int
) -> None:
    await _sign_in(browser, token=await new_token(store, *scopes))
    id = browser.cookies[LOCAL_COOKIE]
    assert abs(await store.run(_left(id)) - idle) <= 1
    await store.run(command("EXPIRE", session_key(digest(id)), 100, parse=int))
    await browser.get("/v1/try", headers={"X-Refresh": "1"})
    assert await store.run(_left(id)) <= 100
    await browser.get("/v1/try")
    assert abs(await store.run(_left(id)) - idle) <= 1


async def test_redis_holds_neither_the_token_nor_the_id_of_a_session(
    browser: httpx.AsyncClient, store: Trouble
) -> None:
    token = await new_token(store, Scope.READ)
    await _sign_in(browser, token=token)
    held = repr(
        [await _all(store, key) for key in await store.run(command("KEYS", "*", parse=list))]
    )
    assert browser.cookies[LOCAL_COOKIE] not in held
    assert token.rpartition("_")[2] not in held


async def _all(store: Trouble, key: bytes) -> Any:
    kind = await store.run(command("TYPE", key, parse=bytes))
    words = ("HGETALL", key) if kind == b"hash" else ("GET", key)
    return key, await store.run(command(*words, parse=lambda reply: reply))


async def test_a_code_signs_in_once_and_only_on_this_machine(
    browser: httpx.AsyncClient, store: Trouble
) -> None:
    token_id, _ = read_token_text(await new_token(store, *Scope)) or ("", "")
    code = draw_secret()
    await store.run(keep_code(code, token_id))
    elsewhere = await browser.post(
        "https://shop.test/ui/session",
        json={"code": code},
        headers={"Origin": "https://shop.test"},
    )
    assert elsewhere.status_code == 401
    assert (await _sign_in(browser, code=code)).status_code == 200
    again = await _sign_in(browser, code=code)
    assert (again.status_code, "was used" in again.json()["detail"]) == (401, True)


async def test_wrong_tries_have_an_end(browser: httpx.AsyncClient, store: Trouble) -> None:
    for _ in range(MOST_TRIES):
        assert (await _sign_in(browser, token="sm_wrong")).status_code == 401
    answer = await _sign_in(browser, token=await new_token(store, Scope.READ))
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 60


def test_tries_are_forgotten_after_a_minute() -> None:
    now = 0.0
    tries = Tries(lambda: now)
    for _ in range(MOST_TRIES):
        tries.count("::1")
    now = 61.0
    tries.check("::1")


async def test_files_are_compressed_and_sent_again_only_when_they_changed(
    browser: httpx.AsyncClient,
) -> None:
    answer = await browser.get("/ui/app.css")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/css")
    same = await browser.get("/ui/app.css", headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    plain = await browser.get("/ui/app.css", headers={"Accept-Encoding": "identity"})
    assert plain.content == (PAGE / "app.css").read_bytes()
    assert (await browser.get("/ui/package.json")).status_code == 404
    assert (await browser.get("/ui/../auth.py")).status_code == 404


async def test_the_page_runs_only_what_is_its_own(browser: httpx.AsyncClient) -> None:
    for path in ("/", "/ui"):
        assert (await browser.get(path)).headers["location"] == "/ui/"
    answer = await browser.get("/ui/")
    policy = answer.headers["content-security-policy"]
    assert policy == POLICY
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")
    for name in ("index.html", "notbuilt.html"):
        html = (PAGE / name).read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|https?://", html), (
            name
        )
    for script in (PAGE / "js").iterdir():
        assert not re.search(r"\beval\(|new Function|innerHTML", script.read_text("utf-8")), script


def test_the_first_paint_is_small() -> None:
    found = read_files(PAGE)
    if "vendor/preact.js" not in found:
        pytest.skip("The page is not built: make page")
    html = found["index.html"].plain.decode()
    first = ["index.html", *re.findall(r'(?:href|src)="([^"]+)"', html)]
    assert all(name in found for name in first)
    assert sum(len(found[name].packed) for name in first) < 100_000


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = json.loads((PAGE / "package-lock.json").read_text("utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}
    assert packages
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())
    assert "://" not in json.dumps(lock)


def test_what_is_sent_compressed_is_what_lies_there() -> None:
    for one in read_files(PAGE).values():
        assert gzip.decompress(one.packed) == one.plain


def test_the_page_knows_every_state_and_every_status() -> None:
    script = (PAGE / "js" / "states.js").read_text("utf-8")
    states = set(re.findall(r"^  (\w+): \['", script, re.MULTILINE))
    assert states == {*State, "missing"} - {State.TRIED}
    groups = script.partition("GROUPS = [")[2].partition("\n];")[0]
    for name, value in re.findall(r"export const ([A-Z]+) = (\['[^\]]+\]);", script):
        groups = groups.replace(f"states: {name} ", f"states: {value} ")
    grouped = re.findall(r"states: \[([^\]]+)\]", groups)
    assert sorted(re.findall(r"\w+", " ".join(grouped))) == sorted(states - {"missing"})
    statuses = set(re.findall(r"^  (\w+): \{ name", script, re.MULTILINE))
    assert statuses == set(LaneStatus) - {LaneStatus.GONE}


PROXIED = {"x-user": "anna@example.com", "Origin": HERE}


def _behind_proxy(store: Trouble, peer: str = "10.0.0.7") -> httpx.AsyncClient:
    web: dict[str, Any] = {"user_header": "X-User", "user_proxies": ["10.0.0.0/24"]}
    transport = httpx.ASGITransport(new_app(store, **web), client=(peer, 4000))
    return httpx.AsyncClient(transport=transport, base_url=HERE)


async def test_a_person_whom_a_proxy_names_acts_with_the_token_of_that_name(store: Trouble) -> None:
    token = await new_token(store, Scope.READ, name="anna@example.com")
    for peer in ("10.0.0.7", "::ffff:10.0.0.7"):
        async with _behind_proxy(store, peer) as browser:
            shown = (await browser.get("/ui/session", headers=PROXIED)).json()
            assert (shown["name"], shown["by_proxy"]) == ("anna@example.com", True)
            assert (await browser.get("/v1/try", headers=PROXIED)).json() == "anna@example.com"
    id, _ = read_token_text(token) or ("", "")
    await store.run(revoke_token(id))
    async with _behind_proxy(store) as browser:
        refused = await browser.get("/ui/session", headers=PROXIED)
        assert refused.status_code == 403
        assert 'sendmany token create "anna@example.com"' in refused.json()["detail"]


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        ("10.0.1.7", PROXIED),  # not the proxy
        ("", PROXIED),
        ("10.0.0.7", {**PROXIED, "x-user": "anna"}),
        ("10.0.0.7", {**PROXIED, "sec-fetch-site": "cross-site"}),
        ("10.0.0.7", [("x-user", "anna@example.com"), ("x-user", "anna@example.com")]),
        ("10.0.0.7", [(b"x-user", b"\xff\xfe")]),
        ("10.0.0.7", {"x-user": "anna@example.com\u00a0".encode()}),  # another account's name
        ("10.0.0.7", {"x_user": "anna@example.com"}),
    ],
)
async def test_a_header_that_cannot_be_believed_signs_in_as_no_person(
    store: Trouble, peer: str, headers: Any
) -> None:
    await new_token(store, Scope.READ, name="anna@example.com")
    async with _behind_proxy(store, peer) as browser:
        assert (await browser.get("/v1/try", headers=headers)).status_code == 401


@pytest.mark.parametrize("theirs", ["Basic YW5uYTpwYXNz", "Bearer eyJh.eyJz.c2ln"])
async def test_what_the_proxy_itself_was_given_is_no_token_of_ours(
    store: Trouble, theirs: str
) -> None:
    await new_token(store, Scope.READ, name="anna@example.com")
    async with _behind_proxy(store) as browser:
        given = {**PROXIED, "Authorization": theirs}
        assert (await browser.get("/v1/try", headers=given)).json() == "anna@example.com"
        given["Authorization"] = f"Bearer sm_abcdefgh_{'x' * 43}"
        assert (await browser.get("/v1/try", headers=given)).status_code == 401


async def test_the_header_of_a_proxy_counts_more_than_the_cookie_of_the_person_before(
    store: Trouble,
) -> None:
    before = await new_token(store, Scope.MANAGE, name="before")
    await new_token(store, Scope.READ, name="anna@example.com")
    async with _behind_proxy(store) as browser:
        assert (await _sign_in(browser, token=before)).status_code == 200
        assert (await browser.get("/ui/session")).json()["name"] == "before"
        shown = (await browser.get("/ui/session", headers=PROXIED)).json()
        assert (shown["name"], shown["scopes"]) == ("anna@example.com", ["read"])
        cookie = {"Cookie": f"{LOCAL_COOKIE}=user anna@example.com"}
        assert (await browser.get("/v1/try", headers=cookie)).status_code == 401


async def test_two_tokens_of_a_name_sign_in_no_person(store: Trouble) -> None:
    for _ in range(2):
        await new_token(store, Scope.READ, name="anna@example.com")
    async with _behind_proxy(store) as browser:
        assert (await browser.get("/ui/session", headers=PROXIED)).status_code == 403


@pytest.mark.parametrize(
    "web", [{"user_header": "X-User"}, {"user_header": "Cookie", "user_proxies": ["10.0.0.7"]}]
)
def test_a_header_that_any_client_could_set_is_no_setting(web: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"user_proxies|means something else"):
        Web(**web)
