"""Intake: adds jobs to a lane."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, count, islice
from typing import Any, NamedTuple

from store.client import Argument, Call, command, first, script_call, text
from store.errors import StoreRefused
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.records.kept_values import pack_values
from store.records.outcome import are_numbers, is_number, number_fields

STRETCH = 1000
"""Most scheduled messages that share a retry batch: as many as a script handles at once."""
MOST_TAGS = 100
"""Most different tags of a lane: each has a number of one byte."""
_BODY_BYTES = 8  # of a body's digest
_NO_KEY = bytes(16 + _BODY_BYTES)  # in place of the digests


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a recipient file: a chunk's end is the start of the next one."""

    offset: int = 0  # bytes
    line: int = 0
    row: int = 0


@dataclass(frozen=True, slots=True)
class RowsAdded:
    """Result of adding one chunk of a recipient file."""

    revision: int
    first_index: int
    added: int
    duplicates: int
    repeated: bool  # a repeat: the first result if no chunk has come since, else zeros
    next_index: int = field(default=0, compare=False)  # jobs accepted by the lane


def enqueue_rows(
    lane: str,
    start: Place,
    end: Place,
    lines: Sequence[bytes],
    invalid_rows: int,
    *,
    duplicates: int = 0,
    excluded: int = 0,
    rows_sum: str = "",
    next_index: int | None = None,
    kept: Sequence[bytes] = (),
) -> Call[RowsAdded]:
    """Add a chunk of at most about 1,000 packed lines (recipient, tab, values).

    None of them may be in the lane already (see `read_recipients`). Sending the same chunk twice adds it
    once.

    Args:
        duplicates: rows of the chunk left out because their recipients are in the lane.
        excluded: rows of the chunk left out since the launch excludes their people.
        rows_sum: digest of all rows up to `end`, kept with the position to continue from. A repeat with
            another one is refused.
        next_index: jobs accepted by the lane, as read with `start` or returned by the last chunk. None
            reads it first.
        kept: values of each line, kept after the message was sent; empty for none.

    Raises:
        ValueError: a line has no recipient, or holds a newline.
    Raises (when run):
        StoreFull: no memory; nothing of the chunk is in.
        StoreRefused: the lane is closed, or the chunk does not follow the last one.
    """
    keys = lane_keys(lane)
    chunk = _joined(lines)
    recipients = [line.partition(b"\t")[0] for line in lines]
    numbers = b"".join(number_fields(recipients))
    others: list[Argument] = []
    if not are_numbers(recipients):
        others = [word for i, r in enumerate(recipients) if not is_number(r) for word in (i, r)]

    def add(index: int) -> Call[RowsAdded]:
        thousands = range(index, index + len(lines) + OUTCOMES_PER_KEY, OUTCOMES_PER_KEY)
        places = [*map(keys.numbers_of, thousands), *map(keys.long_ids, thousands)]
        parts: list[Argument] = [word for part in pack_values(index, kept) for word in part]
        if parts:
            places += [f"{keys.values}{at // OUTCOMES_PER_KEY}" for at in thousands]
        args: tuple[Argument, ...] = (
            OUTCOMES_PER_KEY, index, len(thousands), start.offset, end.offset, end.line, end.row,
            invalid_rows, duplicates, chunk, numbers, rows_sum, excluded, len(parts) // 2, *parts,
            *others,
        )  # fmt: skip
        held = keys.retry(f"c{index}")
        touched = (keys.meta, keys.counts, keys.queue, keys.retries, held, *places)
        return script_call("enqueue_rows", touched, args, _rows_added)

    if next_index is not None:
        return add(next_index)
    return first(command("HGET", keys.meta, "next", parse=lambda reply: int(reply or 0)), add)


class Taken(StrEnum):
    """Result of enqueuing one message."""

    NEW = "n"
    DUPLICATE = "d"  # the key is known, with the same body: returns the first id
    CONFLICT = "c"  # the key is known, with another body
    TAG_REFUSED = "t"  # not stored: the lane has as many other tags as it may
    FORGOTTEN = "f"  # not stored: the person was forgotten and opted out of such messages


