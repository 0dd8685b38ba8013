"""The HTTP API as a process: `sendmany web`, `sendmany token`, and what `up` starts of it."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from store.client import Store
from tests.acceptance.command import Ran, running, sendmany, until
from tests.integration import servers


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that several tests share."""
    with servers.running("embedded", tmp_path_factory.mktemp("redis")) as url:
        yield url


@contextmanager
def web(home: Path, redis_url: str, **settings: str) -> Iterator[httpx.Client]:
    """A web process, and a client of it; it must end well when it is told to."""
    with running(home, "web", "--port", 0, redis_url=redis_url, **settings) as process:
        until(process, lambda: bool((home / "out").read_text()))
        url = json.loads((home / "out").read_text())["listening"]
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
            yield http
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    assert "Traceback" not in (home / "err").read_text()


def token(home: Path, redis_url: str, *words: str) -> Ran:
    """Run `sendmany token …`."""
    return sendmany(home, "token", *words, redis_url=redis_url)


def test_it_starts_answers_and_ends_when_it_is_told(tmp_path: Path, redis_url: str) -> None:
    with web(tmp_path, redis_url) as http:
        assert http.get("/healthz").json() == {"alive": True}
        assert http.get("/readyz").json() == {"redis": True, "scripts": True, "room": True}
        assert http.get("/openapi.json").status_code == 401


def test_a_stolen_token_is_worth_nothing_seconds_after_it_was_revoked(
    tmp_path: Path, redis_url: str
) -> None:
    made = token(tmp_path, redis_url, "create", "shop", "--scope", "read", "--json")
    stolen = json.loads(made.out)
    caller = {"Authorization": f"Bearer {stolen['token']}"}
    with web(tmp_path, redis_url) as http:
        assert http.get("/openapi.json", headers=caller).status_code == 200
        assert token(tmp_path, redis_url, "revoke", stolen["id"]).code == 0
        revoked = time.monotonic()
        while http.get("/openapi.json", headers=caller).status_code == 200:
            assert time.monotonic() < revoked + 5
    assert stolen["token"][12:] not in (tmp_path / "err").read_text()


def test_tokens_are_made_listed_and_revoked(tmp_path: Path, redis_url: str) -> None:
    words = ("create", "Zoë's shop", "--scope", "enqueue", "--scope", "read", "--expires", "90d")
    made = token(tmp_path, redis_url, *words)
    assert (made.code, made.out.count("\n")) == (0, 1)
    assert "not shown again" in made.err
    id, secret = made.out.strip().removeprefix("sm_").split("_", 1)
    (one,) = [
        one for one in json.loads(token(tmp_path, redis_url, "list", "--json").out)
        if one["id"] == id
    ]  # fmt: skip
    assert (one["name"], one["scopes"]) == ("Zoë's shop", ["enqueue", "read"])
    assert one["expires_at"] > one["made_at"]
    table = token(tmp_path, redis_url, "list").out
    assert id in table
    assert secret not in table
    assert token(tmp_path, redis_url, "revoke", id).code == 0
    assert id not in token(tmp_path, redis_url, "list").out
    again = token(tmp_path, redis_url, "revoke", id)
    assert (again.code, again.err.count("\n")) == (1, 1)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--scope", "read", "--expires", "soon"), "90d"),
        (("--scope", "read", "--expires", "0d"), "90d"),
        (("--scope", "read", "--sub-account", "nobody"), "nobody"),
    ],
)
def test_a_token_that_makes_no_sense_is_told_in_a_sentence(
    tmp_path: Path, redis_url: str, words: tuple[str, ...], said: str
) -> None:
    accounts = json.dumps({"shop": {"api_key": "key"}})
    made = sendmany(
        tmp_path, "token", "create", "x", *words, redis_url=redis_url, sub_accounts=accounts
    )
    assert (made.code, made.out, made.err.count("\n")) == (1, "", 1)
    assert said in made.err


def test_a_token_needs_a_scope_that_there_is(tmp_path: Path, redis_url: str) -> None:
    assert token(tmp_path, redis_url, "create", "x").code == 2
    assert token(tmp_path, redis_url, "create", "x", "--scope", "all").code == 2


def test_it_starts_without_redis_and_says_so(tmp_path: Path) -> None:
    with web(tmp_path, f"unix://{tmp_path}/nobody.sock") as http:
        assert http.get("/healthz").status_code == 200
        assert http.get("/readyz").status_code == 503
        caller = {"Authorization": "Bearer sm_abcd1234_" + "s" * 43}
        away = http.get("/openapi.json", headers=caller)
        assert away.status_code == 503
        assert int(away.headers["Retry-After"]) > 0
    assert (tmp_path / "err").read_text().startswith("No Redis answers at the socket")


def test_a_server_that_goes_away_and_comes_back_is_noticed(tmp_path: Path) -> None:
    home = tmp_path / "redis"
    with servers.running("embedded", home) as url, web(tmp_path, url) as http:
        assert http.get("/readyz").status_code == 200
        with Store.connect(url).client as client:
            client.shutdown(nosave=True)
        assert http.get("/readyz").json()["redis"] is False
        assert http.get("/healthz").status_code == 200


@pytest.mark.parametrize("settings", [{"redis_url": "nonsense://"}, {"web__port": "99999"}])
def test_settings_that_make_no_sense_are_told_in_a_sentence(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    ran = sendmany(tmp_path, "web", **settings)
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)


def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        alone = sendmany(tmp_path, "web", "--port", port)
        up = sendmany(tmp_path, "up", web__port=str(port))
    for ran in (alone, up):
        assert ran.code == 1
        assert f"port {port}" in ran.err
        assert "choose another port" in ran.err
        assert "Traceback" not in ran.err


def test_up_serves_the_api_and_says_where(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--sandbox", "--workers", "1") as up:
        until(up, lambda: "sendmany token create" in (tmp_path / "out").read_text())
        url = json.loads((tmp_path / ".sendmany/up.json").read_text())["web_url"]
        said = (tmp_path / "out").read_text()
        assert "It is up" in said
        assert f"web      {url}" in said
        made = sendmany(tmp_path, "token", "create", "me", "--scope", "read")
        caller = {"Authorization": f"Bearer {made.out.strip()}"}
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as http:
            assert http.get("/readyz").status_code == 200
            assert http.get("/openapi.json", headers=caller).status_code == 200
            assert http.post("/webhooks", content=b"{}").status_code == 404
        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 130
