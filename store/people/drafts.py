"""Finds and erases the rows of a person in the kept recipients of a draft.

The columns of a draft may be wrong still, so a row is a person's when any text in it is the number, as
people write it. Erased rows become blanks of the same length: positions and line numbers of the others
stay, for a launch that is at work.
"""

import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final, NamedTuple

from store.client import Store, script_call
from store.keys import lane_keys
from store.lanes.drafts import PART_BYTES, Draft, open_text, read_part
from store.lanes.lane import Lane
from store.people.person import Person

_LONGEST_LINE: Final = 1024 * 1024
_MOST_LINES: Final = 50
"""Lines that an open quote joins to a row."""


class KeptRow(NamedTuple):
    """A row, with all its lines."""

    offset: int
    text: bytes


def find_rows(store: Store, lane: Lane, person: Person) -> Iterator[KeptRow]:
    """The rows of a person in a draft; none in another lane."""
    if not lane.draft:
        return
    offset, is_in = 0, person.cell_pattern.search
    with open_text(store, lane) as text:
        for row in _rows(iter(partial(text.readline, _LONGEST_LINE), b"")):
            if is_in(row.decode("utf-8", "replace")):
                yield KeptRow(offset, row)
            offset += len(row)


def _rows(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The rows of a table; after a quote that is not closed each line is one."""
    row: list[bytes] = []
    quotes = 0
    for line in lines:
        row.append(line)
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            yield b"".join(row)
        elif len(row) == _MOST_LINES:
            yield from row
        else:
            continue
        row, quotes = [], 0
    yield from row


def erase_rows(store: Store, lane: Lane, rows: Iterable[KeptRow]) -> None:
    """Blank out rows of a draft. Rows of a part that changes meanwhile stay: search again."""
    parts: dict[tuple[str, int], list[KeptRow]] = defaultdict(list)
    for row in rows:
        blank, start = re.sub(rb'[^"\r\n]', b" ", row.text), row.offset
        for one in Draft.of(lane).files:
            while blank and start < one.size:
                number, place = divmod(start, PART_BYTES)
                n = min(PART_BYTES - place, one.size - start)
                parts[one.id, number].append(KeptRow(place, blank[:n]))
                blank, start = blank[n:], start + n
            start -= one.size
    for (file, number), pieces in parts.items():
        old = store.run(read_part(lane.id, file, number))
        if old is None:
            continue
        new = bytearray(zlib.decompress(old))
        for place, blank in pieces:
            new[place : place + len(blank)] = blank
        key = f"{lane_keys(lane.id).cells}{file}"
        store.run(script_call("replace_values", (key,), (number, old, zlib.compress(new)), int))