class NewMessage(NamedTuple):
    """A message to be added to a notification lane."""

    line: bytes  # recipient, tab, compact JSON; with an expiry a tab and s since 1970
    key_digest: bytes  # 16 bytes of the idempotency key; empty for none
    body_digest: bytes  # 8 bytes, to tell a repeat from a conflict
    due_ms: int = 0  # ms since 1970: not sent before
    tag: str = ""  # to be found by, without newlines


def enqueue_messages(
    lane: str, messages: Sequence[NewMessage], *, day: int = 0, next_index: int = 0
) -> Call[list[tuple[Taken, str]] | None]:
    """Add at most about 1,000 messages to a notification lane.

    Not idempotent: messages without a key are added again by every repeat.

    Args:
        day: since 1970, by this process's clock; each day has its own keys for idempotency keys. If
            Redis' clock disagrees, a second call follows automatically.
        next_index: assumed number of jobs accepted by the lane, for scheduled messages; a wrong one also
            causes a second call.

    Raises:
        ValueError: a line holds a newline or has no recipient, or a digest is of another size.
    Returns (when run):
        Result and id of each message; None when the lane is closed or not open yet.
    """
    keys, n = lane_keys(lane), len(messages)
    buckets: dict[int, int] = {}  # number of a bucket → its position among the keys, from 1
    heads = b"".join(
        [
            key + body + _place(buckets, key) if key else _NO_KEY + b"\0\0"
            for _, key, body, _, _ in messages
        ]
    )
    if len(heads) != (len(_NO_KEY) + 2) * n:
        raise ValueError("digests are of 16 and 8 bytes")
    seconds: dict[int, int] = {}  # second → its position, from 0
    later = [
        (place, due, seconds.setdefault(-(-due // 1000), len(seconds)))
        for place, (_, _, _, due, _) in enumerate(messages, 1)
        if due > 0
    ]
    stretches = range(next_index // STRETCH, next_index // STRETCH + n // STRETCH + 2)
    retries = [keys.retry(f"{second}-{stretch}") for second in seconds for stretch in stretches]
    touched = (keys.meta, keys.counts, keys.queue, keys.retries, *keys.seen(day, buckets), *retries)
    lines = _joined([message.line for message in messages])
    belief = (lane, day, len(buckets), stretches.start, STRETCH, len(stretches))
    tags = "\n".join([message.tag for message in messages])
    has_tags = len(tags) >= n  # there are n - 1 newlines
    tags, touched = (f"{tags}\n", (*touched, keys.tags, keys.tagged)) if has_tags else ("", touched)

    def parse(reply: Any) -> list[tuple[Taken, str]] | Call[list[tuple[Taken, str]] | None] | None:
        if text(reply[0]) == "again":
            return enqueue_messages(lane, messages, day=int(reply[1]), next_index=int(reply[2]))
        return _taken(lane, n, reply)

    given = (lines, heads, tags, MOST_TAGS)
    args: tuple[Argument, ...] = (*belief, *given, *chain.from_iterable(later))
    return script_call("enqueue_messages", touched, args, parse)


def find_keys(lane: str, digests: Sequence[bytes], *, day: int) -> Call[list[str]]:
    """The ids of the messages that were given these idempotency keys today or yesterday; '' for none.

    Args:
        lane: any notification lane of the sub-account.
        digests: 16 bytes of each key.
        day: since 1970, by Redis' clock.
    """
    touched = lane_keys(lane).seen(day, map(_bucket, digests))

    def parse(reply: Any) -> list[str]:
        return [text(value[_BODY_BYTES:]) for value in reply]

    return script_call("find_keys", touched, digests, parse)


def _bucket(key: bytes) -> int:
    """The bucket of an idempotency key, by the first 12 bits of its digest."""
    return key[0] << 4 | key[1] >> 4


def _place(buckets: dict[int, int], key: bytes) -> bytes:
    return buckets.setdefault(_bucket(key), len(buckets) + 1).to_bytes(2, "big")


def _joined(lines: Sequence[bytes]) -> bytes:
    """The lines as one value; a bad one is detected here, since a script cannot undo half a chunk."""
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
    revision, first_index, added, duplicates, next_ = (int(figure) for figure in reply[1:])
    return RowsAdded(revision, first_index, added, duplicates, verdict == "repeat", next_)


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
