"""A killed sender of news: no change is lost, and only what was under way comes twice."""

import json
import os
import signal
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sendmany.local.stack import SANDBOX_ID, Sandbox
from store.client import Store, command, text
from store.outcomes.stream import want_outcomes
from store.reports.waiting import now_ms
from store.subscriptions.subscription import add_subscription, replay
from tests.acceptance.house import open_house, runs, until
from worker.subscriptions import LEASE_MS, MOST_EVENTS

PEOPLE = 1000
SECRET = "an acceptance test"


class Endpoint(ThreadingHTTPServer):
    """Takes batches; holds the answer to the third one until it is let go."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[str]]] = []  # webhook-id, messages
        self.holds, self.goes_on = threading.Event(), threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        ids = [event["id"] for event in body["data"]]
        self.server.batches.append((self.headers["webhook-id"], ids))
        if len(self.server.batches) == 3:
            self.server.holds.set()
            self.server.goes_on.wait(120)
        try:
            self.send_response(204)
            self.end_headers()
        except OSError:
            pass  # the sender was killed

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def sender(store: Store, id: str) -> int:
    """The process that has the lease of the subscription."""
    kept = store.run(command("HGET", f"sm:{{subscriptions}}:{id}", "owner", parse=text))
    return int(kept.split(":")[1])


@pytest.mark.long
@pytest.mark.timeout(400)
def test_of_a_killed_sender_of_news_only_the_batch_under_way_comes_twice(tmp_path: Path) -> None:
    with Endpoint() as endpoint:
        threading.Thread(target=endpoint.serve_forever, daemon=True).start()
        here = f"127.0.0.1:{endpoint.server_port}"
        ours = (
            ("SENDMANY_SECRET", SECRET),
            ("SENDMANY_SUBSCRIPTIONS__TRUSTED", json.dumps([here])),
        )
        with open_house(tmp_path, Sandbox(seed=5), *ours) as house:
            since = house.store.run(now_ms())
            want_outcomes(house.store, SANDBOX_ID)
            lane = house.launch(PEOPLE)
            until(lambda: house.has_ended(lane))
            one, _ = add_subscription(
                house.store, SECRET.encode(), since // 1000, f"http://{here}/hooks",
                ("message.accepted",), SANDBOX_ID, with_numbers=False,
            )  # fmt: skip
            replay(house.store, one, since)
            assert endpoint.holds.wait(60)
            killed = sender(house.store, one.id)
            os.kill(killed, signal.SIGKILL)
            until(lambda: not runs(killed))
            endpoint.goes_on.set()
            everyone = {f"{lane}.{index}" for index in range(PEOPLE)}
            until(lambda: told(endpoint).keys() == everyone, LEASE_MS / 1000 + 120)
            assert sender(house.store, one.id) != killed
            house.check(lane)
        endpoint.shutdown()
    under_way = set(endpoint.batches[2][1])
    twice = {id for id, times in told(endpoint).items() if times > 1}
    assert twice == under_way
    assert 0 < len(twice) <= MOST_EVENTS
    assert max(told(endpoint).values()) == 2


def told(endpoint: Endpoint) -> Counter[str]:
    """Message → how often it was told."""
    return Counter(id for _, ids in list(endpoint.batches) for id in ids)
