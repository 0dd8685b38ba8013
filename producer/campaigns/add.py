"""Adds the people of a further file to an existing campaign."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chatapps.rendering.compiled import CompiledContent, message_of
from producer.campaigns.launch import reading_for, source_of
from producer.campaigns.load import Loaded, add_chunks, end_of_file, reopen
from producer.campaigns.message_file import prepare
from producer.errors import InputError
from producer.files.csv_reader import Position
from producer.files.invalid_rows import InvalidRowWriter
from producer.files.recipient_file import RecipientFile
from producer.files.rows import RowPacker, ValueRules
from producer.layout import ReadOptions
from producer.wake import SendWakeUp
from store.client import Store
from store.lanes.lane import Lane, find_lane


def packer_for(lane: Lane, file: RecipientFile, reading: ReadOptions = ReadOptions()) -> RowPacker:
    """A packer of the file's rows for an existing campaign.

    Raises:
        InputError: the file lacks a column of the message, or a kept one.
    """
    content = message_of(CompiledContent.load(lane.content))
    message = prepare(content, file.columns, reading_for(lane, reading))
    if missing := [column for column in lane.keep if column not in file.columns]:
        raise InputError(f'the file has no column "{missing[0]}", which "{lane.name}" keeps')
    return RowPacker(file.layout, message.content.columns, message.rules, lane.keep)


@dataclass(frozen=True, slots=True)
class Added:
    """Result of an addition."""

    lane: Lane
    added: int
    already_in: int
    invalid_rows: int
    invalid_rows_file: Path | None  # holds the invalid rows whole


def add_people(
    store: Store,
    lane: Lane,
    file: RecipientFile,
    send_wake_up: SendWakeUp,
    on_progress: Callable[[Loaded], None] = lambda _: None,
    reading: ReadOptions = ReadOptions(),
) -> Added:
    """Add the people of a further file to a campaign; a finished one resumes. People in it already are
    left out. An interrupted addition continues with the same file.

    Raises:
        InputError: the file cannot be used; nothing is stored.
        StoreRefused: the campaign is cancelled, or another file is being read.
        StoreUnavailable, StoreFull: repeat it; no recipient is added twice.
    """
    packer = packer_for(lane, file, reading)
    file.see_that_usable(packer)
    reopen(store, lane, source_of(file, ValueRules()))
    now = find_lane(store, lane.id)
    start = Position(now.offset, now.line, now.row) if now.offset else None
    for at in add_chunks(store, now, file.chunks(packer, start), lambda _: None):
        on_progress(at)
    after = end_of_file(store, now, send_wake_up)
    invalid_rows = after.invalid_rows - now.invalid_rows
    listed = _write_whole(file, packer) if invalid_rows else None
    already_in = after.duplicates - now.duplicates
    return Added(after, after.next_index - now.next_index, already_in, invalid_rows, listed)


def _write_whole(file: RecipientFile, packer: RowPacker) -> Path:
    """Write the invalid rows, whole, to a new file beside: correct them, and add that file."""
    stem, n = file.text.path.with_suffix(".invalid.csv"), 1
    path = stem
    while os.path.lexists(path):  # it may hold rows that are being corrected
        n += 1
        path = stem.with_name(f"{file.text.path.stem}.invalid-{n}.csv")
    with InvalidRowWriter(path, file.layout.header.cells) as writer:
        for chunk in file.chunks(packer):
            writer.write(chunk.invalid_rows)
    return path
