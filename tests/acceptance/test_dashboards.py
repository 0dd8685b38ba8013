"""A real Prometheus scrapes a real web process while a campaign goes out: each panel shows something."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.acceptance.command import running, sendmany, until
from tests.integration.servers import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
PATIENCE = 90.0
"""Seconds for the last panel to have data."""
SETTINGS = {
    "secret": "a secret of some length",
    "sub_accounts__sandbox__messages_per_second": "100",
    "sub_accounts__sandbox__burst": "20",
    "sub_accounts__sandbox__learn_rate": "observe",
    "retry__base_delay": "1",
    "policies__settle_after": "2",
    "policies__window": "send",
    "subscriptions__trusted": '["127.0.0.1:9"]',
}


def panels() -> Iterator[tuple[str, str]]:
    """The expressions of all dashboards, as Grafana asks for them with all sub-accounts."""
    for path in sorted((DEPLOY / "grafana").glob("*.json")):
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            for target in panel["targets"]:
                expr = target["expr"].replace("$sub_account", ".*")
                yield f"{path.stem}: {panel['title']}", expr.replace("$__rate_interval", "10s")


@contextmanager
def prometheus(home: Path, target: str, token: str) -> Iterator[httpx.Client]:
    """Prometheus with our alerts, scraping every second."""
    port, file = free_port(), home / "prometheus.yml"
    job = {
        "job_name": "sendmany",
        "authorization": {"credentials": token},
        "static_configs": [{"targets": [target]}],
    }
    every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    rules = [str(DEPLOY / "prometheus/alerts.yml")]
    file.write_text(yaml.safe_dump({"global": every, "rule_files": rules, "scrape_configs": [job]}))
    options = (f"--config.file={file}", f"--storage.tsdb.path={home / 'tsdb'}")
    address = f"127.0.0.1:{port}"
    with (home / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            ("prometheus", *options, f"--web.listen-address={address}"), stdout=log, stderr=log
        )
        try:
            with httpx.Client(base_url=f"http://{address}", trust_env=False) as client:
                yield client
        finally:
            process.terminate()
            process.wait(30)


def asked(client: httpx.Client, path: str, **query: str) -> Any:
    """The data of an answer; None while Prometheus starts."""
    try:
        answer = client.get(f"/api/v1/{path}", params=query)
    except httpx.TransportError:
        return None
    if answer.status_code == 503:
        return None
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def at_most_each_second(check: Callable[[], bool]) -> Callable[[], bool]:
    """The same condition, looked at once a second: no scrape comes sooner."""
    looked = float("-inf")

    def look() -> bool:
        nonlocal looked
        if time.monotonic() < looked + 1:
            return False
        looked = time.monotonic()
        return check()

    return look


@pytest.mark.long
@pytest.mark.timeout(300)
def test_each_panel_has_data_and_each_rule_is_evaluated(tmp_path: Path) -> None:
    if not shutil.which("prometheus"):
        pytest.skip("Prometheus is not on this machine.")
    rows = [f"+4477009{index:05d},Ada\n" for index in range(8000)]
    (tmp_path / "people.csv").write_text("phone,name\n" + "".join(rows))
    message = {"type": "text", "content": {"text": "Hello {{name}}"}}
    (tmp_path / "offer.json").write_text(json.dumps(message))
    up = ("up", "--sandbox", "--webhooks", "--faults", "ambiguous", "--receipts", "wild")
    with running(tmp_path, *up, **SETTINGS) as process:
        until(process, lambda: "It is up" in (tmp_path / "out").read_text())
        note = json.loads((tmp_path / ".sendmany/up.json").read_text())
        token = sendmany(tmp_path, "token", "create", "prometheus", "--scope", "read").out.strip()
        url, types = "http://127.0.0.1:9/hook", ("--types", "message.*")
        added = sendmany(tmp_path, "subscription", "add", url, *types, **SETTINGS)
        assert added.code == 0, added.err
        other = ("--template", "other", "--language", "en", "--reason", "test")
        held = sendmany(tmp_path, "breaker", "open", "--sub-account", "sandbox", *other)
        assert held.code == 0, held.err
        files = ("--recipients", "people.csv", "--message", "offer.json")
        launched = sendmany(tmp_path, "campaign", "launch", "Spring", *files, **SETTINGS)
        assert launched.code == 0, launched.err
        target = note["web_url"].removeprefix("http://")
        with prometheus(tmp_path, target, token) as client:
            empty = dict.fromkeys(panels())

            def all_shown() -> bool:
                for panel in [*empty]:
                    found = asked(client, "query", query=panel[1])
                    if found and any(one["value"][1] != "NaN" for one in found["result"]):
                        del empty[panel]
                return not empty

            with suppress(AssertionError):
                until(process, at_most_each_second(all_shown), PATIENCE)
            assert not [" ".join(panel) for panel in empty]
            rules = asked(client, "rules")
            states = {rule["name"]: rule for group in rules["groups"] for rule in group["rules"]}
            assert {rule["health"] for rule in states.values()} == {"ok"}
            assert states["SendmanyBreakerOpen"]["state"] in ("pending", "firing")
            assert states["SendmanyRedisAway"]["state"] == "inactive"
