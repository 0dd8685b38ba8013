"""A stage for one run: a fresh server, a fresh provider, and workers of one system, warmed up."""

import os
import signal
import time
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import msgspec
import redis

from bench.errors import BenchError
from bench.meter import cpu_seconds, family, peak_mb
from bench.producer import Enqueue, Probe, Produced
from bench.provider_process import Provider
from bench.site import Site
from bench.systems import load_system
from bench.workload import Work, write_work
from sendmany.local.embedded_redis import EmbeddedServer
from sendmany.local.processes import Child, last_line, python, start

WARM_UP = 2000
POLL_SECONDS = 0.01
PATIENCE = 60.0
"""Seconds without progress after which a run is aborted."""
PRODUCER_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Setting:
    """Processes of a stage."""

    system: str
    processes: int = 2
    latency_ms: float = 0


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds, or µs per message, by process; `worker` is the sum of all worker processes."""

    producer: float
    worker: float
    redis: float
    provider: float

    def since(self, before: "Cpu", producer: float) -> "Cpu":
        """Use between two readings, plus the producer's."""
        return Cpu(
            producer,
            self.worker - before.worker,
            self.redis - before.redis,
            self.provider - before.provider,
        )

    def per_message(self, n: int) -> "Cpu":
        """µs per message."""
        figures = (self.producer, self.worker, self.redis, self.provider)
        return Cpu(*(round(seconds / n * 1e6, 2) for seconds in figures))


class Stage:
    """The processes of one run; a context manager that stops all of them.

    Args:
        home: a directory that does not exist yet.
    """

    def __init__(self, setting: Setting, home: Path) -> None:
        self._setting = setting
        self._home = home
        self._cleanup = ExitStack()
        self.system = load_system(setting.system)

    def __enter__(self) -> "Stage":
        self._home.mkdir(parents=True)
        with ExitStack() as started:
            self._start(started)
            self._cleanup = started.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cleanup.close()

    def write(self, run: str, recipients: int, lanes: int = 1) -> Work:
        """Write the files of a run."""
        return write_work(self._home, run, recipients, lanes)

    def begin(self, work: Work) -> Child:
        """Start a process that enqueues a run."""
        return self._begin(Enqueue(self._setting.system, self.site, work))

    def begin_probes(
        self, run: str, most: int, pause: tuple[float, float], *, urgent: bool = False
    ) -> Child:
        """Start a process that enqueues single messages."""
        return self._begin(Probe(self._setting.system, self.site, run, most, pause, urgent))

    def finish(self, producer: Child) -> Produced:
        """Wait for a producer's end; returns its measurements."""
        line = self._read_line(producer)
        producer.wait(PATIENCE)
        producer.stop(0)
        return msgspec.json.decode(line, type=Produced)

    def hold_workers(self) -> None:
        """Freeze the workers, so that a queue can be filled."""
        self._signal(signal.SIGSTOP)

    def release_workers(self) -> None:
        """Resume the workers."""
        self._signal(signal.SIGCONT)

    def wait_until_recorded(self, work: Work) -> float:
        """Wait until every outcome is recorded; returns the time (s, monotonic clock).

        Raises:
            BenchError: no progress for a minute, or a worker has died.
        """
        last, since = (0, 0), time.monotonic()
        while (now := self._progress(work))[1] < work.recipients:
            if now > last:
                last, since = now, time.monotonic()
            self._check(now, work, since)
            time.sleep(POLL_SECONDS)
        return time.monotonic()

    def arrivals(self, ids: Collection[str]) -> dict[str, float]:
        """Wait until these messages have arrived; returns the times (s, monotonic clock)."""
        starts = {id_.rpartition(".")[0] for id_ in ids}
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            came: dict[str, float] = {}
            for start_of_id in starts:
                came |= self.provider.arrivals(f"{start_of_id}.")
            if came.keys() >= set(ids):
                return came
            time.sleep(POLL_SECONDS)
        raise BenchError(f"Single messages did not come; see {self._home}.")

    def cpu(self) -> Cpu:
        """CPU time of the processes so far; the producer reports its own."""
        return Cpu(
            producer=0,
            worker=cpu_seconds(family(self._worker.pid)),
            redis=cpu_seconds([self._server_pid]),
            provider=cpu_seconds([self.provider.child.pid]),
        )

    def worker_peak_mb(self) -> float:
        """Greatest memory of a worker process so far."""
        return peak_mb(family(self._worker.pid))

    def server_peak_mb(self) -> float:
        """Greatest memory of the server so far."""
        return peak_mb([self._server_pid])

    def _start(self, started: ExitStack) -> None:
        server = EmbeddedServer(self._home / "redis")
        started.callback(server.stop)
        server.start()
        assert server.child is not None
        self._server_pid = server.child.pid
        self.client: redis.Redis = redis.Redis.from_url(server.url)
        started.callback(self.client.close)
        self.provider = Provider(self._home / "provider.log", self._setting.latency_ms)
        started.callback(self.provider.stop)
        self.site = Site(str(self._home), server.url, self.provider.url)
        self._worker = self.system.start_workers(self.site, self._setting.processes)
        started.callback(self._worker.stop, 0)
        self._warm_up()

    def _warm_up(self) -> None:
        """Send a few messages, so that everything is loaded, compiled and connected before the
        measurement."""
        work = self.write("warm-up", WARM_UP)
        self.finish(self.begin(work))
        self.wait_until_recorded(work)
        self.provider.forget()

    def _begin(self, order: Enqueue | Probe) -> Child:
        producer = start(
            python("bench.producer", msgspec.json.encode(order).decode()),
            self.site.log("producer"),
            env={**os.environ, **self.site.environment},
            read_stdout=True,
        )
        self._read_line(producer)  # it has started, and begins now
        return producer

    def _read_line(self, producer: Child) -> bytes:
        line = producer.first_line(PRODUCER_SECONDS)
        if not line:
            raise BenchError(f"The producer failed: {last_line(self.site.log('producer'))}")
        return line

    def _progress(self, work: Work) -> tuple[int, int]:
        """Messages received, and outcomes recorded; the latter are read only when all have arrived."""
        came = self.provider.total()
        return came, 0 if came < work.recipients else self.system.recorded(self.client, work)

    def _check(self, now: tuple[int, int], work: Work, since: float) -> None:
        if self._worker.exit_code() is not None:
            raise BenchError(f"A worker ended by itself: see {self._home}.")
        if time.monotonic() - since > PATIENCE:
            raise BenchError(
                f"{self._setting.system} stands still: of {work.recipients} messages {now[0]} came "
                f"and {now[1]} outcomes are on record; see {self._home}."
            )

    def _signal(self, number: int) -> None:
        os.killpg(self._worker.pid, number)
