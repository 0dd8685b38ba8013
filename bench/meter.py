"""CPU time and memory of processes and of the server; load of the machine."""

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
CPUCLOCK_SCHED = 2  # clock id of the kernel: CPU time of a whole process
AT_REST = 2048  # bytes of tolerated change
STEP_SECONDS = 0.25
SETTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine of a measurement, and its load."""

    cores: int
    python: str
    system: str
    server: str
    load: float  # of the last minute, before the round
    busy_elsewhere: float  # cores used by other processes, before the round


def check_machine(seconds: float = 0.5) -> Machine:
    """Record the machine and its load. Takes `seconds`, in which the caller's processes should be
    idle."""
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
    """A session leader and all processes of its session."""
    found = []
    for entry in PROC.iterdir():
        fields = _stat(int(entry.name)) if entry.name.isdigit() else []
        if fields and int(fields[3]) == pid:
            found.append(int(entry.name))
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU seconds so far of living processes; /proc would give hundredths only."""
    return sum(map(_cpu_seconds, pids))


def peak_mb(pids: Iterable[int]) -> float:
    """Greatest resident memory of any of these processes so far, in MB."""
    return max((_peak_kb(pid) / 1024 for pid in pids), default=0.0)


def resident_mb(pids: Iterable[int]) -> float:
    """Resident memory of these processes now, in MB; what they share counts for each."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int(fields[21]) * page for pid in pids if (fields := _stat(pid))) / 1e6


def stored_bytes(client: redis.Redis) -> int:
    """Bytes of data in the server, without buffers of clients and of its log."""
    memory: dict[str, Any] = client.info("memory")
    buffers = ("mem_clients_normal", "mem_clients_slaves", "mem_aof_buffer")
    return int(memory["used_memory"]) - sum(int(memory.get(name, 0)) for name in buffers)


def settled_bytes(client: redis.Redis) -> int:
    """The same once the server is at rest: workers acknowledge and clean up for a while."""
    give_up, last = time.monotonic() + SETTLE_SECONDS, stored_bytes(client)
    while time.monotonic() < give_up:
        time.sleep(STEP_SECONDS)
        last, before = stored_bytes(client), last
        if abs(last - before) < AT_REST:
            break
    return last


def _server_version() -> str:
    """Version of the embedded server."""
    said = subprocess.run([str(find_server()), "--version"], capture_output=True, text=True)
    return " ".join(said.stdout.split()[:3])


def _cpu_seconds(pid: int) -> float:
    """Wraps `clock_getcpuclockid`; 0 when the process has gone."""
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
    """Busy ticks of all cores since boot."""
    user, nice, system, _, _, irq, softirq, *_ = map(
        int, (PROC / "stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return user + nice + system + irq + softirq
