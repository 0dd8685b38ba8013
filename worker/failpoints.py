"""Failpoints of a delivery, at which a test kills or freezes the process.

Outside tests they are no-ops (`go_on`). A test sets the variable to `<point> <n> <KILL or STOP> <file>`:
the first process that reaches the point for the n-th time writes its process id into the file and ends,
or freezes. Processes that find the file go on.
"""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

VARIABLE = "SENDMANY_TEST_STOP"


class Point(StrEnum):
    """Failpoints, in the order of a delivery."""

    CLAIMED = "claimed"  # the jobs are in a batch
    BEFORE_MARK = "before_mark"  # permits are taken
    MARKED = "marked"  # marked as `posting`; not sent yet
    POSTED = "posted"  # the provider has answered, or failed to
    BEFORE_SETTLE = "before_settle"  # the answer is classified
    SETTLED = "settled"  # the store has it; its reply is not processed yet


PassBy = Callable[[Point], None]


def go_on(_: Point) -> None:
    """No-op."""


class StopOnce:
    """Stops the process the n-th time it reaches one point, unless another process has stopped there.

    Args:
        file: created by the process that stops; holds its id.
    """

    def __init__(self, point: Point, n: int, number: signal.Signals, file: Path) -> None:
        self._point = point
        self._left = n
        self._signal = number
        self._file = file

    def __call__(self, point: Point) -> None:
        """Reach a point."""
        if point is not self._point:
            return
        self._left -= 1
        if self._left == 0 and self._is_first():
            # To this very thread: another thread might take a signal to the process, and this one would
            # run on until all of them stop.
            signal.pthread_kill(threading.get_ident(), self._signal)

    def _is_first(self) -> bool:
        try:
            with self._file.open("x") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            return False
        return True


def read_failpoint(environment: Mapping[str, str]) -> PassBy:
    """The function to call at every point; `go_on` unless a test has set the variable.

    Raises:
        ValueError: the variable is invalid.
    """
    words = environment.get(VARIABLE)
    if words is None:
        return go_on
    point, n, number, file = words.split(" ", 3)
    return StopOnce(Point(point), int(n), signal.Signals[f"SIG{number}"], Path(file))
