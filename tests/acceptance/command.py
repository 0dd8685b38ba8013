"""The real `sendmany`, run as a person or a program would, in a directory of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

NO_REACTIONS = json.dumps([{"code": code, "action": "none"} for code in (1018, 1051)])
SENDMANY = Path(sys.executable).with_name("sendmany")


@dataclass(frozen=True)
class Ran:
    """Result of a command."""

    code: int
    out: str
    err: str


def environment(**settings: str) -> dict[str, str]:
    """The environment without settings of sendmany, plus these: `redis_url="redis://…"`. Reactions to
    receipts about a person are disabled, since the sandbox's receipts include some."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SENDMANY_")}
    ours = {"reactions": NO_REACTIONS, **settings}
    return clean | {f"SENDMANY_{name.upper()}": value for name, value in ours.items()}


def sendmany(home: Path, *words: object, **settings: str) -> Ran:
    """Run a command to its end."""
    done = subprocess.run(
        [SENDMANY, *map(str, words)],
        cwd=home,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def _hear_interrupts() -> None:
    """A run in the background ignores Ctrl-C, and so would the commands that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def running(home: Path, *words: object, **settings: str) -> Iterator["subprocess.Popen[str]"]:
    """A command that keeps running; its output is in the files `out` and `err`. Stopped at the end."""
    with (home / "out").open("w") as out, (home / "err").open("w") as err:
        process = subprocess.Popen(
            [SENDMANY, *map(str, words)],
            cwd=home,
            env=environment(**settings) | {"TMPDIR": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
            preexec_fn=_hear_interrupts,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(60)


def until(process: "subprocess.Popen[str]", true: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until a condition is true, while the process runs."""
    give_up = time.monotonic() + seconds
    while not true():
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            assert time.monotonic() < give_up, "it took too long"
        else:
            raise AssertionError(f"it ended early, with code {process.returncode}")


def family(pid: int) -> set[int]:
    """All descendants of a process."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and (fields := _status(entry)):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: set[int] = set()
    ahead = [pid]
    while ahead:
        for child in children.get(ahead.pop(), []):
            found.add(child)
            ahead.append(child)
    return found


def survivors(pids: set[int]) -> set[int]:
    """Those that still run; a killed process may take a moment to die."""
    give_up = time.monotonic() + 2
    while (left := {pid for pid in pids if _runs(pid)}) and time.monotonic() < give_up:
        pass
    return left


def _runs(pid: int) -> bool:
    fields = _status(Path(f"/proc/{pid}"))
    return bool(fields) and fields[0] != "Z"


def _status(entry: Path) -> list[str]:
    """State and parent's id, then more; empty if it is gone."""
    try:
        return (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
