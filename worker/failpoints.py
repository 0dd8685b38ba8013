"""Named points of a delivery at which a test may stop the process: killed, or frozen, just there.

Outside tests nothing stops anywhere: what is called at a point is `go_on`, which does nothing. A test
sets the variable to `<point> <n> <KILL or STOP> <file>`; the first process that comes by the point for
the n-th time writes its process id into the file and ends, or freezes. Those who find the file
there go on.
"""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

VARIABLE = "SENDMANY_TEST_STOP"


class Point(StrEnum):
    """Where a process may stop, in the order of a delivery."""

    CLAIMED = "claimed"  # the jobs are in a batch
    BEFORE_MARK = "before_mark"  # permits are there
    MARKED = "marked"  # written down as `posting`; the request has not left
    POSTED = "posted"  # the provider has answered, or failed to
    BEFORE_SETTLE = "before_settle"  # the answer is judged
    SETTLED = "settled"  # the store has it; nothing was done with its reply yet


PassBy = Callable[[Point], None]


def go_on(_: Point) -> None:
    """Stop nowhere."""


class StopOnce:
    """Stops the process when it comes by one point for the n-th time, unless another one has.

    Args:
        file: is made by the process that stops, and holds its id.
    """

    def __init__(self, point: Point, n: int, number: signal.Signals, file: Path) -> None:
        self._point = point
        self._left = n
        self._signal = number
        self._file = file

    def __call__(self, point: Point) -> None:
        """Come by a point."""
        if point is not self._point:
            return
        self._left -= 1
        if self._left == 0 and self._is_first():
            # To this very thread: were it sent to the process, another thread might take it, and this
            # one would still get somewhere before all of them stop.
            signal.pthread_kill(threading.get_ident(), self._signal)

    def _is_first(self) -> bool:
        try:
            with self._file.open("x") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            return False
        return True


def read_failpoint(environment: Mapping[str, str]) -> PassBy:
    """What to call at every point; `go_on` unless a test has set the variable.

    Raises:
        ValueError: it is set, and cannot be understood.
    """
    words = environment.get(VARIABLE)
    if words is None:
        return go_on
    point, n, number, file = words.split(" ", 3)
    return StopOnce(Point(point), int(n), signal.Signals[f"SIG{number}"], Path(file))
