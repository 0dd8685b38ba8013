"""Receipts from a sandbox process to a web process, over the wire; and `sendmany receiver` alone."""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from chatapps.webhooks import Receipt, Reply, read_webhook
from sendmany.local.stack import Local, LocalPlan, Receiver, Sandbox
from store.client import Store
from store.receipts.inbox import inbox_length, inbox_numbers, read_inbox
from tests.acceptance.command import running, sendmany, until

SECRET = "Bearer winter-7"
KEY = {"Authorization": "Bearer sandbox-key"}
NAP = threading.Event()  # never set
SHARED = {"type": "text", "content": {"text": "Hello"}}


@contextmanager
def open_house(home: Path, **sandbox: Any) -> Iterator[tuple[Local, Store]]:
    """A server, a web process and a sandbox, without a reader of the inbox."""
    plan = LocalPlan(
        home,
        receiver=Receiver((SECRET,)),
        sandbox=Sandbox(seed=5, **sandbox),
        worker_processes=0,
        environment=(("SENDMANY_STATE_DIR", str(home)),),
    )
    with Local(plan) as local:
        assert local.server is not None
        store = Store.connect(local.server.url)
        try:
            yield local, store
        finally:
            store.close()


def send(local: Local, n: int) -> None:
    """Have the sandbox take n messages."""
    with httpx.Client(base_url=local.sandbox_url, headers=KEY, trust_env=False) as http:
        for first in range(0, n, 1000):
            messages = [
                {"user": {"msisdn": f"+4477009{i:05d}"}, "clientMessageId": f"a.{i}.1"}
                for i in range(first, min(n, first + 1000))
            ]
            body = {"template": SHARED, "messages": messages, "clientBatchId": "a.b1"}
            http.post("/api/v1/subaccounts/sandbox/messages/batch", json=body).raise_for_status()


def posted(sandbox_url: str) -> dict[str, int]:
    """The sandbox's counts of posts."""
    with httpx.Client(trust_env=False) as http:
        counts: dict[str, int] = http.get(f"{sandbox_url}/sandbox/ledger").json()["webhooks"]
    return counts


def all_posted(sandbox_url: str, seconds: float = 60) -> dict[str, int]:
    """As soon as nothing waits to be posted."""
    give_up = time.monotonic() + seconds
    while (counts := posted(sandbox_url))["waiting"]:
        assert time.monotonic() < give_up, counts
        NAP.wait(0.1)
    return counts


def some_stored(store: Store, n: int) -> None:
    """Wait until there are so many in the inbox."""
    while store.run(inbox_length()) < n:
        NAP.wait(0.02)


def stored(store: Store) -> Counter[bytes]:
    """Of all inboxes: a process that is started anew takes another one."""
    bodies: Counter[bytes] = Counter()
    for number in store.run(inbox_numbers()):
        while entries := store.run(read_inbox("test", 1000, number)):
            bodies.update(entry.body for entry in entries)
    return bodies


def test_every_acknowledged_post_is_stored_as_often_and_no_forged_one(tmp_path: Path) -> None:
    wild: dict[str, Any] = {"receipts": "wild", "reply_share": 0.2, "webhook_patience": 0.01}
    with open_house(tmp_path, **wild) as (local, store):
        send(local, 500)
        counts = all_posted(local.sandbox_url)
        bodies = stored(store)
    assert (counts["given_up"], counts["forged_accepted"]) == (0, 0)
    assert counts["forged"] > 0
    assert counts["planned"] == counts["acknowledged"] == bodies.total()
    events = [read_webhook(body) for body in bodies]
    assert {type(event) for event in events} == {Receipt, Reply}
    messages = {event.client_message_id for event in events if isinstance(event, Receipt)}
    assert 480 < len(messages - {None}) <= 500  # of a few, all receipts come without ids


