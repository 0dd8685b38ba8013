"""Media files over HTTP and as a command, against the sandbox."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import fakeredis
import httpx
import pytest
from typer.testing import CliRunner

from chatapps.management import from_settings
from chatapps.management.media import media_named
from chatapps.sandbox import SandboxConfig, create_app
from config.sections import SubAccount
from config.settings import Settings
from sendmany.api.routes.media import media_router
from sendmany.cli.application import app
from sendmany.cli.templates import media as command
from store.access.audit import read_audit
from store.access.tokens import Scope
from store.client import AsyncStore, Store
from store.scripts import load_scripts
from tests.unit.web_client import Door, web_client

PATH = "/v1/media"
PICTURE = b"\xff\xd8\xff" + b"picture" * 20_000
URL = "http://sandbox.test/files/"
SETTINGS = Settings(
    sub_accounts={
        "shop": SubAccount.model_validate(
            {"base_url": "http://sandbox.test", "api_key": "sandbox-key"}
        ),
        "wrong": SubAccount.model_validate({"base_url": "http://sandbox.test", "api_key": "x"}),
    },
    default_sub_account="shop",
)


@pytest.fixture
def store(server: fakeredis.FakeServer) -> Store:
    return Store(fakeredis.FakeRedis(server=server), load_scripts(flags=False))


@pytest.fixture(autouse=True)
def arrived(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """The requests at the sandbox."""
    requests: list[httpx.Request] = []
    sandbox = create_app(SandboxConfig(sub_accounts=("shop", "wrong")))

    class Watched(httpx.ASGITransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            requests.append(request)
            return await super().handle_async_request(request)

    def client(*_: Any, **__: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=Watched(sandbox))

    monkeypatch.setattr(from_settings, "open_client", client)
    return requests


@pytest.fixture
async def door(server: fakeredis.FakeServer) -> AsyncIterator[Door]:
    store = AsyncStore(fakeredis.FakeAsyncRedis(server=server), load_scripts(flags=False))
    async with web_client(lambda needs: [media_router(store, SETTINGS, needs)], Scope.SEND) as door:
        yield door
    await store.close()


async def test_a_file_gets_an_address_and_the_trail_an_entry(
    door: Door, store: Store, arrived: list[httpx.Request]
) -> None:
    answer = await door.http.post(PATH, params={"name": "offer.jpg"}, content=PICTURE)
    told = answer.json()
    assert (answer.status_code, told["kind"], told["sub_account"]) == (200, "image", "shop")
    assert told["url"].startswith(URL)
    assert ".jpg?token=" in told["url"]
    sent = arrived[0]
    assert int(sent.headers["content-length"]) - len(PICTURE) in range(100, 300)
    assert sent.headers["content-type"].startswith("multipart/form-data")
    entry = next(read_audit(store))
    assert (entry.act, entry.object) == ("media.upload", "offer.jpg of shop")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("offer.webp", PICTURE, "WhatsApp takes no files such as offer.webp"),
        ("offer", PICTURE, "WhatsApp takes no files such as offer"),
        ("offer\r\nX: y.jpg", PICTURE, "holds a control character"),
        ("offer.jpg", b"", "The file offer.jpg is empty."),
        ("offer.jpg", PICTURE * 40, "WhatsApp takes image files up to 5 MB"),
        ("offer.png", PICTURE, "offer.png is not of the type image/png"),
    ],
)
async def test_what_whatsapp_does_not_take_is_refused_before_the_provider_gets_it(
    door: Door, arrived: list[httpx.Request], name: str, content: bytes, words: str
) -> None:
    answer = await door.http.post(PATH, params={"name": name}, content=content)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]
    assert not arrived


async def test_a_refusal_of_the_provider_is_told(door: Door, store: Store) -> None:
    params = {"name": "offer.jpg", "sub_account": "wrong"}
    answer = await door.http.post(PATH, params=params, content=PICTURE)
    assert answer.status_code == 502
    assert "does not accept the API key" in answer.json()["detail"]
    assert not [*read_audit(store)]


def test_the_command_prints_the_address(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "connect", lambda _: store)
    monkeypatch.setattr(command, "load_settings", lambda: SETTINGS)
    file = tmp_path / "Our offer.PDF"
    file.write_bytes(b"%PDF-1.7")

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["media", "upload", *words])

    assert run(str(file)).stdout.startswith(URL)
    told = json.loads(run(str(file), "--json").stdout)
    assert (told["kind"], told["name"]) == ("document", "Our offer.PDF")
    missing = run(str(tmp_path / "missing.pdf"))
    assert "missing.pdf cannot be read: No such file" in str(missing.exception)
    not_utf8 = tmp_path / os.fsdecode(b"\xff.pdf")
    assert "is not UTF-8: rename it" in str(run(str(not_utf8)).exception)
    os.mkfifo(tmp_path / "pipe.pdf")
    opened = os.open(tmp_path / "pipe.pdf", os.O_RDWR)  # else opening it to read would wait
    assert "it is no regular file" in str(run(str(tmp_path / "pipe.pdf")).exception)
    os.close(opened)


def test_the_type_follows_from_the_end_of_the_name() -> None:
    kinds = {name: media_named(name).kind for name in ("a.PNG", "b.gif", "c.opus", "d.mp4")}
    assert kinds == {"a.PNG": "image", "b.gif": "gif", "c.opus": "audio", "d.mp4": "video"}
