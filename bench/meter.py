"""Time on the CPU and memory, of processes and of the server; how busy the machine is with others."""

import os
import platform
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from sendmany.local.embedded_redis import find_server

TICK = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")
CPUCLOCK_SCHED = 2  # of the kernel: the time that a whole process has run
AT_REST = 2048  # bytes that may come or go
STEP_SECONDS = 0.25
SETTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures were taken on, and how quiet it was."""

    cores: int
    python: str
    system: str
    server: str
    load: float  # of the last minute, before the round
    busy_elsewhere: float  # cores that others used, before the round


def check_machine(seconds: float = 0.5) -> Machine:
    """Note the machine and its load. Takes `seconds`, in which the caller's processes should rest."""
    before, at = _busy_ticks(), time.monotonic()
    time.sleep(seconds)
    busy = (_busy_ticks() - before) / TICK / (time.monotonic() - at)
    return Machine(
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        server=_server_version(),
        load=os.getloadavg()[0],
        busy_elsewhere=round(busy, 2),
    )


def family(pid: int) -> list[int]:
    """A process that leads a session, and everything in it."""
    found = []
    for entry in PROC.iterdir():
        fields = _stat(int(entry.name)) if entry.name.isdigit() else []
        if fields and int(fields[3]) == pid:
            found.append(int(entry.name))
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Seconds on the CPU so far, of processes that live; /proc would tell hundredths only."""
    return sum(map(_cpu_seconds, pids))


def peak_mb(pids: Iterable[int]) -> float:
    """The largest resident memory that any of these processes ever had, in MB."""
    return max((_peak_kb(pid) / 1024 for pid in pids), default=0.0)


def stored_bytes(client: redis.Redis) -> int:
    """What the server holds, without buffers of clients and of its log."""
    memory: dict[str, Any] = client.info("memory")
    buffers = ("mem_clients_normal", "mem_clients_slaves", "mem_aof_buffer")
    return int(memory["used_memory"]) - sum(int(memory.get(name, 0)) for name in buffers)


def settled_bytes(client: redis.Redis) -> int:
    """What the server holds once it is at rest: workers acknowledge and tidy up for a while."""
    give_up, last = time.monotonic() + SETTLE_SECONDS, stored_bytes(client)
    while time.monotonic() < give_up:
        time.sleep(STEP_SECONDS)
        last, before = stored_bytes(client), last
        if abs(last - before) < AT_REST:
            break
    return last


def _server_version() -> str:
    """What the embedded server says of itself, up to the first detail."""
    said = subprocess.run([str(find_server()), "--version"], capture_output=True, text=True)
    return " ".join(said.stdout.split()[:3])


def _cpu_seconds(pid: int) -> float:
    """What `clock_getcpuclockid` of the C library leads to; 0 when the process has gone."""
    try:
        return time.clock_gettime((~pid << 3) | CPUCLOCK_SCHED)
    except OSError:
        return 0.0


def _stat(pid: int) -> list[str]:
    """Fields of `/proc/<pid>/stat` from the state on; empty when it has gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _peak_kb(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def _busy_ticks() -> int:
    """Ticks that all cores have worked since the machine started."""
    user, nice, system, _, _, irq, softirq, *_ = map(
        int, (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return user + nice + system + irq + softirq
