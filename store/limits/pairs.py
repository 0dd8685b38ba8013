"""Spacing of messages to one person, while two lanes of a sub-account are active."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from zlib import crc32

from store.client import Call, script_call
from store.keys import pairs


def space_pairs(
    sub_account: str, lane: str, people: Sequence[tuple[bytes, int]], apart: float, *, waits: bool
) -> Call[Mapping[int, int]]:
    """Note whom a lane writes to; at most about 1,000 messages, by person and index.

    Args:
        apart: seconds between two messages to a person.
        waits: those whose people have just got another message are not noted, but returned.

    Returns (when run):
        Position of each that waits → s since 1970 at which it may go.
    """
    first = crc32(lane.encode())
    digests = b"".join([blake2b(who, digest_size=5).digest() for who, _ in people])
    messages = b"".join([(first + n & 0xFFFFFFFF).to_bytes(4) for _, n in people])
    return script_call(
        "space_pairs",
        pairs(sub_account),
        (max(1, int(apart * 1000)), int(waits), digests, messages),
        lambda reply: dict(zip(reply[::2], reply[1::2], strict=True)),
    )
