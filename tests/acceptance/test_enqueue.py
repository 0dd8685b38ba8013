"""From the doors to the provider: HTTP and Celery in front, workers behind, the sandbox at the end."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from celery import Celery

from config.settings import Settings
from store.client import Store
from store.lanes.lane import list_lanes
from store.reports.messages import list_messages
from store.states import State
from tests.acceptance.command import running, sendmany, until


class Town:
    """A `sendmany up` with a sandbox, and a caller of its API."""

    def __init__(self, home: Path) -> None:
        note = json.loads((home / ".sendmany/up.json").read_text())
        self.home = home
        self.redis_url: str = note["settings"]["redis_url"]
        made = sendmany(home, "token", "create", "tests", "--scope", "enqueue", "--scope", "read")
        self.http = httpx.Client(
            base_url=note["web_url"],
            headers={"Authorization": f"Bearer {made.out.strip()}"},
            trust_env=False,
        )

    def states(self) -> dict[str, str]:
        """Every message by its number, with its state."""
        store = Store.connect(self.redis_url)
        try:
            return {
                one.recipient: str(one.state)
                for lane in list_lanes(store)
                for one in list_messages(store, lane.id)
            }
        finally:
            store.close()

    def comes_to(self, state: State, *recipients: str, seconds: float = 30) -> None:
        """Wait until these people's messages are in this state."""
        give_up = time.monotonic() + seconds
        while {self.states().get(one) for one in recipients} != {state}:
            assert time.monotonic() < give_up, self.states()
            time.sleep(0.1)


def text(number: int, words: str = "Your code is 1234") -> dict[str, Any]:
    """A message for the person with this number."""
    user = {"msisdn": f"+447700900{number:03d}"}
    return {"user": user, "type": "text", "content": {"text": words}}


def recipient(number: int) -> str:
    return f"447700900{number:03d}"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    home = tmp_path_factory.mktemp("town")
    with running(home, "up", "--sandbox", "--workers", "1") as up:
        until(up, lambda: "It is up" in (home / "out").read_text())
        town = Town(home)
        yield town
        town.http.close()


def test_a_message_posted_goes_out(town: Town) -> None:
    body = {"message": text(1), "priority": "urgent", "key": "login-1"}
    answer = town.http.post("/v1/messages", json=body)
    assert answer.status_code == 202
    assert town.http.post("/v1/messages", json=body).json()["status"] == "duplicate"
    town.comes_to(State.ACCEPTED, recipient(1))


def test_a_batch_posted_goes_out(town: Town) -> None:
    items = [{"message": text(number)} for number in range(100, 200)]
    answer = town.http.post("/v1/messages/batch", json={"messages": items})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 100)
    town.comes_to(State.ACCEPTED, *map(recipient, range(100, 200)))


def test_a_scheduled_message_waits_and_says_until_when(town: Town) -> None:
    start = datetime.now(UTC) + timedelta(hours=1)
    body = {"message": text(7), "send_at": start.isoformat()}
    id_ = town.http.post("/v1/messages", json=body).json()["id"]
    assert town.states()[recipient(7)] == State.DELAYED
    assert "scheduled for" in sendmany(town.home, "message", "show", id_).out


def test_a_scheduled_message_goes_when_its_time_has_come(town: Town) -> None:
    start = datetime.now(UTC) + timedelta(seconds=3)
    body = {"message": text(2), "send_at": start.isoformat()}
    assert town.http.post("/v1/messages", json=body).status_code == 202
    town.comes_to(State.ACCEPTED, recipient(2))
    assert datetime.now(UTC) >= start


def test_a_message_that_expires_while_it_waits_is_skipped(town: Town) -> None:
    # Two ends of one time: the latest start that is let in, and an end just behind it.
    start = datetime.now(UTC) + timedelta(seconds=2)
    end = start + timedelta(milliseconds=1)
    body = {"message": text(3), "send_at": start.isoformat(), "expires_at": end.isoformat()}
    assert town.http.post("/v1/messages", json=body).status_code == 202
    town.comes_to(State.SKIPPED, recipient(3))


def test_any_celery_application_can_hand_in_messages(town: Town) -> None:
    with Celery("elsewhere", broker=Settings(redis_url=town.redis_url).celery_url) as app:
        app.conf.broker_transport_options = {"socket_timeout": 10}
        sent = {"message": text(4), "priority": "urgent"}
        task = "sendmany.enqueue"
        first = app.send_task(task, kwargs=sent, queue=task)
        app.send_task(task, kwargs=sent, queue=task, task_id=first.id)  # the same once more
        app.send_task(task, kwargs={"message": {**text(5), "content": {}}}, queue=task)
        app.send_task(task, kwargs={"message": text(6)}, queue=task)
    town.comes_to(State.ACCEPTED, recipient(4), recipient(6))
    assert recipient(5) not in town.states()
    errors = (town.home / "err").read_text()
    logs = "".join(path.read_text() for path in town.home.rglob("*.log"))
    assert "content.text: is required" in errors + logs
    assert "447700900005" not in errors + logs
