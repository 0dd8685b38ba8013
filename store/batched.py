"""Splits many lanes into round trips of a bounded size."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 100
"""Lanes of one round trip, some milliseconds in which this process does nothing else."""


def by_hundred(lanes: Sequence[T]) -> Iterator[Sequence[T]]:
    """Parts of at most `AT_ONCE` lanes."""
    for first in range(0, len(lanes), AT_ONCE):
        yield lanes[first : first + AT_ONCE]
