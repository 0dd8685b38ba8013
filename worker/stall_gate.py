"""How the provider answers this process: what others have not been told yet, and how long it takes.

A request that waits for an answer is known to all (`begin_request`). That it has ended is told with the
next call that is made anyway: for permits, before a request, or when a batch is settled.
"""

from collections import deque
from statistics import median_low

from store.limits.rate_limit import PATIENCE

TIMES_MEDIAN = 5
"""An answer that takes so many times as long as others do is taken for a stall."""
REMEMBERED = 31
"""Answers whose time is known."""


class Answers:
    """By sub-account: requests that have ended, and how long good answers took."""

    def __init__(self) -> None:
        self._ended: dict[str, dict[str, None]] = {}  # words of `note_ended`, in order
        self._took: dict[str, deque[float]] = {}
        self._patience: dict[str, float] = {}

    def patience(self, sub_account: str) -> float:
        """Seconds without an answer that are a stall."""
        return self._patience.get(sub_account, PATIENCE)

    def ended(self, sub_account: str, request: str, *, trusted: bool) -> None:
        """A request waits for no answer any more. `trusted`: one came, and it is the provider's."""
        self._ended.setdefault(sub_account, {})[f"{'+' if trusted else '-'}{request}"] = None

    def took(self, sub_account: str, seconds: float) -> None:
        """A good answer took so long."""
        times = self._took.setdefault(sub_account, deque(maxlen=REMEMBERED))
        times.append(seconds)
        self._patience[sub_account] = max(PATIENCE, TIMES_MEDIAN * median_low(times))

    def untold(self, sub_account: str) -> str:
        """What the store has to be told."""
        return " ".join(self._ended.get(sub_account, ()))

    def told(self, sub_account: str, words: str) -> None:
        """The store has been told."""
        ended = self._ended.get(sub_account, {})
        for word in words.split():
            ended.pop(word, None)


def request_name(op: str, messages: int) -> str:
    """What a request is called among those that wait for an answer."""
    return f"{op}:{messages}"
