"""Intake: how jobs get into a lane."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, count, islice
from typing import Any, NamedTuple

from store.calls import Argument, Call, script_call, text
from store.errors import StoreRefused
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.outcomes import are_numbers, is_number, number_fields

STRETCH = 1000
"""Scheduled messages that may share a wave: those that a script can handle at once."""
_NO_KEY = bytes(24)  # in place of the digests


@dataclass(frozen=True, slots=True)
class Place:
    """How far a recipient file has been read: a chunk's end is the next one's start."""

    offset: int = 0  # bytes
    line: int = 0
    row: int = 0


@dataclass(frozen=True, slots=True)
class RowsAdded:
    """What became of one chunk of a recipient file."""

    journal: int
    first_index: int
    added: int
    duplicates: int
    repeated: (
        bool  # it was in: the figures of the first time if no chunk has come since, else zeros
    )


def enqueue_rows(
    lane: str,
    start: Place,
    end: Place,
    lines: Sequence[bytes],
    rejects: int,
    *,
    duplicates: int = 0,
    rows_sum: str = "",
) -> Call[RowsAdded]:
    """Add a chunk of at most about 1,000 packed lines (recipient, tab, values).

    None of them may be in the lane already: `read_recipients` tells who is. Sending the same chunk twice
    adds it once.

    Args:
        duplicates: rows of the chunk that were left out since their recipients are in.
        rows_sum: stands for all rows up to `end`; kept with the place, for who goes on from there. A
            repeat that brings another one is refused.

    Raises:
        ValueError: a line has no recipient, or holds a newline.
    Raises (when run):
        StoreFull: no memory; nothing of the chunk is in.
        StoreRefused: the lane takes no more, or the chunk does not follow the last one.
    """
    keys = lane_keys(lane)
    chunk = _joined(lines)
    recipients = [line.partition(b"\t")[0] for line in lines]
    numbers = b"".join(number_fields(recipients))
    args: list[Argument] = [
        keys.numbers, keys.ids, OUTCOMES_PER_KEY, start.offset, end.offset, end.line, end.row,
        rejects, duplicates, chunk, numbers, rows_sum,
    ]  # fmt: skip
    if not are_numbers(recipients):
        args += [word for i, r in enumerate(recipients) if not is_number(r) for word in (i, r)]
    return script_call("enqueue_rows", (keys.meta, keys.counts, keys.queue), args, _rows_added)


class Taken(StrEnum):
    """What an enqueue answers for one message."""

    NEW = "n"
    DUPLICATE = "d"  # the key is known, with the same body: the id is that of the first
    CONFLICT = "c"  # the key is known, with another body


class NewMessage(NamedTuple):
    """A whole message on its way into a notification lane."""

    line: bytes  # recipient, tab, compact JSON; and where it expires a tab and s since 1970
    key_digest: bytes  # 16 bytes of the idempotency key; empty for none
    body_digest: bytes  # 8 bytes, to tell the same from another body under one key
    delay_ms: int = 0  # it does not go out before


def enqueue_messages(
    lane: str, messages: Sequence[NewMessage]
) -> Call[list[tuple[Taken, str]] | None]:
    """Add at most about 1,000 messages to a notification lane.

    To be run once: messages without a key go in again with every repeat.

    Raises:
        ValueError: a line holds a newline or has no recipient, or a digest is of another size.
    Returns (when run):
        For each message what happened and the id it has; None when the lane is closed or not open yet.
    """
    keys = lane_keys(lane)
    touched = (keys.meta, keys.counts, keys.queue, keys.waves)
    heads = b"".join([key + body if key else _NO_KEY for _, key, body, _ in messages])
    if len(heads) != len(_NO_KEY) * len(messages):
        raise ValueError("digests are of 16 and 8 bytes")
    delays = [(i, one.delay_ms) for i, one in enumerate(messages, 1) if one.delay_ms > 0]
    lines = _joined([message.line for message in messages])
    args = (f"{keys.family_base}:seen:", lane, keys.wave_prefix, STRETCH, lines, heads)
    n = len(messages)
    return script_call(
        "enqueue_messages",
        touched,
        (*args, *chain.from_iterable(delays)),
        lambda reply: _taken(lane, n, reply),
    )


def _joined(lines: Sequence[bytes]) -> bytes:
    """The lines as one value; a bad one is found here, since a script cannot undo half a chunk."""
    chunk = b"\n".join(lines)
    if chunk.count(b"\n") != max(0, len(lines) - 1):
        raise ValueError("a job is one line")
    if any(line[:1] in (b"", b"\t") for line in lines):
        raise ValueError("a job has a recipient")
    return chunk


def _rows_added(reply: Any) -> RowsAdded:
    verdict = text(reply[0])
    if verdict not in ("ok", "repeat"):
        raise StoreRefused(_why_not(verdict, reply))
    journal, first, added, duplicates = (int(figure) for figure in reply[1:5])
    return RowsAdded(journal, first, added, duplicates, verdict == "repeat")


def _why_not(verdict: str, reply: Any) -> str:
    if verdict == "gap":
        return f"the chunk does not follow what is in: the file has been read up to byte {int(reply[1])}"
    if verdict == "loaded":
        return "the recipient file is already in to its end"
    return f"the campaign is {verdict} and takes no more recipients"


def _taken(lane: str, n: int, reply: Any) -> list[tuple[Taken, str]] | None:
    if text(reply[0]) != "ok":
        return None
    indexes = count(int(reply[2]))
    if len(reply) == 3:
        return [(Taken.NEW, f"{lane}.{index}") for index in islice(indexes, n)]
    known = {
        int(place): text(answer) for place, answer in zip(reply[3::2], reply[4::2], strict=True)
    }
    return [
        (Taken(known[place][0]), known[place][1:])
        if place in known
        else (Taken.NEW, f"{lane}.{next(indexes)}")
        for place in range(1, n + 1)
    ]
