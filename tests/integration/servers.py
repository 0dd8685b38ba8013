"""Real servers to test on: the embedded one, and a Redis where there is one.

`SENDMANY_TEST_REDIS_SERVER` names a redis-server program; without it the one on PATH is used.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

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
