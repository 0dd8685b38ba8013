"""Ctrl-C and SIGTERM while child processes are ours: heard at any moment, obeyed where it does no harm.

An exception that a signal handler throws may land between the start of a process and the line that
remembers it. So the handler only takes note, and whoever waits asks `check`, many times a second.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody wants us to stop; passes through whatever handles errors.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What a shell expects of a program that a signal has ended."""
        return 128 + self.number


class Signals:
    """The signals that have come while `caught` is entered."""

    def __init__(self) -> None:
        self.count = 0
        self.number: int | None = None  # of the first

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Take note of signals instead of dying of them. For the main thread.

        When one has come, later ones are ignored to the end: the process is leaving as it is.
        """
        before = {number: signal.signal(number, self._hear) for number in HEARD}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler if self.number is None else signal.SIG_IGN)

    def check(self) -> None:
        """Raise Stopped if a signal has come."""
        if self.number is not None:
            raise Stopped(self.number)

    def _hear(self, number: int, _frame: object) -> None:
        self.count += 1
        if self.number is None:
            self.number = number
