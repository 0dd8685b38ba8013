"""Processes that we start: in sessions of their own, so that Ctrl-C reaches only us; stopped by us."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 3.0
_PR_SET_PDEATHSIG = 1


class ProcessError(Exception):
    """A process could not be started or came to an early end; one sentence that says what to do."""


class Child:
    """A process of ours."""

    def __init__(self, process: "subprocess.Popen[bytes]", name: str) -> None:
        self._process = process
        self.name = name

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False if it goes on."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def first_line(self) -> bytes:
        """The first line that it prints on stdout; empty if it ends without one."""
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def signal(self, number: int) -> None:
        """Send it a signal, if it is still there."""
        if self.exit_code() is None:
            self._process.send_signal(number)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to end, and end it with all its children if it has not in time."""
        self.signal(signal.SIGTERM)
        if not self.wait(seconds):
            self._kill_session()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _kill_session(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.wait(STOP_SECONDS)


def start(
    command: Sequence[str],
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    read_stdout: bool = False,
) -> Child:
    """Start a process that writes to a log file.

    Raises:
        ProcessError: it cannot be run at all.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if read_stdout else output,
                stderr=output,
                env=None if env is None else dict(env),
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        except OSError as error:
            raise ProcessError(f"{command[0]} cannot be run: {error.strerror}.") from error
    return Child(process, Path(command[0]).name)


def _die_with_parent() -> None:
    """Ask the kernel for a SIGTERM when our parent dies, so that kill -9 leaves nothing behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
