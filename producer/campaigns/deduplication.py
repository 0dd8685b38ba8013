"""Who is in a campaign already: exact, at a few bytes a number.

Numbers lie in blocks of 65,536 neighbours: the few of a sparse block in a sorted array of two bytes
each, those of a crowded one as bits. A million numbers of one country take 2 to 6 MB, where a set of
Python's takes 90, and a million neighbours take 130 KB.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from store.client import Store
from store.lanes.lane import Lane
from store.people.recipients import read_recipients

_BITS = 16
_ZERO = ord("0")
_LOW = (1 << _BITS) - 1
_CROWDED = 1 << (_BITS - 4)
"""Numbers of a block from which on its bits take less room than an array."""

_Block: TypeAlias = "array[int] | bytearray"


def read_seen(store: Store, lane: Lane, seen: "SeenRecipients | None" = None) -> "SeenRecipients":
    """Everybody who is in a campaign, added to `seen` if given. Read the lane first: then nobody up to
    its place is missing."""
    seen = seen or SeenRecipients()
    for people in read_recipients(store, lane.id):
        seen.add_numbers(people.numbers)
        seen.add_others(people.others)
    return seen


class SeenRecipients:
    """Remembers recipients; the numbers among them as numbers, everybody else by name."""

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._others: set[bytes] = set()

    def add_numbers(self, numbers: Iterable[int]) -> None:
        """Remember these."""
        for number in numbers:
            self._is_new(number)

    def add_others(self, recipients: Iterable[bytes]) -> None:
        """Remember people who have no number, or none that could be written in another way."""
        self._others.update(recipients)

    def drop_duplicates(self, lines: Sequence[bytes]) -> list[bytes]:
        """The job lines of recipients who were not seen before, and are now."""
        fresh, is_new = list[bytes](), self._is_new
        for line in lines:
            recipient = line.partition(b"\t")[0]
            if not recipient.isdigit() or recipient[0] == _ZERO:  # which a number would lose
                if self._is_new_other(recipient):
                    fresh.append(line)
            elif is_new(int(recipient)):
                fresh.append(line)
        return fresh

    def _is_new_other(self, recipient: bytes) -> bool:
        before = len(self._others)
        self._others.add(recipient)
        return len(self._others) > before

    def _is_new(self, number: int) -> bool:
        low = number & _LOW
        block = self._blocks.get(number >> _BITS)
        if block is None:
            self._blocks[number >> _BITS] = array("H", (low,))
            return True
        if isinstance(block, bytearray):
            return _set_bit(block, low)
        at = bisect_left(block, low)
        if at < len(block) and block[at] == low:
            return False
        block.insert(at, low)
        if len(block) == _CROWDED:
            self._blocks[number >> _BITS] = _as_bits(block)
        return True


def _set_bit(bits: bytearray, low: int) -> bool:
    """Set a bit; whether it was not set."""
    byte, bit = low >> 3, 1 << (low & 7)
    if bits[byte] & bit:
        return False
    bits[byte] |= bit
    return True


def _as_bits(block: "array[int]") -> bytearray:
    bits = bytearray(1 << (_BITS - 3))
    for low in block:
        bits[low >> 3] |= 1 << (low & 7)
    return bits
