"""The service of docs/how-to/services.md, as it stands, against real processes; and its test."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from sendmany_client import AsyncClient, Client, Conflict, Invalid, Message, NotFound, Unauthorized
from sendmany_client.testing import FakeServer
from tests.acceptance.command import running, sendmany, until

ROOT = Path(__file__).parents[2]
TYPES = "message.delivered,message.undelivered,message.failed,message.rejected"


def parcel(name: str, number: str = "+447700900101") -> dict[str, Any]:
    values = [{"type": "text", "text": text} for text in (name, "4711")]
    body = [{"type": "body", "parameters": values}]
    template = {"name": "parcel_ready", "language": "en", "components": body}
    to = {"user": {"msisdn": number}} if number else {}
    return {**to, "type": "template", "content": {"template": template}}


@contextmanager
def up(home: Path, trusted: str) -> Iterator[tuple[str, str]]:
    """Everything with a sandbox that sends receipts; yields address and token."""
    ours = {"secret": "an acceptance test", "subscriptions__trusted": json.dumps([trusted])}
    with running(home, "up", "--sandbox", "--webhooks", "--workers", 1, **ours) as process:
        until(process, lambda: "sendmany token create" in (home / "out").read_text())
        url = json.loads((home / ".sendmany/up.json").read_text())["web_url"]
        scopes = ("--scope", "enqueue", "--scope", "read", "--scope", "send")
        yield url, sendmany(home, "token", "create", "shop", *scopes).out.strip()


def written(home: Path) -> None:
    """Write the programs of the page."""
    page = (ROOT / "docs/how-to/services.md").read_text("utf-8")
    for name, text in re.findall(r"```python\n# (\w+\.py)\n(.*?)```", page, re.DOTALL):
        (home / name).write_text(text, "utf-8")


def around(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT / "client"), "NO_PROXY": "*"} | more


def test_the_test_of_the_service_passes(tmp_path: Path) -> None:
    written(tmp_path)
    words = ("-q", "-p", "sendmany_client.testing", "-p", "no:cacheprovider", "test_service.py")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=tmp_path, env=around(), capture_output=True
    )
    assert ran.returncode == 0, ran.stdout.decode()
    assert b"1 passed" in ran.stdout


def test_the_service_sends_a_code_and_learns_of_its_delivery(tmp_path: Path) -> None:
    written(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        here = f"127.0.0.1:{listener.getsockname()[1]}"
        with up(tmp_path, here) as (url, token):
            ours = {"secret": "an acceptance test", "subscriptions__trusted": f'["{here}"]'}
            hooks = ("add", f"http://{here}/hooks", "--types", TYPES, "--json")
            added = json.loads(sendmany(tmp_path, "subscription", *hooks, **ours).out)
            settings = around(
                MESSAGES_URL=url, MESSAGES_TOKEN=token, MESSAGES_SECRET=added["secret"]
            )
            words = ("service:app", "--log-level", "warning", "--fd", str(listener.fileno()))
            service = subprocess.Popen(
                [sys.executable, "-m", "uvicorn", *words],
                cwd=tmp_path,
                env=settings,
                pass_fds=[listener.fileno()],
                text=True,
            )
            try:
                with httpx.Client(base_url=f"http://{here}", trust_env=False, timeout=60) as http:
                    number = {"number": "+447700900101"}
                    sent = http.post("/logins/7/code", params=number).raise_for_status().json()
                    path = f"/codes/{sent['message']}"
                    until(service, lambda: http.get(path).json() == {"state": "delivered"})
                page = (ROOT / "docs/how-to/services.md").read_text("utf-8")
                given = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
                for body in re.findall(r"```json\n(.*?)```", page, re.DOTALL):
                    stored = httpx.post(f"{url}/v1/messages", content=body, headers=given)
                    assert stored.json()["status"] == "accepted", stored.text
            finally:
                service.terminate()
                service.wait(30)


def told(client: Client, people: Path) -> list[object]:
    """The answers of a server to a client; nothing is sent meanwhile."""
    day = Message(message=parcel("Ada"), key="a", send_at=datetime.now(UTC) + timedelta(days=1))
    first, again = client.send(day), client.send(day)
    found: list[object] = [first.status, again.status, first.id == again.id]
    for wrong, kind in (
        (lambda: client.send(Message(message=parcel("Bob"), key="a")), Conflict),
        (lambda: client.send(Message(message={"type": "text"})), Invalid),
        (lambda: client.status(f"{first.id}9"), NotFound),
        (lambda: client.campaign("None"), NotFound),
    ):
        with pytest.raises(kind) as error:
            wrong()
        found.append((type(error.value), error.value.status, bool(error.value.problems)))
    batch = [day, Message(message=parcel("Bob"), key="a"), Message(message={})]
    found += [(one.status, one.is_stored, bool(one.problems)) for one in client.send_many(batch)]
    found += [client.cancel(first.id).state, client.cancel(first.id).state]
    for _ in range(2):
        launched = client.launch("Spring", parcel("{{name}}", ""), people, send_at=TOMORROW)
        found += [launched.name, launched.recipients, launched.resumed]
    shown = client.campaign("Spring")
    return [*found, shown.recipients, shown.open, shown.counts["queued"]]


TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")


async def test_the_client_is_told_the_same_by_the_real_server_and_by_that_for_tests(
    tmp_path: Path,
) -> None:
    people = tmp_path / "people.csv"
    people.write_text("phone,name\n+447700900101,Ada\n+447700900102,Grace\n")
    with up(tmp_path, "127.0.0.1:1") as (url, token):
        with Client(url, token, transport=httpx.HTTPTransport()) as client:
            real = told(client, people)
            with FakeServer().client() as other:
                assert real == told(other, people)
            cursor = client.outcomes().next
            sent = client.send(Message(message=parcel("Ada"), priority="urgent"))
            types = list[str]()
            for page in client.follow(cursor):
                types += [one.type for one in page.items if one.id == sent.id]
                if "message.delivered" in types:
                    break
            assert client.status(sent.id).state in {"delivered", "read"}
        async with AsyncClient(url, "sm_x", transport=httpx.AsyncHTTPTransport()) as stranger:
            with pytest.raises(Unauthorized):
                await stranger.launch("Spring", parcel("{{name}}", ""), people)
