"""Tracks answers of the provider in this process: ends to report, and durations.

A request that waits for an answer is known to all processes (`begin_request`). Its end is reported with
the next call to the store: for permits, before a request, or when a batch is settled.
"""

from collections import deque
from statistics import median_low

from store.limits.rate_limit import PATIENCE

TIMES_MEDIAN = 5
"""A wait of so many times the median answer is a stall."""
REMEMBERED = 31
"""Durations kept."""


class Answers:
    """By sub-account: ended requests, and durations of good answers."""

    def __init__(self) -> None:
        self._ended: dict[str, dict[str, None]] = {}  # arguments of `note_ended`, in order
        self._took: dict[str, deque[float]] = {}
        self._patience: dict[str, float] = {}

    def patience(self, sub_account: str) -> float:
        """Seconds without an answer that are a stall."""
        return self._patience.get(sub_account, PATIENCE)

    def ended(self, sub_account: str, request: str, *, trusted: bool) -> None:
        """Record the end of a request. `trusted`: a usable answer came."""
        self._ended.setdefault(sub_account, {})[f"{'+' if trusted else '-'}{request}"] = None

    def took(self, sub_account: str, seconds: float) -> None:
        """Record the duration of a good answer."""
        times = self._took.setdefault(sub_account, deque(maxlen=REMEMBERED))
        times.append(seconds)
        self._patience[sub_account] = max(PATIENCE, TIMES_MEDIAN * median_low(times))

    def untold(self, sub_account: str) -> str:
        """Ends not yet reported to the store."""
        return " ".join(self._ended.get(sub_account, ()))

    def told(self, sub_account: str, words: str) -> None:
        """Ends were reported to the store."""
        ended = self._ended.get(sub_account, {})
        for word in words.split():
            ended.pop(word, None)


def request_name(op: str, messages: int) -> str:
    """Name of a request among those that wait for an answer."""
    return f"{op}:{messages}"
