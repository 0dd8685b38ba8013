"""All processes on one machine: embedded server, sandbox, web process and Celery worker.

They are started in this order, stopped in the reverse one, and watched meanwhile: a worker can settle
batches in flight while the server still runs. The parent opens the web process's socket, so that the
sandbox knows the address of webhooks before that process runs.
"""

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from chatapps.sandbox.config import ACCOUNT_ID, CHANNEL_ID
from config.settings import Settings, load_settings
from sendmany.api.sockets import address, listen, listen_or_anywhere
from sendmany.errors import ProcessError
from sendmany.local.embedded_redis import EmbeddedServer
from sendmany.local.processes import Child, Wait, last_line, make_directory, python, start

SANDBOX_ID = "sandbox"
SANDBOX_KEY = "sandbox-key"
LOG_COLUMNS = {"client_message_id": "clientMessageId"}
"""Of the sandbox's log."""
NO_LIMITS = {"messages_per_second": 0, "requests_per_second": 0}
START_SECONDS = 20.0
LONGEST_HOME = 50
"""Most characters of a directory in which workers create sockets: names take 50 more, of 104 at most."""
SUB_ACCOUNTS = "SENDMANY_SUB_ACCOUNTS"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Behaviour of the sandbox."""

    faults: str = "none"
    seed: int = 1
    latency_ms: float = 0
    port: int = 0
    # Its posts if there is a receiver:
    receipts: str = "plain"
    reply_share: float = 0
    webhook_patience: float = 1  # factor of all delays between posts
    capacity: float = 0  # messages a second that its number sends; 0 = any
    templates: bool = False  # it begins with three, and the sub-account is configured for them


@dataclass(frozen=True, slots=True)
class Receiver:
    """Accepted webhook authorizations of the web process."""

    authorizations: tuple[str, ...] = field(repr=False)  # the sandbox uses the first


@dataclass(frozen=True, slots=True)
class WebPlan:
    """Address of the web process."""

    host: str = "127.0.0.1"
    port: int = 0  # any free one
    or_any_port: bool = False  # if that one is in use


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """The processes to start."""

    home: Path
    embedded: bool = True
    web: WebPlan | None = None
    receiver: Receiver | None = None  # a web process also receives webhooks
    sandbox: Sandbox | None = None
    worker_processes: int = 2
    environment: tuple[tuple[str, str], ...] = ()  # environment variables of the processes
    fsync: str = "everysec"
    patience: float = 3.0  # seconds for a worker to settle batches in flight


class Local:
    """The processes of a plan; a context manager that stops all of them.

    Args:
        on_wait: called often during the start; an exception of it aborts the start.
    """

    def __init__(self, plan: LocalPlan, on_wait: Wait = lambda: None) -> None:
        self._plan = plan
        self._on_wait = on_wait
        self.server: EmbeddedServer | None = None
        self.web: Child | None = None
        self._listener: socket.socket | None = None
        self.sandbox: Child | None = None
        self.worker: Child | None = None
        self._tmp: str | None = None
        self.web_url = ""
        self.port_taken: int | None = None  # the wanted port of the web process, in use
        self.receiver_url = ""
        self.sandbox_url = ""
        self.environment: dict[str, str] = dict(plan.environment)

    def __enter__(self) -> "Local":
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the processes of the plan.

        Raises:
            ProcessError: one did not start; `stop` ends the others.
        """
        if self._plan.embedded:
            self.server = EmbeddedServer(self._plan.home / "redis", fsync=self._plan.fsync)
            self.server.start(self._on_wait)
            self.environment["SENDMANY_REDIS_URL"] = self.server.url
        if self._plan.web is not None or self._plan.receiver is not None:
            self._listen(self._plan.web or WebPlan())
        if self._plan.sandbox is not None:
            self._start_sandbox(self._plan.sandbox)
        if self._listener is not None:
            self.web = self.start_web()
            self._listening("web", self.web)
        if self._plan.worker_processes:
            self.worker = self.start_worker()

    def start_worker(self) -> Child:
        """Start another Celery worker with the environment of this plan."""
        options = (
            "--pool", "prefork", "--concurrency", str(self._plan.worker_processes),
            "--loglevel", "WARNING", "--without-gossip", "--without-mingle",
            "--hostname", f"sendmany-{os.getpid()}@%h",
        )  # fmt: skip
        settings = {"SENDMANY_STATE_DIR": str(self._plan.home), **self.environment}
        return start(
            python("sendmany.worker_process", *options),
            self.worker_log,
            env={**os.environ, **settings, **self._temporary()},
        )

    def _temporary(self) -> dict[str, str]:
        """Environment for a temporary directory of workers with a short path, as sockets need."""
        home = self._plan.home
        if len(str(home)) > LONGEST_HOME:
            return {}
        if self._tmp is None:
            make_directory(home, tighten=False)
            self._tmp = tempfile.mkdtemp(prefix="tmp-", dir=home)
        return {"TMPDIR": self._tmp}

    def start_web(self) -> Child:
        """Start a web process with the environment of this plan, on the socket kept open."""
        assert self._listener is not None
        settings = {"SENDMANY_STATE_DIR": str(self._plan.home), **self.environment}
        if self._plan.receiver is not None:
            settings |= {
                "SENDMANY_WEBHOOKS__AUTHORIZATION": json.dumps(self._plan.receiver.authorizations),
                "SENDMANY_WEBHOOKS__AUTHORIZATION_ENV": "[]",
            }
        number = self._listener.fileno()
        return start(
            python("sendmany.api.__main__", f"--socket={number}"),
            self._log("web"),
            env={**os.environ, **settings},
            read_stdout=True,
            pass_fds=(number,),
        )

    def _listen(self, plan: WebPlan) -> None:
        find = listen_or_anywhere if plan.or_any_port else listen
        self._listener = find(plan.host, plan.port)
        self.web_url = address(self._listener)
        self.port_taken = (
            plan.port if plan.port not in (0, self._listener.getsockname()[1]) else None
        )
        if self._plan.receiver is not None:
            self.receiver_url = f"{self.web_url}/webhooks"

    @property
    def worker_log(self) -> Path:
        """The worker's log file."""
        return self._log("worker")

    def settings(self) -> Settings:
        """The settings of these processes, from now on also of this process."""
        os.environ.update(self.environment)
        load_settings.cache_clear()
        return load_settings()

    def see_that_all_run(self) -> None:
        """Raise ProcessError if a process has ended by itself."""
        for name in self.ended():
            raise ProcessError(f"The {name} ended by itself: see {self.log_of(name)}.")

    def ended(self) -> dict[str, int]:
        """The exit codes of ended processes by name, in the order of start."""
        codes = {name: child.exit_code() for name, child in reversed(self._children().items())}
        return {name: code for name, code in codes.items() if code is not None}

    def running(self) -> list[str]:
        """Names of running processes, in the order of stopping."""
        return [name for name, child in self._children().items() if child.exit_code() is None]

    def restart(self, name: str) -> None:
        """Restart an ended process at the same address.

        Raises:
            ProcessError: it did not start.
        """
        self._children()[name].clean_up()
        try:
            if name == "server" and self.server is not None:
                self.server.start(self._on_wait)
            elif name == "sandbox" and self._plan.sandbox is not None:
                port = urlsplit(self.sandbox_url).port or 0
                self._start_sandbox(replace(self._plan.sandbox, port=port))
            elif name == "web":
                self.web = self.start_web()
                self._listening("web", self.web)
            else:
                self.worker = self.start_worker()
        except ProcessError:
            self._children()[name].stop()
            raise

    def stop(
        self, patience: float | None = None, *, in_a_hurry: Callable[[], bool] = lambda: False
    ) -> list[str]:
        """Stop all processes: the worker first, the server last. Returns the names of those that ran.

        Args:
            patience: seconds for the worker to settle batches in flight.
            in_a_hurry: polled meanwhile; True stops waiting.
        """
        names = self.running()
        if self.worker is not None:
            seconds = self._plan.patience if patience is None else patience
            self.worker.stop(seconds, in_a_hurry=in_a_hurry)
        if self._tmp is not None:  # a killed worker leaves a directory there
            shutil.rmtree(self._tmp, ignore_errors=True)
        if self.sandbox is not None:
            self.sandbox.stop(0.5)
        if self.web is not None:
            self.web.stop()
        if self._listener is not None:
            self._listener.close()
        if self.server is not None:
            self.server.stop()
        return names

    def _start_sandbox(self, sandbox: Sandbox) -> None:
        """Start the sandbox and configure it as a sub-account."""
        words: dict[str, object] = {
            "port": sandbox.port,
            "latency-ms": sandbox.latency_ms,
            "faults": sandbox.faults,
            "seed": sandbox.seed,
            "sub-account": SANDBOX_ID,
        }
        secrets = {"SANDBOX_API_KEY": SANDBOX_KEY}
        if self._plan.receiver is not None:
            words |= {
                "webhook-url": self.receiver_url,
                "receipts": sandbox.receipts,
                "reply-share": sandbox.reply_share,
                "webhook-patience": sandbox.webhook_patience,
                "capacity": sandbox.capacity,
            }
            secrets["SANDBOX_WEBHOOK_AUTHORIZATION"] = self._plan.receiver.authorizations[0]
        flags = ["--templates"] if sandbox.templates else []
        options = [f"--{name}={words[name]}" for name in words]
        command = python("chatapps.sandbox", *options, *flags)
        self.sandbox = start(
            command, self._log("sandbox"), env={**os.environ, **secrets}, read_stdout=True
        )
        self.sandbox_url = self._listening("sandbox", self.sandbox)
        self._use_sandbox()

    def _listening(self, name: str, child: Child) -> str:
        """Wait until a process prints its address."""
        log = self._log(name)
        line = child.first_line(START_SECONDS, self._on_wait)
        if not line:
            raise ProcessError(last_line(log) or f"The {name} did not start: see {log}.")
        url: str = json.loads(line)["listening"]
        return url

    def _use_sandbox(self) -> None:
        text = self.environment.get(SUB_ACCOUNTS) or os.environ.get(SUB_ACCOUNTS) or "{}"
        given: dict[str, Any] = json.loads(text)
        templates = self._plan.sandbox is not None and self._plan.sandbox.templates
        account = {
            **NO_LIMITS,
            **({"account_id": ACCOUNT_ID, "channel_id": CHANNEL_ID} if templates else {}),
            **given.get(SANDBOX_ID, {}),
            "base_url": self.sandbox_url,
            "api_key": SANDBOX_KEY,
        }
        self.environment[SUB_ACCOUNTS] = json.dumps({**given, SANDBOX_ID: account})
        self.environment.setdefault("SENDMANY_BACKFILL__COLUMNS", json.dumps(LOG_COLUMNS))

    def log_of(self, name: str) -> Path:
        """A process's log file."""
        return self.server.log if name == "server" and self.server else self._log(name)

    def _children(self) -> dict[str, Child]:
        """Started processes by name, in the order of stopping."""
        server = self.server.child if self.server else None
        parts = {"worker": self.worker, "sandbox": self.sandbox, "web": self.web, "server": server}
        return {name: child for name, child in parts.items() if child is not None}

    def _log(self, name: str) -> Path:
        return self._plan.home / "logs" / f"{name}.log"
