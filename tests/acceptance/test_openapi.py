"""The HTTP API held against its own OpenAPI document by schemathesis, over the wire.

Every operation gets requests that fit and requests that do not. No answer may be a server error, have a
status, a type of content or a body that the document does not name, or do without a token.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from store.client import Store
from tests.acceptance.command import environment, running, sendmany, until
from tests.integration import servers
from tests.integration.worker.rig import launch_campaign

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
EXAMPLES = 10
"""Of each kind, of an operation: enough for the edges that the document tells, and quick."""
CONFIG = """
[checks]  # a message has rules that no JSON schema can tell; then the answer is 422 with the places
positive_data_acceptance.enabled = false

[dictionaries.known]  # what there is, so that requests meet more than 404
values = ["Spring", "LANE", "LANE.0", "LANE.0.1"]

[parameters]
"path.campaign" = { dictionary = "known", probability = 0.7 }
"path.message" = { dictionary = "known", probability = 0.7 }

[[operations]]  # an answer without an end: tests/integration/api/test_events.py reads it
include-path = "/v1/events"
max-stream-events = 1
checks.response_schema_conformance.enabled = false

[[operations]]  # likewise: tests/integration/api/test_outcomes.py
include-path = "/v1/outcomes/events"
max-stream-events = 1
checks.response_schema_conformance.enabled = false

[[operations]]  # its path is also that of a message with an odd id
include-path = "/v1/messages/batch"
checks.unsupported_method.enabled = false
checks.allow_header_conformance.enabled = false
"""
SETTINGS = {
    # No server listens there, and no worker runs: enqueued messages stay.
    "sub_accounts": json.dumps({"shop": {"base_url": "http://127.0.0.1:9", "api_key": "key"}}),
    "default_region": "GB",
}


@dataclass(frozen=True)
class Api:
    """A web process, and a token that may do everything."""

    url: str
    token: str
    lane: str  # of the campaign Spring, which 20 people are in


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with servers.running("embedded", tmp_path / "redis") as url:
        settings = {"redis_url": url, **SETTINGS}
        store = Store.connect(url)
        lane = launch_campaign(store, 20)
        store.close()
        scopes = [
            word
            for scope in ("read", "people", "enqueue", "send", "manage", "admin")
            for word in ("--scope", scope)
        ]
        made = sendmany(tmp_path, "token", "create", "schemathesis", *scopes, **settings)
        with running(tmp_path, "web", "--port", 0, **settings) as process:
            until(process, lambda: bool((tmp_path / "out").read_text()))
            listening = json.loads((tmp_path / "out").read_text())["listening"]
            yield Api(listening, made.out.strip(), lane)


@pytest.mark.timing
@pytest.mark.long
@pytest.mark.timeout(900)
def test_each_answer_is_one_that_the_document_names(api: Api, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").write_text(CONFIG.replace("LANE", api.lane))
    command: list[str | Path] = [
        SCHEMATHESIS, "--config-file=schemathesis.toml", "run", f"{api.url}/openapi.json",
        f"--header=Authorization: Bearer {api.token}", "--no-color", "--request-timeout=20",
        "--phases=examples,coverage,fuzzing", f"--max-examples={EXAMPLES}",
        "--generation-deterministic", "--continue-on-failure",
    ]  # fmt: skip
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=480
    )
    print(ran.stdout)
    assert ran.returncode == 0, ran.stdout[-20_000:] + ran.stderr
    assert "request_failed" not in (tmp_path / "err").read_text()
