"""Real workers, and a provider that loses its trust in the key, or has an outage, and gets over it."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sendmany.local.stack import SUB_ACCOUNTS, Sandbox
from store.lanes.lane import LaneStatus, Priority
from store.limits.breakers import ACCOUNT, SERVER, Breaker, read_breakers
from store.states import State
from tests.acceptance.house import SMALL, House, open_house, until
from tests.integration.worker.rig import launch_campaign

SHOP = "shop"
SOON = {
    "SENDMANY_BREAKERS__ACCOUNT_FIRST": "0.2",
    "SENDMANY_BREAKERS__ACCOUNT_LONGEST": "0.5",
    "SENDMANY_BREAKERS__SERVER_FIRST": "0.2",
    "SENDMANY_BREAKERS__SERVER_LONGEST": "1",
}


class Provider:
    """Takes what comes with the right key, unless it is down; counts by status and by message."""

    def __init__(self) -> None:
        self.key, self.down = "right", False
        self.requests, self.taken = Counter[int](), Counter[str]()
        self.lock = threading.Lock()

    def answer(self, authorization: str, body: bytes) -> tuple[int, bytes]:
        ids = [message["clientMessageId"] for message in json.loads(body)["messages"]]
        with self.lock:
            status = 503 if self.down else 200 if authorization == f"Bearer {self.key}" else 401
            self.requests[status] += 1
            if status != 200:
                return status, b'{"code":1200}' if status == 401 else b"{}"
            self.taken.update(ids)
        items = [
            {"clientMessageId": id_, "umid": None, "status": {"state": "queued"}} for id_ in ids
        ]
        return 200, json.dumps(
            {"acceptedCount": len(ids), "rejectedCount": 0, "messages": items}
        ).encode()


@contextmanager
def serving(provider: Provider) -> Iterator[str]:
    """The provider on a port of its own; yields its base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, answer = provider.answer(self.headers["Authorization"], body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def house_with(home: Path, provider: Provider) -> Iterator[tuple[House, Path]]:
    """Two workers that send for the sandbox and for this provider; also the file of its key."""
    key = home / "key"
    key.write_text("right")
    with serving(provider) as url:
        shop = {
            "base_url": url,
            "api_key_file": str(key),
            "messages_per_second": 2000,
            "requests_per_second": 0,
        }
        accounts = (SUB_ACCOUNTS, json.dumps({SHOP: shop}))
        with open_house(home, Sandbox(), SMALL, accounts, *SOON.items(), workers=2) as house:
            yield house, key


def launch(house: House, n: int, name: str = "Shop sale") -> str:
    """A campaign of the shop."""
    lane = launch_campaign(house.store, n, name, sub_account=SHOP, priority=Priority.BULK)
    house.send_wake_up()
    return lane


def held(house: House) -> list[Breaker]:
    """Open breakers of the shop."""
    return house.store.run(read_breakers(SHOP))


def each_taken_once(provider: Provider, lane: str, n: int) -> bool:
    """Whatever its attempt."""
    times = Counter(".".join(id_.split(".")[:2]) for id_ in provider.taken.elements())
    return times == Counter(f"{lane}.{index}" for index in range(n))


def test_a_key_that_goes_wrong_in_mid_campaign_holds_up_its_sub_account_until_it_is_right(
    tmp_path: Path,
) -> None:
    provider = Provider()
    with house_with(tmp_path, provider) as (house, key):
        lane = launch(house, 6000)
        until(lambda: house.report(lane).sent >= 1000)
        provider.key = "changed"
        until(lambda: [one.scope for one in held(house)] == [ACCOUNT])
        other = house.launch(3000, "Sandbox sale")
        until(lambda: house.has_ended(other))
        until(lambda: held(house)[0].failures >= 3)
        assert house.report(lane).lane.status is LaneStatus.SENDING
        assert provider.requests[401] < 60
        key.write_text("changed")
        until(lambda: house.has_ended(lane))
        assert house.report(lane).counts == {State.ACCEPTED: 6000}
        assert held(house) == []
        assert house.check(other).sent == 3000
        assert {one.attempts for one in house.outcomes(lane)} == {1}
    assert each_taken_once(provider, lane, 6000)


def test_an_outage_of_the_provider_costs_few_requests_and_nobody_is_given_up(
    tmp_path: Path,
) -> None:
    provider = Provider()
    with house_with(tmp_path, provider) as (house, _):
        lane = launch(house, 6000)
        until(lambda: house.report(lane).sent >= 1000)
        provider.down = True
        until(lambda: [one.scope for one in held(house)] == [SERVER])
        until(lambda: held(house)[0].failures >= 5)
        probing = provider.requests[503]
        until(lambda: held(house)[0].failures >= 8)
        assert provider.requests[503] - probing <= 4  # one in the air, and no other
        provider.down = False
        until(lambda: house.has_ended(lane))
        assert house.report(lane).counts == {State.ACCEPTED: 6000}
        assert held(house) == []
    assert provider.requests[503] < 60
    assert each_taken_once(provider, lane, 6000)
