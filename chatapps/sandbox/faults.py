"""Fault injection of the sandbox, decided by seed. Pure: no I/O, no waiting.

A decision depends only on the seed and the number of the request, or on the seed and the address of a
message, so that a run can be repeated.

`mild` and `wild` fail only before a message is accepted; `ambiguous` also fails after.
"""

from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from random import Random
from typing import Literal, TypeAlias, get_args

FaultMode: TypeAlias = Literal["none", "mild", "wild", "ambiguous"]
FAULT_MODES: tuple[FaultMode, ...] = get_args(FaultMode)

TRANSIENT_CODE = 2000
"""Item code of a message that was refused by a transient fault."""

_LASTING_CODES = (1002, 3003, 3041)


class Fault(Enum):
    """A fault of a whole request."""

    NONE = "none"
    INTERNAL_ERROR = "500"
    THROTTLED = "429"
    BAD_GATEWAY = "502"
    UNAVAILABLE = "503"
    GATEWAY_TIMEOUT = "504"
    # These happen after the messages were accepted:
    ERROR_AFTER_TAKING = "500 after taking"
    CUT_OFF = "answer cut off"
    DELAYED = "answer delayed"
    ITEM_MISSING = "item missing"
    ITEM_DOUBLED = "item doubled"
    SHUFFLED = "items shuffled"


@dataclass(frozen=True, slots=True)
class Profile:
    """Frequencies of faults: shares of requests by fault, shares of numbers and of items."""

    requests: tuple[tuple[Fault, float], ...] = ()
    numbers: float = 0.0  # of numbers refused permanently
    items: float = 0.0  # of items refused once
    spikes: float = 0.0  # of requests with a long delay that succeed
    longest_spike: float = 2.0  # seconds


_MILD = (
    (Fault.INTERNAL_ERROR, 0.03),
    (Fault.THROTTLED, 0.015),
    (Fault.UNAVAILABLE, 0.005),
)

PROFILES: dict[FaultMode, Profile] = {
    "none": Profile(),
    "mild": Profile(_MILD, numbers=0.005, items=0.003),
    "wild": Profile(
        (
            (Fault.INTERNAL_ERROR, 0.12),
            (Fault.THROTTLED, 0.06),
            (Fault.BAD_GATEWAY, 0.01),
            (Fault.UNAVAILABLE, 0.01),
            (Fault.GATEWAY_TIMEOUT, 0.01),
        ),
        numbers=0.02,
        items=0.02,
        spikes=0.03,
    ),
    "ambiguous": Profile(
        (
            *_MILD,
            (Fault.ERROR_AFTER_TAKING, 0.03),
            (Fault.CUT_OFF, 0.03),
            (Fault.DELAYED, 0.01),
            (Fault.ITEM_MISSING, 0.02),
            (Fault.ITEM_DOUBLED, 0.02),
            (Fault.SHUFFLED, 0.05),
        ),
        numbers=0.005,
        items=0.003,
        longest_spike=5.0,
    ),
}


@dataclass(slots=True)
class RequestFaults:
    """The faults of one request; `random` decides about its items."""

    fault: Fault
    delay: float  # seconds, added to the usual latency
    random: Random


class FaultSource:
    """Decides about faults by a profile and a seed."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self.profile = profile
        self._seed = seed
        self._key = str(seed).encode()[:64]

    def request(self, number: int) -> RequestFaults:
        """The faults of the n-th request, whatever its content."""
        random = Random(f"{self._seed}:{number}")
        fault = self._draw(random.random())
        spike = fault is Fault.DELAYED or random.random() < self.profile.spikes
        longest = self.profile.longest_spike
        return RequestFaults(fault, random.uniform(0.25, 1) * longest if spike else 0.0, random)

    def _draw(self, share: float) -> Fault:
        for fault, rate in self.profile.requests:
            share -= rate
            if share < 0:
                return fault
        return Fault.NONE

    def lasting_code(self, address: str) -> int:
        """The code that refuses this address every time, or 0: a stable share of all addresses."""
        if not self.profile.numbers:
            return 0
        digest = blake2b(address.lstrip("+").encode(), digest_size=8, key=self._key).digest()
        value = int.from_bytes(digest, "big")
        if value >= self.profile.numbers * 2**64:
            return 0
        return _LASTING_CODES[value % len(_LASTING_CODES)]

    def item_fails_once(self, random: Random) -> bool:
        """True when this attempt of this item is refused with `TRANSIENT_CODE`."""
        return self.profile.items > 0 and random.random() < self.profile.items
