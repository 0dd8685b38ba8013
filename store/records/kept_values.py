"""Values of a campaign's messages, kept after they went out: for retries, exports and `person show`.

A hash holds those of a thousand messages: index of the first of consecutive ones → a line for each of
them, compressed: what stands behind the recipient in the job line, and the cells of further columns that
the launch wanted kept.
"""

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence

from store.keys import OUTCOMES_PER_KEY

_LEVEL = 1  # higher ones take twice the time for a tenth of the bytes


def pack_values(first: int, texts: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """The fields of consecutive messages, none of which reaches into the next thousand."""
    at = 0
    while at < len(texts):
        n = OUTCOMES_PER_KEY - (first + at) % OUTCOMES_PER_KEY
        yield first + at, zlib.compress(b"\n".join(texts[at : at + n]), _LEVEL)
        at += n


def unpack_values(fields: Mapping[bytes, bytes]) -> dict[int, bytes]:
    """The values of the messages of a thousand, by index; tabs stand between them."""
    return {
        index: text
        for first, blob in fields.items()
        for index, text in enumerate(zlib.decompress(blob).split(b"\n"), int(first))
    }


def blank_values(first: int, blob: bytes, indexes: Collection[int]) -> bytes:
    """A field without the values of these messages; the same where there are none of them."""
    texts = zlib.decompress(blob).split(b"\n")
    mine = [index - first for index in indexes if 0 <= index - first < len(texts)]
    if not any(texts[place] for place in mine):
        return blob
    for place in mine:
        texts[place] = b""
    return zlib.compress(b"\n".join(texts), _LEVEL)
