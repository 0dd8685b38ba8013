"""Everything on one machine: the embedded server, the provider sandbox and a Celery worker.

They are started in this order, stopped in the reverse one, and watched in between: a worker gets to
settle what it has in the air while the server still runs.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from config.settings import Settings
from sendmany.embedded import EmbeddedServer
from sendmany.processes import Child, ProcessError, start

SANDBOX_ID = "sandbox"
SANDBOX_KEY = "sandbox-key"
WORKER_STOP_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How the provider sandbox behaves."""

    faults: str = "none"
    seed: int = 1
    latency_ms: float = 0
    port: int = 0


@dataclass(frozen=True, slots=True)
class LocalPlan:
    """What to start."""

    home: Path
    embedded: bool = True
    sandbox: Sandbox | None = None
    worker_processes: int = 2
    environment: tuple[tuple[str, str], ...] = ()  # settings of the processes, by their variables
    fsync: str = "everysec"


class Local:
    """The processes of a plan; a context manager that leaves none behind."""

    def __init__(self, plan: LocalPlan) -> None:
        self._plan = plan
        self.server: EmbeddedServer | None = None
        self.sandbox: Child | None = None
        self.worker: Child | None = None
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
        """Start what the plan says.

        Raises:
            ProcessError: something did not come up; nothing of it is left running by `stop`.
        """
        if self._plan.embedded:
            self.server = EmbeddedServer(self._plan.home / "redis", fsync=self._plan.fsync)
            self.server.start()
            self.environment["SENDMANY_REDIS_URL"] = self.server.url
            self.environment["SENDMANY_BROKER_URL"] = ""
        if self._plan.sandbox is not None:
            self.start_sandbox(self._plan.sandbox)
        if self._plan.worker_processes:
            self.worker = self.start_worker()

    def start_sandbox(self, sandbox: Sandbox) -> None:
        """Start the provider sandbox and configure it as the only sub-account."""
        log = self._plan.home / "logs" / "sandbox.log"
        words = {
            "port": sandbox.port,
            "latency-ms": sandbox.latency_ms,
            "faults": sandbox.faults,
            "seed": sandbox.seed,
            "sub-account": SANDBOX_ID,
        }
        options = [word for name, value in words.items() for word in (f"--{name}", str(value))]
        self.sandbox = start(
            [sys.executable, "-m", "chatapps.sandbox", *options],
            log,
            env={**os.environ, "SANDBOX_API_KEY": SANDBOX_KEY},
            read_stdout=True,
        )
        line = self.sandbox.first_line()
        if not line:
            raise ProcessError(_last_line(log) or f"The sandbox did not start; see {log}.")
        self.sandbox_url = json.loads(line)["listening"]
        self._use_sandbox()

    def start_worker(self) -> Child:
        """Start one more Celery worker with the environment of this plan."""
        return start(
            [
                sys.executable, "-m", "celery", "-A", "worker", "worker",
                "--pool", "prefork", "--concurrency", str(self._plan.worker_processes),
                "--loglevel", "WARNING", "--without-gossip", "--without-mingle",
                "--hostname", f"sendmany-{os.getpid()}@%h",
            ],
            self._plan.home / "logs" / "worker.log",
            env={**os.environ, **self.environment},
        )  # fmt: skip

    def settings(self) -> Settings:
        """The settings that these processes use, for this process."""
        os.environ.update(self.environment)
        return Settings()

    def failed(self) -> str | None:
        """Why it cannot go on: a process that ended by itself. None while all is well."""
        children = (self.server.child if self.server else None, self.sandbox, self.worker)
        for name, child in zip(("server", "sandbox", "worker"), children, strict=True):
            if child is not None and child.exit_code() is not None:
                logs = self._plan.home / ("redis" if name == "server" else "logs")
                return f"The {name} ended by itself; see the log in {logs}."
        return None

    def stop(self) -> None:
        """Stop everything: the worker first, the server last."""
        if self.worker is not None:
            self.worker.stop(WORKER_STOP_SECONDS)
        if self.sandbox is not None:
            self.sandbox.stop(1)
        if self.server is not None:
            self.server.stop()

    def _use_sandbox(self) -> None:
        account: dict[str, Any] = {
            "base_url": self.sandbox_url,
            "api_key": SANDBOX_KEY,
            "messages_per_second": 0,
            "requests_per_second": 0,
        }
        given = json.loads(self.environment.get("SENDMANY_SUB_ACCOUNTS", "{}"))
        account.update(given.get(SANDBOX_ID, {}))
        self.environment["SENDMANY_SUB_ACCOUNTS"] = json.dumps({**given, SANDBOX_ID: account})


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""
