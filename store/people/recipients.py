"""The recipients of a campaign: the number of each message, seven bytes each, a thousand to a string.

People without a number, or with one that does not fit, have zeros there and are in the lane's long ids.
The numbers identify duplicates of a recipient file, and find a message by its recipient.
"""

import sys
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from store.client import Call, Store, command, command_of_keys, script_call
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.lanes.lane import Lane, parse_fields
from store.records.kept_values import blank_values, unpack_values
from store.records.outcome import is_number, missed_in, number_field

NUMBER_BYTES = 7
CHECK = 200
"""Thousands of messages that one call searches, about a millisecond's worth."""


@dataclass(frozen=True, slots=True)
class Recipients:
    """The recipients of a thousand messages."""

    numbers: Sequence[int]
    others: list[bytes]


def read_recipients(store: Store, lane_id: str) -> Iterator[Recipients]:
    """All recipients of a campaign, a thousand at a time, including those added meanwhile."""
    bucket, keys = 0, lane_keys(lane_id)
    while packed := store.run(command("GET", f"{keys.numbers}{bucket}", parse=_blob)):
        numbers = [
            number
            for at in range(0, len(packed), NUMBER_BYTES)
            if (number := int.from_bytes(packed[at : at + NUMBER_BYTES], "big"))
        ]
        others: list[bytes] = []
        if len(numbers) * NUMBER_BYTES < len(packed):
            others = store.run(command("HVALS", f"{keys.ids}{bucket}", parse=list))
        yield Recipients(numbers, others)
        bucket += 1


def read_values(lane_id: str, thousand: int) -> Call[dict[int, bytes]]:
    """The kept values of a thousand messages, by index, separated by tabs."""
    key = f"{lane_keys(lane_id).values}{thousand}"
    return command("HGETALL", key, parse=lambda reply: unpack_values(_fields(reply)))


def have_values(lane_id: str, thousands: Sequence[int]) -> Call[int]:
    """Of how many of these thousands of messages values are kept."""
    prefix = lane_keys(lane_id).values
    return command_of_keys("EXISTS", [f"{prefix}{one}" for one in thousands], int)


def erase_values(store: Store, lane_id: str, indexes: Collection[int]) -> None:
    """Erase the kept values of some messages."""
    for thousand in sorted({index // OUTCOMES_PER_KEY for index in indexes}):
        key = f"{lane_keys(lane_id).values}{thousand}"
        for first, blob in store.run(command("HGETALL", key, parse=_fields)).items():
            new = blank_values(int(first), blob, indexes)
            call = script_call("replace_values", (key,), (first, blob, new), int)
            if new != blob and not store.run(call):  # another process has written it meanwhile
                return erase_values(store, lane_id, indexes)
    return None


def numbers_in(packed: bytes) -> "array[int]":
    """The numbers of a string of them, byte by byte for all at once; 0 for people without one."""
    wide = bytearray(len(packed) // NUMBER_BYTES * 8)
    for byte in range(NUMBER_BYTES):
        wide[byte + 1 :: 8] = packed[byte::NUMBER_BYTES]
    numbers = array("Q", bytes(wide))
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def read_reached(store: Store, lane_id: str) -> Iterator[Recipients]:
    """The people of a campaign who got its message, may have got it, or still wait for it; 0 in place of
    the numbers of others."""
    bucket, keys = 0, lane_keys(lane_id)
    while packed := store.run(command("GET", f"{keys.numbers}{bucket}", parse=_blob)):
        records = store.run(command("GET", f"{keys.outcomes}{bucket}", parse=_blob))
        missed, numbers = missed_in(records), numbers_in(packed)
        others: list[bytes] = []
        if 0 in numbers:
            found = store.run(command("HGETALL", f"{keys.ids}{bucket}", parse=parse_fields))
            others = [
                who for index, who in found.items() if int(index) % OUTCOMES_PER_KEY not in missed
            ]
        for place in missed:
            numbers[place] = 0
        yield Recipients(numbers, others)
        bucket += 1


def find_recipient(store: Store, lane: Lane, recipient: str) -> int | None:
    """Index of this recipient's message in a campaign, or None.

    Args:
        recipient: digits without `+`, or a channel user id.
    """
    index, bucket = -1, 0
    while index < 0 and bucket >= 0:
        index, bucket = store.run(look_for_recipient(lane.id, recipient.encode(), bucket))
    return index if index >= 0 else None


def number_of(lane_id: str, index: int) -> Call[str]:
    """The number of a message of a campaign, in digits; empty for none."""
    start = index % OUTCOMES_PER_KEY * NUMBER_BYTES
    key = lane_keys(lane_id).numbers_of(index)
    return command("GETRANGE", key, start, start + NUMBER_BYTES - 1, parse=_digits)


def look_for_recipient(lane_id: str, recipient: bytes, bucket: int = 0) -> Call[tuple[int, int]]:
    """Search some thousands of messages from this bucket on.

    Returns (when run):
        The index, or -1; and the next bucket, or -1.
    """
    keys, thousands = lane_keys(lane_id), range(bucket, bucket + CHECK)
    touched = [f"{keys.numbers}{thousand}" for thousand in thousands]
    number = number_field(recipient) if is_number(recipient) else b""
    if not number:
        touched += [f"{keys.ids}{thousand}" for thousand in thousands]
    args = (OUTCOMES_PER_KEY, number, recipient, bucket, len(thousands))
    return script_call("find_recipient", touched, args, _found)


def _found(reply: Any) -> tuple[int, int]:
    return int(reply[0]), int(reply[1])


def _digits(reply: Any) -> str:
    return str(int.from_bytes(reply or b"", "big") or "")


def _fields(reply: Any) -> dict[bytes, bytes]:
    return dict(reply if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=True))


def _blob(reply: Any) -> bytes:
    return reply or b""
