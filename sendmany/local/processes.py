"""Child processes: started in sessions of their own, so that Ctrl-C reaches only this process, which
stops them."""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NoReturn

from config.private_files import open_private, private_directory
from sendmany.errors import ProcessError

STOP_SECONDS = 3.0
_STEP = 0.02
_PR_SET_PDEATHSIG = 1

Wait = Callable[[], None]
"""Called repeatedly while waiting for a process; may raise to stop waiting."""


class Child:
    """A child process."""

    def __init__(self, process: "subprocess.Popen[bytes]", name: str) -> None:
        self._process = process
        self.name = name

    @property
    def pid(self) -> int:
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False if it still runs."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def first_line(self, seconds: float, on_wait: Wait = lambda: None) -> bytes:
        """The first line of its stdout; empty if it ends, or takes longer, without one."""
        assert self._process.stdout is not None
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            on_wait()
            if select.select([self._process.stdout], [], [], _STEP)[0]:
                return self._process.stdout.readline()
        return b""

    def signal(self, number: int) -> None:
        """Send it a signal if it still runs."""
        if self.exit_code() is None:
            self._process.send_signal(number)

    def stop(
        self, seconds: float = STOP_SECONDS, *, in_a_hurry: Callable[[], bool] = lambda: False
    ) -> None:
        """Send SIGTERM, and after `seconds`, or in a hurry, kill it and all its children."""
        self.signal(signal.SIGTERM)
        give_up = time.monotonic() + seconds
        while not self.wait(_STEP) and time.monotonic() < give_up and not in_a_hurry():
            pass
        self._kill_session()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def clean_up(self) -> None:
        """After its end, send SIGTERM to children that it has left behind."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # none is left
            os.killpg(self.pid, signal.SIGTERM)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _kill_session(self) -> None:
        """Kill what is left of it: itself, and children that outlived it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # none is left
            os.killpg(self.pid, signal.SIGKILL)
        self.wait(STOP_SECONDS)


def start(
    command: Sequence[str],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    read_stdout: bool = False,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start a process that writes to a log file.

    Raises:
        ProcessError: it cannot be run at all, or its log cannot be written.
    """
    with _opened(log) as output:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if read_stdout else output,
                stderr=output,
                env=None if env is None else dict(env),
                start_new_session=True,
                umask=0o077,
                pass_fds=pass_fds,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        except OSError as error:
            raise ProcessError(f"{command[0]} cannot be run: {error.strerror}.") from error
    return Child(process, Path(command[0]).name)


def _opened(log: Path) -> BinaryIO:
    make_directory(log.parent)
    try:
        return os.fdopen(open_private(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab")
    except OSError as error:
        raise ProcessError(f"{log} cannot be written: {error.strerror}.") from error


def make_directory(path: Path, *, tighten: bool = True) -> None:
    """Create a directory as `private_directory` does; raises ProcessError."""
    try:
        private_directory(path, tighten=tighten)
    except OSError as error:
        raise ProcessError(f"{path} cannot be made: {error.strerror}.") from error


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs one of our modules.

    `-P` keeps the working directory off the path: a foreign `config` or `worker` there must not be
    imported.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def become(command: Sequence[str], env: Mapping[str, str]) -> NoReturn:
    """Run the command in place of this process.

    Ctrl-C is blocked until the command unblocks it: a Python that is interrupted during start prints a
    traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        os.execve(command[0], list(command), dict(env))  # noqa: S606 (by list, without a shell)
    finally:  # exec failed
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def last_line(log: Path) -> str:
    """The last line of a process's log."""
    lines = log.read_text("utf-8", "replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else ""


def _die_with_parent() -> None:
    """Ask the kernel for a SIGTERM when the parent dies, so that kill -9 leaves no process behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
