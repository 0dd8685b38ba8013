"""Live events of a web process: it ends at once despite a listener."""

import json
import signal
from pathlib import Path

import httpx

from store.client import Store
from tests.acceptance.command import running, sendmany, until
from tests.conformance import given
from tests.integration import servers


def test_a_web_process_that_is_told_to_end_does_not_wait_for_listeners(tmp_path: Path) -> None:
    with servers.running("embedded", tmp_path / "redis") as url:
        store = Store.connect(url)
        lane = given.loaded(store, 3)
        store.close()
        words = ("token", "create", "eyes", "--scope", "read")
        token = sendmany(tmp_path, *words, redis_url=url).out.strip()
        with running(tmp_path, "web", "--port", 0, redis_url=url) as process:
            until(process, lambda: bool((tmp_path / "out").read_text()))
            base = json.loads((tmp_path / "out").read_text())["listening"]
            caller = {"Authorization": f"Bearer {token}"}
            with (
                httpx.Client(base_url=base, trust_env=False, headers=caller) as http,
                http.stream("GET", "/v1/events") as answer,
            ):
                lines = answer.iter_lines()
                assert any(lane in line for line in lines)  # the snapshot
                process.send_signal(signal.SIGTERM)
                assert not any(line.startswith("data") for line in lines)  # the stream is whole
                assert process.wait(15) == 0
    assert "Traceback" not in (tmp_path / "err").read_text()
