"""Intake: how jobs get into a lane."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from store.calls import Call, script_call, text
from store.errors import StoreRefused
from store.keys import lane_keys


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
    lane: str, start: Place, end: Place, lines: Sequence[bytes], rejects: int
) -> Call[RowsAdded]:
    """Add a chunk of at most about 1,000 packed lines (recipient, tab, values).

    Recipients that the lane has seen are dropped and counted. Sending the same chunk twice adds it once.

    Raises:
        ValueError: a line has no recipient, or holds a newline.
    Raises (when run):
        StoreFull: no memory; nothing of the chunk is in.
        StoreRefused: the lane takes no more, or the chunk does not follow the last one.
    """
    keys = lane_keys(lane)
    chunk = _joined(lines)
    args = (keys.seen, start.offset, end.offset, end.line, end.row, rejects, chunk)
    return script_call("enqueue_rows", (keys.meta, keys.counts, keys.queue), args, _rows_added)


class Taken(StrEnum):
    """What an enqueue answers for one message."""

    NEW = "n"
    DUPLICATE = "d"  # the key is known, with the same body: the id is that of the first
    CONFLICT = "c"  # the key is known, with another body


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A whole message on its way into a notification lane."""

    line: bytes  # recipient, tab, compact JSON
    key_digest: bytes  # 16 bytes of the idempotency key; empty for none
    body_digest: bytes  # 8 bytes, to tell the same from another body under one key


def enqueue_messages(
    lane: str, messages: Sequence[NewMessage]
) -> Call[list[tuple[Taken, str]] | None]:
    """Add at most about 1,000 messages to a notification lane.

    Raises:
        ValueError: a line holds a newline.
    Returns (when run):
        For each message what happened and the id it has; None when the lane is closed or not open yet.
    """
    keys = lane_keys(lane)
    args: list[str | bytes] = [f"{keys.family_base}:seen:", lane]
    for message in messages:
        if b"\n" in message.line:
            raise ValueError("a job is one line")
        bucket = message.key_digest[:2].hex()[:3]
        args += (bucket, message.key_digest, message.body_digest, message.line)
    return script_call("enqueue_messages", (keys.meta, keys.counts, keys.queue), args, _taken)


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


def _taken(reply: Any) -> list[tuple[Taken, str]] | None:
    if text(reply[0]) != "ok":
        return None
    answers = (text(answer) for answer in reply[2:])
    return [(Taken(answer[0]), answer[1:]) for answer in answers]
