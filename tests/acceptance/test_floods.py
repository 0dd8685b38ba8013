"""`/healthz` of a web process while callers flood it: answered throughout, and memory stays bounded."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests.acceptance.command import running, sendmany, until
from tests.integration import servers

MOST_SECONDS = 0.5
MOST_GROWTH_KB = 100 * 1024
FLOOD_SECONDS = 3.0
CONNECTIONS = 900  # a process may have 1,024 files here; each refused one is another of its floods
MEMBERS = 300_000


class Web(NamedTuple):
    """A running web process."""

    url: httpx.URL
    pid: int
    token: str

    def connect(self) -> socket.socket:
        connection = socket.create_connection((self.url.host, self.url.port or 80), timeout=5)
        connection.settimeout(1)
        return connection

    def rss_kb(self) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("a process has a size")


Flood = Callable[[Web, threading.Event], None]


def pipeline(web: Web, ended: threading.Event) -> None:
    """Ask on one connection, and read no answer."""
    with web.connect() as connection:
        while not ended.is_set():
            with suppress(TimeoutError):
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n" * 1000)


def drip(web: Web, ended: threading.Event) -> None:
    """Read the refusal on many connections, then send the body byte by byte."""
    head = b"POST /v1/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
    with ExitStack() as stack:
        callers = [stack.enter_context(web.connect()) for _ in range(CONNECTIONS)]
        for one in callers:
            with suppress(OSError):
                one.sendall(head)
                one.recv(1000)
        while not ended.is_set():
            for one in callers:
                with suppress(OSError):
                    one.sendall(b"x")


def surplus(web: Web, ended: threading.Event) -> None:
    """Send a body with very many members that no message has."""
    body = json.dumps({f"member{i}": i for i in range(MEMBERS)}).encode()
    head = (
        "POST /v1/messages/batch HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {web.token}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    while not ended.is_set():
        with web.connect() as connection, suppress(OSError):
            connection.sendall(head + body)
            assert connection.recv(1000).startswith(b"HTTP/1.1 4")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    (tmp_path / "redis").mkdir()
    with servers.running("embedded", tmp_path / "redis") as url:
        made = sendmany(
            tmp_path, "token", "create", "shop", "--scope", "enqueue", "--json", redis_url=url
        )
        with running(tmp_path, "web", "--port", 0, redis_url=url) as process:
            until(process, lambda: bool((tmp_path / "out").read_text()))
            listening = httpx.URL(json.loads((tmp_path / "out").read_text())["listening"])
            yield Web(listening, process.pid, json.loads(made.out)["token"])


@contextmanager
def flooded(web: Web, flood: Flood) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=flood, args=(web, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.timing
@pytest.mark.parametrize("flood", [pipeline, drip, surplus])
def test_it_is_seen_to_be_alive_during_a_flood(web: Web, flood: Flood) -> None:
    with httpx.Client(base_url=web.url, trust_env=False, timeout=10) as http:
        assert http.get("/healthz").status_code == 200
        before, took = web.rss_kb(), []
        with flooded(web, flood):
            end = time.monotonic() + FLOOD_SECONDS
            while (began := time.monotonic()) < end:
                assert http.get("/healthz").status_code == 200
                took.append(time.monotonic() - began)
            grown = web.rss_kb() - before
    print(flood.__name__, f"{max(took):.3f} s at most, {grown / 1024:.1f} MB")
    assert sorted(took)[-2] <= MOST_SECONDS  # one may be the machine's own pause
    assert grown <= MOST_GROWTH_KB
