"""Concurrency limits shared fairly among tokens: uploads, readers of events."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from store.access.tokens import Token


class NoPlace(Exception):
    """All places are taken, or the token has its fair share."""


class Places:
    """A token may hold as many places as it leaves free: alone it gets half of them, so that others
    always find some. Threads may share it.

    Args:
        most: places in all.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._taken: Counter[str] = Counter()
        self._lock = Lock()

    @contextmanager
    def place_for(self, token: Token) -> Iterator[None]:
        """Hold a place inside the context; raises NoPlace."""
        with self._lock:
            if self._taken[token.id] >= self._free:
                raise NoPlace
            self._free -= 1
            self._taken[token.id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._free += 1
                self._taken[token.id] -= 1
                self._taken += Counter()  # drops zero counts
