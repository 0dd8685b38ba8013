"""Beside others in one database: another Celery application, another sendmany."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from celery import Celery
from redis import Redis

from config.celery_app import SWEEP_TASK, create_app
from config.settings import Settings
from sendmany.console.connection import connect
from store.client import Store
from store.lanes.lane import list_lanes
from store.reports.messages import list_messages
from store.states import State
from tests.acceptance.command import environment, running, sendmany, until
from tests.integration import servers

PLAIN = """
import os
from celery import Celery
from redis import Redis

app = Celery("plain", broker=os.environ["BROKER"])
app.conf.task_acks_late = True
app.conf.broker_transport_options = {"visibility_timeout": 10**10}  # it gives nothing back itself

@app.task(name="plain.work")
def work():
    with Redis.from_url(os.environ["REDIS"], socket_timeout=None) as client:
        client.rpush("ran", 1)
        client.blpop("go", 60)
"""
SHORT_SIGHTED = """
import config.celery_app

settings_of = config.celery_app.celery_settings

def short_sighted(settings):
    conf = settings_of(settings)
    conf["broker_transport_options"]["visibility_timeout"] = 1
    conf["broker_transport_options"]["unacked_restore_interval"] = 0.1
    return conf

config.celery_app.celery_settings = short_sighted
from sendmany.worker_process import main

main()
"""
"""Our worker, but for how long it lets messages be taken without being acknowledged."""


@pytest.fixture(params=servers.kinds())
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    (tmp_path / "redis").mkdir()
    with servers.running(request.param, tmp_path / "redis") as url:
        yield url


@contextmanager
def process(home: Path, name: str, *words: str, **variables: str) -> Iterator[None]:
    """A Python process that ends with the block; what it says lies in a file by this name."""
    with (home / f"{name}.log").open("w") as out:
        command = [sys.executable, *words]
        running = subprocess.Popen(
            command, cwd=home, env=environment() | variables, stdout=out, stderr=out
        )
        try:
            yield
        finally:
            running.terminate()
            try:
                running.wait(30)
            finally:
                running.kill()


def comes_true(true: Callable[[], object], seconds: float = 60) -> None:
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up, "it never came true"
        time.sleep(0.02)


def leave_behind(client: Any, settings: Settings) -> None:
    """A wake-up that a worker of ours took long ago, and died with."""
    with create_app(settings) as app:
        app.send_task(SWEEP_TASK)
    (raw,) = client.lrange("sendmany", 0, -1)
    client.delete("sendmany")
    client.hset("sendmany.unacked", "orphan", json.dumps([json.loads(raw), "sendmany", "sendmany"]))
    client.zadd("sendmany.unacked_index", {"orphan": 1})


def test_each_gives_back_what_its_own_workers_left_behind_and_nothing_of_the_other(
    tmp_path: Path, url: str
) -> None:
    settings, client = Settings(redis_url=url), cast("Any", Redis.from_url(url))
    (tmp_path / "plain.py").write_text(PLAIN)
    broker = {"BROKER": settings.celery_url, "REDIS": url}
    leave_behind(client, settings)
    with process(tmp_path, "plain", "-m", "celery", "-A", "plain", "worker", "-c1", **broker):
        with Celery("caller", broker=settings.celery_url) as app:
            app.send_task("plain.work")
        comes_true(lambda: client.llen("ran"))
        for tag in client.zrange("unacked_index", 0, -1):
            client.zadd("unacked_index", {tag: 2})  # it is at it for a long time
        with process(
            tmp_path, "ours", "-c", SHORT_SIGHTED, "--concurrency", "1", SENDMANY_REDIS_URL=url
        ):
            comes_true(lambda: not client.hexists("sendmany.unacked", "orphan"))
            comes_true(lambda: client.exists("sm:swept"))
            assert client.hlen("unacked") == 1
            client.rpush("go", 1)
            comes_true(lambda: not client.hlen("unacked"))
    assert client.llen("ran") == 1
    assert client.llen("celery") == 0


def test_a_key_prefix_stands_in_front_of_every_key_and_all_goes_out(tmp_path: Path) -> None:
    prefix, content = "shop:", {"type": "text", "content": {"text": "Hello"}}
    people = ["447700900001", "447700900002"]
    first, second = ({"message": {"user": {"msisdn": f"+{one}"}, **content}} for one in people)
    with running(tmp_path, "up", "--sandbox", "--workers", "1", key_prefix=prefix) as up:
        until(up, lambda: "It is up" in (tmp_path / "out").read_text(), 120)
        note = json.loads((tmp_path / ".sendmany/up.json").read_text())
        words = ("token", "create", "tests", "--scope", "enqueue")
        token = sendmany(tmp_path, *words, key_prefix=prefix).out.strip()
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=note["web_url"], headers=headers, trust_env=False) as http:
            http.post("/v1/messages", json={**first, "key": "order-1"}).raise_for_status()
        settings = Settings(redis_url=note["settings"]["redis_url"], key_prefix=prefix)
        with Celery("elsewhere", broker=settings.celery_url) as app:
            app.conf.broker_transport_options = {"global_keyprefix": prefix}
            app.send_task("sendmany.enqueue", kwargs=second, queue="sendmany.enqueue")
        store = connect(settings)
        comes_true(lambda: states(store) == dict.fromkeys(people, State.ACCEPTED))
        keys = {key.decode() for key in store.client.scan_iter()}
        store.close()
    assert f"{prefix}sm:lanes" in keys
    assert {key for key in keys if not key.startswith(prefix)} == set()


def states(store: Store) -> dict[str, State | None]:
    """Every message by its recipient, with its state."""
    return {
        one.recipient: one.state
        for lane in list_lanes(store)
        for one in list_messages(store, lane.id)
    }
