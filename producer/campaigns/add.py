"""People who are added to a campaign that was launched before: those of a further file."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatapps.rendering.compiled import CompiledContent, message_of
from config.private_files import open_private
from producer.campaigns.launch import source_of
from producer.campaigns.load import Loaded, add_chunks, end_of_file, reopen
from producer.campaigns.message_file import prepare
from producer.errors import BadRow, InputError
from producer.files.csv_reader import Position, opened, read_records
from producer.files.recipient_file import RecipientFile
from producer.files.rows import RowPacker
from producer.wake import SendWakeUp
from store.client import Store
from store.lanes.lane import Lane, find_lane


def packer_for(lane: Lane, file: RecipientFile) -> RowPacker:
    """Packs the rows of a file for a campaign that was launched with another one, or with this one.

    Raises:
        InputError: the file lacks a column of the message, or one that is kept.
    """
    message = prepare(message_of(CompiledContent.load(lane.content)), file.columns)
    if missing := [column for column in lane.keep if column not in file.columns]:
        raise InputError(f'the file has no column "{missing[0]}", which "{lane.name}" keeps')
    return RowPacker(file.layout, message.content.columns, message.rules, lane.keep)


@dataclass(frozen=True, slots=True)
class Added:
    """What an addition came to."""

    lane: Lane
    added: int
    already_in: int
    invalid_rows: int
    invalid_rows_file: Path | None  # holds them whole


def add_people(
    store: Store,
    lane: Lane,
    file: RecipientFile,
    send_wake_up: SendWakeUp,
    on_progress: Callable[[Loaded], None] = lambda _: None,
) -> Added:
    """Add the people of a further file to a campaign; one that was finished goes on. People in it
    already are left out. An addition that was cut off goes on by the same file.

    Raises:
        InputError: the file cannot be used; nothing is stored.
        StoreRefused: the campaign is cancelled, or another file is being read.
        StoreUnavailable, StoreFull: do the same again; nobody is in it twice.
    """
    packer = packer_for(lane, file)
    file.see_that_usable(packer)
    reopen(store, lane, source_of(file))
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
    """Write the rows that cannot be used to a new file beside, byte by byte: mend them, and add that."""
    stem, n = file.path.with_suffix(".invalid.csv"), 1
    path = stem
    while os.path.lexists(path):  # it may hold what is being mended
        n += 1
        path = stem.with_name(f"{file.path.stem}.invalid-{n}.csv")
    with (
        opened(file.path) as source,
        opened(file.path) as rows,
        os.fdopen(open_private(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as out,
    ):
        at, header = file.layout.header.offset, file.layout.header
        out.write(source.read(at))
        for cells, _, end, _ in read_records(rows, header.delimiter, at, header.line):
            if not _is_usable(packer, cells):
                source.seek(at)
                out.write(source.read(end - at))
            at = end
    return path


def _is_usable(packer: RowPacker, cells: Sequence[str] | BadRow) -> bool:
    try:
        return not isinstance(cells, BadRow) and bool(packer.pack(cells))
    except BadRow:
        return False
