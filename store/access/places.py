"""Places that tokens share: so many uploads, or readers of events, at the same time."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from store.access.tokens import Token


class NoPlace(Exception):
    """All places are taken, or the token has as many as it leaves free for others."""


class Places:
    """Each token may have as many places as it leaves free: alone it gets half of them, and however
    many one takes, others find some.

    Args:
        most: places in all.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._taken: Counter[str] = Counter()

    @contextmanager
    def place_for(self, token: Token) -> Iterator[None]:
        """Take a place, and give it back at the end; raises NoPlace."""
        if self._taken[token.id] >= self._free:
            raise NoPlace
        self._free -= 1
        self._taken[token.id] += 1
        try:
            yield
        finally:
            self._free += 1
            self._taken[token.id] -= 1
            self._taken += Counter()  # without those that have none