def test_what_a_killed_process_did_not_answer_comes_again(tmp_path: Path) -> None:
    with open_house(tmp_path, receipts="plain", webhook_patience=0.2) as (local, store):
        send(local, 1000)
        some_stored(store, 300)
        assert local.web is not None
        local.web.signal(signal.SIGKILL)
        local.web.stop()
        local.web = local.start_web()
        counts = all_posted(local.sandbox_url)
        bodies = stored(store)
    assert counts["repeats"] > 0
    assert counts["given_up"] == 0
    assert counts["acknowledged"] == counts["planned"] == len(bodies)
    assert bodies.total() >= counts["acknowledged"]  # one may be stored whose answer was lost


def test_what_came_while_redis_was_frozen_comes_again(tmp_path: Path) -> None:
    with open_house(tmp_path, receipts="plain", webhook_patience=0.1) as (local, store):
        send(local, 100)
        some_stored(store, 20)
        assert local.server is not None
        assert local.server.child is not None
        os.kill(local.server.child.pid, signal.SIGSTOP)
        try:
            with httpx.Client(trust_env=False, headers={"Authorization": SECRET}) as http:
                assert http.post(local.receiver_url, content=b"{}").status_code == 503
        finally:
            os.kill(local.server.child.pid, signal.SIGCONT)
        counts = all_posted(local.sandbox_url)
        bodies = stored(store)
    assert counts["repeats"] > 0
    assert counts["given_up"] == 0
    assert counts["acknowledged"] == counts["planned"] == len(bodies - Counter({b"{}": 1}))


def test_the_command_receives_until_it_is_told_to_stop(tmp_path: Path) -> None:
    settings = {"redis_url": f"unix://{tmp_path}/nobody.sock", "webhooks__authorization_env": "[]"}
    asked = sendmany(tmp_path, "receiver", **settings)
    assert (asked.code, asked.err.count("\n")) == (1, 1)
    assert "webhooks.authorization_env" in asked.err
    settings["webhooks__authorization"] = json.dumps([SECRET])
    with running(tmp_path, "receiver", "--port", 0, **settings) as process:
        until(process, lambda: bool((tmp_path / "out").read_text()))
        url = json.loads((tmp_path / "out").read_text())["listening"]
        with httpx.Client(base_url=url, trust_env=False) as http:
            assert http.post("/webhooks", content=b"{}").status_code == 401
            away = http.post("/webhooks", content=b"{}", headers={"Authorization": SECRET})
            assert (away.status_code, http.get("/healthz").status_code) == (503, 503)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    said = (tmp_path / "err").read_text()
    assert said.count("webhooks_refused") == 2
    assert "winter" not in said


def test_up_receives_what_its_sandbox_posts(tmp_path: Path) -> None:
    words = ("up", "--sandbox", "--webhooks", "--workers", "1", "--reply-share", "1")
    with running(tmp_path, *words, web__port="0") as up:
        until(up, lambda: "It is up" in (tmp_path / "out").read_text())
        note = json.loads((tmp_path / ".sendmany/up.json").read_text())
        assert note["receiver_url"] in (tmp_path / "out").read_text()
        message = ("--to", "+447700900123", "--text", "Hello", "--wait", "--json")
        sent = sendmany(tmp_path, "message", "send", *message)
        assert sent.code == 0, sent.err
        counts = all_posted(note["sandbox_url"])
        assert counts["acknowledged"] == counts["planned"] >= 2
        with httpx.Client(trust_env=False) as http:
            assert http.post(note["receiver_url"], content=b"{}").status_code == 401
        up.send_signal(signal.SIGINT)
        assert up.wait(30) == 130
    assert "Stopped: worker, sandbox, web, server." in (tmp_path / "err").read_text()


def test_up_without_a_sandbox_must_know_whom_to_believe(tmp_path: Path) -> None:
    up = sendmany(tmp_path, "up", "--webhooks")
    assert (up.code, up.out, up.err.count("\n")) == (1, "", 1)
    assert "webhooks.authorization_env" in up.err


@pytest.mark.parametrize("values", [["a", "b", "c"], [" "]])
def test_secrets_that_make_no_sense_are_told(tmp_path: Path, values: list[str]) -> None:
    ran = sendmany(tmp_path, "receiver", webhooks__authorization=json.dumps(values))
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "authorization" in ran.err
