"""Real servers to test on: the embedded one, and a Redis where there is one.

`SENDMANY_TEST_REDIS_SERVER` names a redis-server program; without it the one on PATH is used.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from sendmany.local import embedded_redis


def redis_program() -> Path | None:
    """The redis-server to test with, if there is one."""
    found = os.environ.get("SENDMANY_TEST_REDIS_SERVER") or shutil.which("redis-server")
    return Path(found) if found else None


def free_port() -> int:
    """A port that no server listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def made_certificate(home: Path, name: str = "own", authority: str = "") -> tuple[Path, Path]:
    """A certificate and its key; signed by the authority of that name, which was made before, or by
    itself."""
    certificate, key = home / f"{name}.pem", home / f"{name}.key"
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x"
    alternative = ["-addext", "subjectAltName=IP:127.0.0.1"]
    if authority:
        alternative += ["-CA", f"{home}/{authority}.pem", "-CAkey", f"{home}/{authority}.key"]
    subprocess.run(
        [*words.split(), *alternative, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    return certificate, key


def kinds() -> list[str]:
    """The servers that can be tested on here."""
    return ["embedded", "redis"] if redis_program() else ["embedded"]


@contextmanager
def running(kind: str, home: Path, options: dict[str, str] | None = None) -> Iterator[str]:
    """Run a server with its data in `home`; gives its URL."""
    with pytest.MonkeyPatch.context() as patch:
        if kind == "redis":
            patch.setattr(embedded_redis, "find_server", redis_program)
        server = embedded_redis.EmbeddedServer(home, options=options)
        server.start()
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def cluster(home: Path, masters: int = 3, *, replicas: bool = False) -> Iterator[str]:
    """Run a cluster of masters that share the slots, each with a replica if wanted; gives its URL."""
    n = masters * 2 if replicas else masters
    with ExitStack() as stack:
        ports = [_start_node(home, stack) for _ in range(n)]
        clients: list[Any] = [stack.enter_context(redis.Redis(port=port)) for port in ports]
        first: int = 0
        for at, client in enumerate(clients, 1):
            bus = client.config_get("cluster-port")["cluster-port"]
            clients[0].execute_command("CLUSTER", "MEET", "127.0.0.1", ports[at - 1], bus)
            if at <= masters:
                last = 16384 * at // masters - 1
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
                first = last + 1
        _wait(lambda: all(_knows_all(client, n) for client in clients))
        for master, replica in zip(clients, clients[masters:], strict=False):
            replica.execute_command("CLUSTER", "REPLICATE", master.execute_command("CLUSTER MYID"))
        _wait(lambda: all(_is_linked(replica) for replica in clients[masters:]))
        yield "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports)


def _start_node(home: Path, stack: ExitStack) -> int:
    port = free_port()
    options = {
        "port": str(port),
        "bind": "127.0.0.1",
        "cluster-enabled": "yes",
        "cluster-port": str(free_port()),
        "cluster-node-timeout": "2000",
    }
    server = embedded_redis.EmbeddedServer(home / str(port), options=options)
    server.start()
    stack.callback(server.stop)
    return port


def _wait(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up, "the servers of the cluster do not find each other"
        time.sleep(0.05)


def _is_linked(replica: Any) -> bool:
    found: bool = replica.info("replication").get("master_link_status") == "up"
    return found


def _knows_all(client: Any, masters: int) -> bool:
    found: bytes = client.execute_command("CLUSTER", "INFO")
    wanted = (b"cluster_state:ok", b"cluster_known_nodes:%d" % masters)
    return set(wanted) <= set(found.split())
