"""Values of a campaign's messages, kept after sending: for retries, exports and `person show`.

A hash holds those of a thousand messages: index of the first of consecutive ones → a line for each,
compressed: the job line without the recipient, and the cells of further columns that the launch keeps.
"""

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence

from store.keys import OUTCOMES_PER_KEY

_LEVEL = 1  # higher ones take twice the time for a tenth of the bytes


def pack_values(first: int, texts: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """The fields of consecutive messages, each within one thousand."""
    at = 0
    while at < len(texts):
        n = OUTCOMES_PER_KEY - (first + at) % OUTCOMES_PER_KEY
        yield first + at, zlib.compress(b"\n".join(texts[at : at + n]), _LEVEL)
        at += n


def unpack_values(fields: Mapping[bytes, bytes]) -> dict[int, bytes]:
    """The values of a thousand messages, by index, separated by tabs."""
    return {
        index: text
        for first, blob in fields.items()
        for index, text in enumerate(zlib.decompress(blob).split(b"\n"), int(first))
    }


def blank_values(first: int, blob: bytes, indexes: Collection[int]) -> bytes:
    """A field without the values of these messages; unchanged if it has none of them."""
    texts = zlib.decompress(blob).split(b"\n")
    mine = [index - first for index in indexes if 0 <= index - first < len(texts)]
    if not any(texts[place] for place in mine):
        return blob
    for place in mine:
        texts[place] = b""
    return zlib.compress(b"\n".join(texts), _LEVEL)
