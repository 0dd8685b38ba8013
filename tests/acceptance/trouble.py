"""Kills and freezes the processes of a chaos run, at random from a seed.

Everything is undone at the end: frozen processes are thawed, dead ones replaced. A worker that ends by
itself is recorded as a fault.
"""

import heapq
import itertools
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sendmany.local.processes import Child
from sendmany.local.stack import Local
from store.client import Store
from tests.acceptance.house import children

PACE = (0.4, 1.6)
"""Least and greatest seconds between two strikes."""
READY = '"event": "worker_ready"'
_PID = re.compile(r'"pid": (\d+)')
SERVER_REST = 5.0
"""Seconds without strikes after a restart of the server, so that there is work to lose."""
STEP = 0.02


def born(pid: int) -> str:
    """Start time of a process, which distinguishes it from a later one with the same id. Empty: it is
    gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


@dataclass
class Crew:
    """The workers: running ones, stopping ones, and all there ever were."""

    local: Local
    size: int
    working: list[Child] = field(default_factory=list)
    leaving: list[tuple[Child, float]] = field(default_factory=list)  # with the time of SIGTERM
    ever: list[Child] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    slowest_leave: float = 0.0  # s
    ended_while_starting: int = 0

    def hire(self) -> None:
        """Start workers until there are enough."""
        while len(self.working) < self.size:
            worker = self.local.start_worker()
            self.working.append(worker)
            self.ever.append(worker)

    def kill(self, worker: Child) -> None:
        """kill -9 of a main process; its children must end by themselves."""
        worker.signal(signal.SIGKILL)
        worker.wait(5)
        self.working.remove(worker)

    def tell(self, worker: Child) -> None:
        """SIGTERM to a main process, as a deploy does."""
        worker.signal(signal.SIGTERM)
        self.working.remove(worker)
        self.leaving.append((worker, time.monotonic()))

    def watch(self) -> None:
        """Detect workers that ended by themselves, and those that stopped."""
        for worker in [one for one in self.working if one.exit_code() is not None]:
            self._ended(worker)
            self.working.remove(worker)
            self.hire()
        for worker, told in [pair for pair in self.leaving if pair[0].exit_code() is not None]:
            self.leaving.remove((worker, told))
            self.slowest_leave = max(self.slowest_leave, time.monotonic() - told)
            if worker.exit_code() != 0:
                self._ended(worker)

    def _ended(self, worker: Child) -> None:
        """A worker must not end by itself; a stopped one ends with code 0, unless it was never ready:
        SIGTERM kills a process without a handler."""
        told = worker not in self.working
        if told and worker.pid not in self._ready():
            self.ended_while_starting += 1
        else:
            how = "told to stop" if told else "by itself"
            self.faults.append(f"a worker, {how}, ended with code {worker.exit_code()}")

    def _ready(self) -> set[int]:
        """Process ids of workers that have logged that they are ready."""
        log = self.local.worker_log.read_text(errors="replace")
        return {
            int(pid) for line in log.splitlines() if READY in line for pid in _PID.findall(line)
        }

    def dismiss(self) -> None:
        """Stop all of them; kill what is left."""
        for worker in self.working:
            worker.signal(signal.SIGTERM)
        for worker in self.ever:
            worker.stop(10 if worker in self.working else 0)


class Trouble:
    """Strikes at random for some time.

    Args:
        freeze: seconds that a pool child is frozen, at random in between; longer than its lease.
        say: takes one line about each strike.
    """

    def __init__(
        self,
        crew: Crew,
        rng: random.Random,
        freeze: tuple[float, float],
        say: Callable[[str], None],
    ) -> None:
        self._crew = crew
        self._rng = rng
        self._freeze = freeze
        self._say = say
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()  # tie-breaker: first in, first out
        self._server_free = time.monotonic() + SERVER_REST
        self.strikes: Counter[str] = Counter()
        self.thaws: list[float] = []  # times at which frozen workers were thawed, monotonic
        self._weights: dict[Callable[[], bool], int] = {
            self._kill_child: 6,
            self._kill_main: 2,
            self._freeze_child: 4,
            self._freeze_worker: 1,
            self._deploy: 2,
            self._kill_server: 3,
            self._freeze_server: 1,
            self._forget_scripts: 1,
            self._kill_two_at_once: 1,
            self._kill_web: 1,
        }

    def run(self, seconds: float, hold: Callable[[], None] = lambda: None) -> None:
        """Strike for so many seconds. `hold` is called repeatedly, and may raise."""
        end = time.monotonic() + seconds
        following = time.monotonic() + self._rng.uniform(*PACE)
        while time.monotonic() < end:
            hold()
            self._do_what_is_due()
            self._crew.watch()
            if time.monotonic() >= following:
                self._strike()
                following = time.monotonic() + self._rng.uniform(*PACE)
            time.sleep(STEP)

    def undo(self) -> None:
        """Thaw and restart everything now."""
        while self._later:
            heapq.heappop(self._later)[2]()
        self._crew.hire()

    def _strike(self) -> None:
        strikes, weights = zip(*self._weights.items(), strict=True)
        strike = self._rng.choices(strikes, weights)[0]
        if strike():
            name = strike.__name__.strip("_")
            self.strikes[name] += 1
            self._say(name.replace("_", " "))

    def _in(self, seconds: float, what: Callable[[], None]) -> None:
        due = time.monotonic() + seconds
        heapq.heappush(self._later, (due, next(self._number), what))

    def _do_what_is_due(self) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            heapq.heappop(self._later)[2]()

    # Workers

    def _kill_child(self) -> bool:
        pool = [pid for worker in self._crew.working for pid in children(worker.pid)]
        if pool:
            os.kill(self._rng.choice(pool), signal.SIGKILL)
        return bool(pool)

    def _kill_two_at_once(self) -> bool:
        pool = [pid for worker in self._crew.working for pid in children(worker.pid)]
        for pid in self._rng.sample(pool, min(2, len(pool))):
            os.kill(pid, signal.SIGKILL)
        return len(pool) > 1

    def _kill_main(self) -> bool:
        if not self._crew.working:
            return False
        self._crew.kill(self._rng.choice(self._crew.working))
        self._in(self._rng.uniform(0, 2), self._crew.hire)
        return True

    def _deploy(self) -> bool:
        if not self._crew.working:
            return False
        self._crew.tell(self._rng.choice(self._crew.working))
        self._in(self._rng.uniform(0, 1), self._crew.hire)
        return True

    def _freeze_child(self) -> bool:
        pool = [pid for worker in self._crew.working for pid in children(worker.pid)]
        if pool:
            self._halt([self._rng.choice(pool)])
        return bool(pool)

    def _freeze_worker(self) -> bool:
        if not self._crew.working:
            return False
        worker = self._rng.choice(self._crew.working)
        self._halt([worker.pid, *children(worker.pid)])
        return True

    def _halt(self, pids: list[int]) -> None:
        births = {pid: born(pid) for pid in pids}
        for pid in pids:
            _signal(pid, signal.SIGSTOP)

        def thaw() -> None:
            self.thaws.append(time.monotonic())
            for pid, birth in births.items():
                if birth and born(pid) == birth:
                    _signal(pid, signal.SIGCONT)

        self._in(self._rng.uniform(*self._freeze), thaw)

    # The web process, which takes receipts

    def _kill_web(self) -> bool:
        local = self._crew.local
        if local.web is None or local.web.exit_code() is not None:
            return False
        local.web.signal(signal.SIGKILL)
        local.web.stop(0)

        def restart() -> None:
            local.web = local.start_web()

        self._in(self._rng.uniform(0, 2), restart)
        return True

    # The server

    def _kill_server(self) -> bool:
        server = self._server()
        if server is None:
            return False
        server.signal(signal.SIGKILL)
        server.wait(5)
        self._back_in(self._rng.uniform(0, 3), self._restart_server)
        return True

    def _freeze_server(self) -> bool:
        server = self._server()
        if server is None:
            return False
        server.signal(signal.SIGSTOP)
        self._back_in(self._rng.uniform(1, 4), lambda: server.signal(signal.SIGCONT))
        return True

    def _forget_scripts(self) -> bool:
        if self._server() is None:
            return False
        assert self._crew.local.server is not None
        store = Store.connect(self._crew.local.server.url)
        store.client.script_flush()
        store.close()
        return True

    def _server(self) -> Child | None:
        """The server, if it may be struck now."""
        assert self._crew.local.server is not None
        return self._crew.local.server.child if time.monotonic() >= self._server_free else None

    def _back_in(self, seconds: float, how: Callable[[], None]) -> None:
        self._server_free = time.monotonic() + seconds + SERVER_REST
        self._in(seconds, how)

    def _restart_server(self) -> None:
        assert self._crew.local.server is not None
        self._crew.local.server.start()
        self._server_free = time.monotonic() + SERVER_REST


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
