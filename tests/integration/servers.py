"""Real servers to test on: the embedded one, and a Redis where there is one.

`SENDMANY_TEST_REDIS_SERVER` names a redis-server program; without it the one on PATH is used.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sendmany.local import embedded_redis


def redis_program() -> Path | None:
    """The redis-server to test with, if there is one."""
    found = os.environ.get("SENDMANY_TEST_REDIS_SERVER") or shutil.which("redis-server")
    return Path(found) if found else None


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
