"""A session with templates: `sendmany` against a sandbox in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from chatapps.sandbox.config import ACCOUNT_ID, CHANNEL_ID
from sendmany.local.embedded_redis import EmbeddedServer
from store.client import Store
from store.lanes.lane import list_lanes
from tests.acceptance.command import Ran, sendmany, until

REVIEW_SECONDS = "3"
DRAFT: dict[str, Any] = {
    "name": "boat_is_back",
    "language": "en_GB",
    "category": "MARKETING",
    "allow_category_change": True,
    "components": [
        {"type": "header", "format": "image", "examples": ["https://m.example.com/boat.png"]},
        {
            "type": "body",
            "text": "Dear {{1}}, the *{{2}}* is back &amp; sails in April.",
            "examples": ["Ana", "Seagull"],
        },
        {"type": "footer", "text": "Pier 4"},
        {
            "type": "buttons",
            "buttons": [
                {"type": "phone_number", "text": "Call us", "phoneNumber": "+442079460000"},
                {
                    "type": "url",
                    "text": "See it",
                    "url": "https://b.example.com/{{1}}",
                    "example": ["x"],
                },
            ],
        },
    ],
}


def text(value: str) -> dict[str, str]:
    return {"type": "text", "text": value}


def message(*components: dict[str, Any]) -> str:
    template = {"name": "boat_is_back", "language": "en_GB", "components": components}
    return json.dumps({"type": "template", "content": {"template": template}})


HEADER = {
    "type": "header",
    "parameters": [{"type": "image", "url": "https://m.example.com/boat.png"}],
}
BODY = {"type": "body", "parameters": [text("{{name}}"), text("{{boat}}")]}
LINK = {"type": "button", "subType": "Url", "index": 1, "parameters": [text("{{name}}")]}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    files = {
        "draft.json": json.dumps(DRAFT),
        "people.csv": "msisdn,name,boat\n+447700900123,Ana,Seagull\n+447700900124,Ben,Gannet\n",
        "good.json": message(HEADER, BODY, LINK),
        "wrong.json": message(
            {"type": "body", "parameters": [text("{{name}}")]}, LINK | {"index": 0}
        ),
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, "utf-8")
    return tmp_path


@pytest.fixture
def sandbox() -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A running sandbox, and its address."""
    with subprocess.Popen(
        [sys.executable, "-m", "chatapps.sandbox", "--approve-after", REVIEW_SECONDS],
        env=os.environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["listening"]
        finally:
            process.terminate()


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(home / "redis")
    server.start()
    yield server
    server.stop()


def accounts(url: str) -> str:
    """The settings of a sub-account at the sandbox."""
    account = {"base_url": url, "api_key": "sandbox-key"}
    return json.dumps({"sandbox": account | {"account_id": ACCOUNT_ID, "channel_id": CHANNEL_ID}})


@pytest.fixture
def http(sandbox: tuple["subprocess.Popen[str]", str]) -> Iterator[httpx.Client]:
    """Looks at the sandbox without a process of its own: the review does not wait for one."""
    headers = {"Authorization": "Bearer sandbox-key"}
    with httpx.Client(base_url=sandbox[1], headers=headers, trust_env=False) as client:
        yield client


def test_a_template_from_its_draft_to_its_deletion(
    home: Path,
    sandbox: tuple["subprocess.Popen[str]", str],
    http: httpx.Client,
    server: EmbeddedServer,
) -> None:
    process, url = sandbox

    def run(*words: str) -> Ran:
        return sendmany(home, *words, sub_accounts=accounts(url), redis_url=server.url)

    def launch(file: str, *options: str) -> Ran:
        words = ("campaign", "launch", "Boats", "--recipients", "people.csv", "--message", file)
        return run(*words, *options)

    def status() -> str:
        path = f"/api/v1/accounts/{ACCOUNT_ID}/channels/{CHANNEL_ID}/templates"
        return str(http.get(path).json()["templates"][0]["status"])

    added = run("templates", "add", "draft.json")
    assert (added.code, added.err) == (0, "")
    assert "Dear Ana, the Seagull is back & sails in April." in _flat(added.out)
    assert "↗ See it" in added.out
    assert "is submitted for review" in _flat(added.out)

    until(process, lambda: status() == "APPROVED")
    shown = run("templates", "show", "boat_is_back")
    assert "boat_is_back · en_GB · MARKETING · APPROVED" in shown.out
    assert "Pier 4" in shown.out

    refused = launch("wrong.json", "--json")
    assert refused.code == 1
    assert len(json.loads(refused.out)["findings"]) == 4
    assert "an image above the text, but the message brings none" in refused.err
    assert "2 placeholders, but the message fills 1" in refused.err
    assert 'Button 0 "Call us" is a phone number' in refused.err
    assert 'Button 1 "See it" needs the end of its link' in refused.err
    store = Store.connect(server.url)
    assert list_lanes(store) == []

    launched = launch("good.json")
    assert (launched.code, launched.err) == (0, "")
    assert len(list_lanes(store)) == 1
    store.close()

    deleted = run("templates", "delete", "boat_is_back")
    assert deleted.code == 0
    again = run("templates", "add", "draft.json", "--json")
    assert again.code == 1
    assert again.out == ""
    assert "code 3060" in again.err
    assert "30 days" in again.err


def test_webhooks_are_set_and_shown_without_their_secret(
    home: Path, sandbox: tuple["subprocess.Popen[str]", str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "Bearer s3cret")
    words = ("webhooks", "set", "https://hooks.example.com/8x8")
    options = ("--authorization-env", "HOOK_SECRET", "--type", "CADR", "--type", "CABM")
    done = sendmany(home, *words, *options, sub_accounts=accounts(sandbox[1]))
    assert (done.code, done.err) == (0, "")

    shown = sendmany(home, "webhooks", "show", "--json", sub_accounts=accounts(sandbox[1]))
    assert "s3cret" not in shown.out
    assert [(hook["type"], hook["httpAuthorization"]) for hook in json.loads(shown.out)] == [
        ("CADR", "***"),
        ("CABM", "***"),
    ]


def _flat(shown: str) -> str:
    """Text of the bubble, without its edges and line breaks."""
    return " ".join("".join(char for char in shown if char not in "│┌┐└┘─╭╮╰╯").split())
