"""A sender's phone number behind the provider: its capacity, its lags, its limits for a person.

A message beyond the capacity is refused with a receipt (mode `reject`), or waits (`queue`). Two messages
to a person within six seconds are refused with 1028. Times are given by the caller, so that hours pass
in seconds; the same seed gives the same fates.
"""

from collections import OrderedDict
from dataclasses import dataclass
from random import Random
from typing import Literal, NamedTuple, TypeAlias

NumberMode: TypeAlias = Literal["reject", "queue"]
TOO_FAST, TOO_MANY_TO_PERSON = 1009, 1028
PAIR_SECONDS = 6.0
BURST_SECONDS = 1.0
"""Capacity that gathers while nothing is sent, in seconds of it."""
PEOPLE_REMEMBERED = 100_000


@dataclass(frozen=True, slots=True)
class Capacity:
    """Behaviour of a number."""

    per_second: float
    mode: NumberMode = "reject"
    lag: float = 3.0  # least seconds from sending to the first receipt
    jitter: float = 5.0  # mean of the random seconds on top, exponential
    pair_limit: bool = False


class Fate(NamedTuple):
    """When a number sends a message, or that it refuses it."""

    sent_after: float  # s from the message to its sending; 0 if it is refused
    told_after: float  # s from the message to its first receipt
    code: int = 0  # of the receipt that refuses it


class PhoneNumber:
    """One number; its capacity may be changed while it runs."""

    def __init__(self, capacity: Capacity, seed: int = 0) -> None:
        self.capacity = capacity
        self._random = Random(f"number:{seed}")
        self._free_at = float("-inf")  # theoretical arrival time of the next message
        self._people: OrderedDict[str, float] = OrderedDict()

    def take(self, at: float, person: str = "") -> Fate:
        """The fate of a message at this time; times do not go back."""
        its = self.capacity
        told = its.lag + self._random.expovariate(1 / its.jitter) if its.jitter else its.lag
        if person and its.pair_limit and self._is_too_soon(at, person):
            return Fate(0.0, told, TOO_MANY_TO_PERSON)
        free_at = max(self._free_at, at - BURST_SECONDS)
        if its.mode == "reject" and free_at > at:
            return Fate(0.0, told, TOO_FAST)
        self._free_at = free_at + 1 / its.per_second
        waits = max(0.0, free_at - at)
        return Fate(waits, waits + told)

    def _is_too_soon(self, at: float, person: str) -> bool:
        before = self._people.pop(person, float("-inf"))
        too_soon = at < before + PAIR_SECONDS
        self._people[person] = before if too_soon else at
        if len(self._people) > PEOPLE_REMEMBERED:
            self._people.popitem(last=False)
        return too_soon
