"""Recipients of a campaign for deduplication: exact, in a few bytes per number.

Numbers are stored in blocks of 65,536 neighbours: a sparse block as a sorted array of two bytes each, a
dense one as bits. A million numbers of one country take 2 to 6 MB, where a Python set takes 90, and a
million neighbours take 130 KB.
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
"""Numbers in a block from which on a bitmap is smaller than an array."""

_Block: TypeAlias = "array[int] | bytearray"


def read_seen(store: Store, lane: Lane, seen: "SeenRecipients | None" = None) -> "SeenRecipients":
    """All recipients of a campaign, added to `seen` if given. Read the lane first: then recipients up to
    its position are complete."""
    seen = seen or SeenRecipients()
    for people in read_recipients(store, lane.id):
        seen.add_numbers(people.numbers)
        seen.add_others(people.others)
    return seen


class SeenRecipients:
    """Set of recipients: numbers as integers, others as bytes."""

    def __init__(self) -> None:
        self._blocks: dict[int, _Block] = {}
        self._others: set[bytes] = set()

    def add_numbers(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._is_new(number)

    def add_others(self, recipients: Iterable[bytes]) -> None:
        """Add recipients without a number, or with one of several spellings."""
        self._others.update(recipients)

    def drop_duplicates(self, lines: Sequence[bytes]) -> list[bytes]:
        """The job lines of new recipients, which are added."""
        fresh, is_new = list[bytes](), self._is_new
        for line in lines:
            recipient = line.partition(b"\t")[0]
            if not recipient.isdigit() or recipient[0] == _ZERO:  # leading zeros
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
    """Set a bit; True if it was clear."""
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
