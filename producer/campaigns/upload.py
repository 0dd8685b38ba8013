"""Launches a campaign while its recipient file is still arriving.

Such a file cannot be read twice, and its end is unknown. So it is identified by its header and how it is
read, and the lane stores a digest of the rows that are in, beside the position. A repeated upload must
start with the same rows: up to the position they are read, compared by the digest, and skipped; the
following ones are added.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from chatapps.preflight import Finding
from chatapps.rendering.compiled import CompiledContent
from chatapps.templates import RegisteredTemplate
from producer.campaigns.agreement import (
    Options,
    RowsSum,
    changed,
    digest_of,
    judge,
    too_many_invalid,
)
from producer.campaigns.exclusions import NO_EXCLUSIONS, Exclusions
from producer.campaigns.launch import (
    BEING_ADDED,
    LISTED_INVALID_ROWS,
    as_registered,
    campaign_plan,
    reading_for,
)
from producer.campaigns.load import add_chunks, end_of_file, reopen
from producer.campaigns.message_file import CampaignMessage, columns_to_keep, prepare
from producer.campaigns.preflight import check_rows, sample_of
from producer.campaigns.schedule import see_that_it_may_start
from producer.errors import InputError, NotAgreed
from producer.files.convert import convert
from producer.files.csv_reader import NotUtf8Error, Position, Record, Source, read_records
from producer.files.header import read_header
from producer.files.invalid_rows import InvalidRow
from producer.files.rows import CHUNK_ROWS, Chunk, RowPacker, cut_chunks, see_that_some_are_usable
from producer.files.stream import ArrivingFile
from producer.layout import Layout, ReadOptions, take_first
from producer.wake import SendWakeUp, call_workers
from store.client import Store
from store.errors import StoreRefused
from store.lanes.lane import Lane, find_lane
from store.lanes.open import find_repeated, open_campaign

TryRows = Callable[[RegisteredTemplate | None], list[Finding]]
Check = Callable[[CompiledContent, TryRows], RegisteredTemplate | None]
"""Takes the message and a function to validate some rows; raises to stop the launch. Returns the
template."""


class UploadDiffers(Exception):
    """The campaign has other rows than this file at the same position."""


@dataclass(frozen=True, slots=True)
class Upload(Options):
    """Parameters of the launch, without the recipients."""

    message: Mapping[str, Any]
    reading: ReadOptions = ReadOptions()
    plan: str = ""  # digest of the plan that was agreed to


@dataclass(frozen=True, slots=True)
class Uploaded:
    """Result of an upload."""

    lane: Lane
    resumed: bool  # an earlier upload is continued
    invalid_rows: Sequence[InvalidRow]  # the first ones
    layout: Layout
    sentence: str  # how a file that is not UTF-8 text was read
    folded: int  # values changed so that WhatsApp accepts them
    repeated: str | None = None  # another campaign with this file and message


@dataclass(frozen=True, slots=True)
class Rows:
    """A file whose header and first rows were read."""

    layout: Layout
    sentence: str
    packer: RowPacker
    defaults: Mapping[str, str]  # for empty cells
    keep: tuple[str, ...]
    first: list[Record]
    rest: Iterator[Record]

    @property
    def source(self) -> str:
        """Identifies the file as far as its start allows."""
        header = self.layout.header
        digest = hashlib.sha256(header.delimiter.join(header.cells).encode()).hexdigest()
        how = replace(self.layout.options, defaults=self.defaults).dump()
        kept = f"\t{json.dumps(self.keep)}" if self.keep else ""
        return f"upload:{digest}:{how}{kept}"

    def chunks(self, cut_at: int) -> Iterator[Chunk]:
        """All rows from the first one; one chunk ends at byte `cut_at`."""
        start = Position(self.layout.header.offset, self.layout.header.line, 0)
        records = chain(self.first, self.rest)
        return cut_chunks(records, self.packer, start, CHUNK_ROWS, cut_at, limit=self.layout.limit)


@dataclass(slots=True)
class _Sum(RowsSum):
    """Also keeps the first invalid rows."""

    invalid_rows: list[InvalidRow] = field(default_factory=list)

    def keep(self, invalid_rows: Sequence[InvalidRow]) -> None:
        """Keep invalid rows up to the limit."""
        self.invalid_rows += invalid_rows[: LISTED_INVALID_ROWS - len(self.invalid_rows)]


def receive(
    store: Store, upload: Upload, file: ArrivingFile, send_wake_up: SendWakeUp, check: Check
) -> Uploaded:
    """Store the campaign and its rows as they arrive, and wake the workers. It blocks.

    Raises:
        InputError: message or file is invalid; nothing is stored, unless the text of a later row is not
            UTF-8.
        NotAgreed: too many rows are invalid, or the plan has changed; nothing remains of the campaign.
        UploadDiffers: the campaign was started with other rows.
        LaneMismatch: the name belongs to another campaign.
        StoreRefused: the campaign is closed, or another process is loading it.
        StoreUnavailable, StoreFull: send the same again when Redis works; nothing is added twice.
        Also exceptions of `check` and of reading the file; the rows before stay.
    """
    if upload.start and upload.send_while_loading:
        raise InputError("say either send_at or send_while_loading")
    see_that_it_may_start(store, upload.name, upload.sub_account, upload.start, upload.canary)
    rows, message = begin(upload, file)
    content = message.content
    sample = list(sample_of(rows.first, rows.layout, content.columns, rows.packer))
    rows.packer.folded = 0  # of sampled rows, which are read again
    template = check(content, lambda template: check_rows(content, sample, template))
    if upload.send_while_loading:
        _judge_first(upload, rows)
    plan = as_registered(store, campaign_plan(upload, message, rows.source, rows.keep))
    lane_id, resumed = open_campaign(store, plan)
    lane = find_lane(store, lane_id)
    if lane.adding and not lane.loaded:
        raise StoreRefused(BEING_ADDED.format(lane.name))
    early, exclusions = upload.send_while_loading, upload.exclusions
    sum_ = _load(store, lane, rows, file, send_wake_up, exclusions, early=early)
    digest = digest_of(sum_.value, content, upload, template)
    if not lane.loaded:
        judge(store, lane, upload.max_invalid_share, changed(upload.plan, digest))
    repeated = find_repeated(store, plan, sum_.value)
    lane = end_of_file(store, lane, send_wake_up, digest, sum_.value)
    return _uploaded(lane, rows, sum_, resumed, repeated)


def receive_more(
    store: Store, lane: Lane, upload: Upload, file: ArrivingFile, send_wake_up: SendWakeUp
) -> Uploaded:
    """Add people to a campaign as they arrive, as `receive` does; those in it already are left out.

    Args:
        upload: how the file is read; its message is that of the campaign.
    """
    reading = reading_for(lane, upload.reading)
    rows, _ = begin(replace(upload, reading=reading), file)
    reopen(store, lane, rows.source)
    lane = find_lane(store, lane.id)
    sum_ = _load(store, lane, rows, file, send_wake_up, early=True)
    now = end_of_file(store, lane, send_wake_up)
    return _uploaded(now, rows, sum_, resumed=lane.offset > 0)


def _load(
    store: Store,
    lane: Lane,
    rows: Rows,
    file: ArrivingFile,
    send_wake_up: SendWakeUp,
    exclusions: Exclusions = NO_EXCLUSIONS,
    *,
    early: bool,
) -> _Sum:
    """Add the remaining rows; returns the digest of all."""
    sum_ = _Sum()
    chunks = rows.chunks(lane.offset)
    _pass_over(lane, chunks, sum_)
    for _ in add_chunks(store, lane, chunks, sum_.keep, sum_.add, exclusions=exclusions):
        if early:
            call_workers(store, lane, send_wake_up)
    file.read_rest()
    return sum_


def _uploaded(
    lane: Lane, rows: Rows, sum_: _Sum, resumed: bool, repeated: str | None = None
) -> Uploaded:
    invalid_rows = tuple(sum_.invalid_rows)
    return Uploaded(
        lane, resumed, invalid_rows, rows.layout, rows.sentence, rows.packer.folded, repeated
    )


def _judge_first(upload: Upload, rows: Rows) -> None:
    """When sending starts before the end of a file, check its first rows instead: raises NotAgreed."""
    if upload.plan:
        raise NotAgreed("a plan binds all rows: leave out either plan or send_while_loading")
    header = rows.layout.header
    start = Position(header.offset, header.line, 0)
    chunks = list(cut_chunks(rows.first, rows.packer, start, CHUNK_ROWS))
    rows.packer.folded = 0
    invalid, all_rows = (sum(len(c.invalid_rows) for c in chunks), sum(c.rows for c in chunks))
    if why_not := too_many_invalid(invalid, all_rows, upload.max_invalid_share):
        raise NotAgreed(f"Nothing was launched: {why_not}")


def begin(upload: Upload, file: ArrivingFile) -> tuple[Rows, CampaignMessage]:
    """Read the header and the first rows; raises InputError."""
    encoding, sheet = upload.reading.encoding, upload.reading.sheet
    if converted := convert(file, encoding, sheet):
        return _begin_text(upload, converted.stream, converted.sentence)
    try:
        return _begin_text(upload, file)
    except NotUtf8Error:
        file.seek(0)
        converted = convert(file, encoding, sheet, is_other=True)
        assert converted is not None
        return _begin_text(upload, converted.stream, converted.sentence)


def _begin_text(upload: Upload, text: Source, sentence: str = "") -> tuple[Rows, CampaignMessage]:
    reading = upload.reading
    header = read_header(text)
    records = read_records(text, header.delimiter, header.offset, header.line)
    first = take_first(records, header)
    layout = Layout.find(header, first, reading)
    message = prepare(upload.message, header.columns, reading)
    keep = columns_to_keep(upload.keep, header.columns, message.content)
    packer = RowPacker(layout, message.content.columns, message.rules, keep)
    chosen = layout.chosen(chain(first, records))
    first = see_that_some_are_usable(chosen, layout, packer)
    first += take_first(chosen, header, len(first))
    defaults = message.rules.defaults
    return Rows(layout, sentence, packer, defaults, keep, first, chosen), message


def _pass_over(lane: Lane, chunks: Iterator[Chunk], sum_: _Sum) -> None:
    """Skip the rows that are in already; raises UploadDiffers if they are others."""
    if not lane.offset:
        return
    for chunk in chunks:
        sum_.keep(chunk.invalid_rows)
        sum_.add(chunk)
        if chunk.end.offset >= lane.offset:
            if (chunk.end.offset, sum_.value) == (lane.offset, lane.rows_sum):
                return
            break
    raise UploadDiffers(
        f'"{lane.name}" has {lane.row:,} rows of another file: send the file that it was begun with, '
        "or choose another name."
    )
