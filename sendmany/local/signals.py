"""Ctrl-C and SIGTERM while child processes run: noted at any time, handled at safe points.

An exception raised in a signal handler may hit between the start of a process and the line that stores
it. So the handler only records the signal, and waiting loops call `check` many times a second.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

HEARD = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal asked for a stop; passes through handlers of `Exception`.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """The shell's exit code for a program ended by this signal."""
        return 128 + self.number


class Signals:
    """Signals received while `caught` is entered."""

    def __init__(self) -> None:
        self.count = 0
        self.number: int | None = None  # the first one

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Record signals instead of dying by them. For the main thread.

        After the first one, later ones are ignored: the process is stopping already.
        """
        before = {number: signal.signal(number, self._hear) for number in HEARD}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler if self.number is None else signal.SIG_IGN)

    def check(self) -> None:
        """Raise Stopped if a signal was received."""
        if self.number is not None:
            raise Stopped(self.number)

    def _hear(self, number: int, _frame: object) -> None:
        self.count += 1
        if self.number is None:
            self.number = number
