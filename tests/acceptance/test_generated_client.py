"""A client that openapi-python-client generates from the API's document sends a message and finds it.

`make test-openapi` installs the generator in an environment of its own: it needs an older typer.
"""

import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.acceptance.command import running, sendmany, until

GENERATOR = os.environ.get("SENDMANY_CLIENT_GENERATOR", "")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not GENERATOR, reason="SENDMANY_CLIENT_GENERATOR names no bin folder"),
]
PROGRAM = """
import sys, time
from datetime import datetime
from generated import AuthenticatedClient
from generated.api.messages import enqueue_message, find_messages, show_message
from generated.models import EnqueueMessageMessageIn

url, token = sys.argv[1:]
with AuthenticatedClient(base_url=url, token=token) as client:
    body = {
        "message": {
            "user": {"msisdn": "+447700900001"}, "type": "text", "content": {"text": "Hello"}
        },
        "key": "hello-1",
        "tag": "hello",
    }
    sent = enqueue_message.sync(client=client, body=EnqueueMessageMessageIn.from_dict(body))
    again = enqueue_message.sync(client=client, body=EnqueueMessageMessageIn.from_dict(body))
    give_up = time.monotonic() + 60
    while (found := show_message.sync(sent.id, client=client)).state != "accepted":
        assert time.monotonic() < give_up, found
        time.sleep(0.1)
    day = datetime.strptime(sent.id.partition(".")[0][-6:], "%y%m%d").date()
    listed = [one.id for one in find_messages.sync(client=client, date=day, tag="hello").items]
    print(sent.status, again.status, sent.id == again.id, found.state, listed == [sent.id])
"""


def test_a_generated_client_sends_a_message_and_finds_it(tmp_path: Path) -> None:
    with running(tmp_path, "up", "--sandbox", "--workers", "1") as up:
        until(up, lambda: "sendmany token create" in (tmp_path / "out").read_text())
        url = json.loads((tmp_path / ".sendmany/up.json").read_text())["web_url"]
        scopes = ("--scope", "enqueue", "--scope", "read")
        token = sendmany(tmp_path, "token", "create", "me", *scopes).out.strip()
        headers = {"Authorization": f"Bearer {token}"}
        document = httpx.get(f"{url}/openapi.json", headers=headers, trust_env=False)
        (tmp_path / "openapi.json").write_bytes(document.raise_for_status().content)
        generate = ["generate", "--meta", "none", "--output-path", "generated"]
        subprocess.run(
            [f"{GENERATOR}/openapi-python-client", *generate, "--path", "openapi.json"],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
        (tmp_path / "program.py").write_text(PROGRAM)
        ran = subprocess.run(
            [f"{GENERATOR}/python", "program.py", url, token],
            cwd=tmp_path,
            env=os.environ | {"NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
        )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.split() == ["accepted", "duplicate", "True", "accepted", "True"]
