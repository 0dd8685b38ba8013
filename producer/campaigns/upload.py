"""Launching a campaign whose recipient file is still arriving: rows are stored while it does.

Such a file cannot be read twice, nor known before its end. So the campaign is told apart by the file's
header and how it is read, and keeps a sum of the rows that are in, beside the place up to which they
are. Whoever sends the file again, from its start, must send the same rows up to there: they are read,
held against the sum, and passed over; what follows is added.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from chatapps.preflight import Finding
from chatapps.rendering.compiled import CompiledContent
from chatapps.templates import RegisteredTemplate
from producer.campaigns.load import add_chunks, end_of_file
from producer.campaigns.message_file import CampaignMessage, prepare
from producer.campaigns.preflight import check_rows, sample_of
from producer.files.convert import convert
from producer.files.csv_reader import NotUtf8Error, Position, Record, Source, read_records
from producer.files.header import read_header
from producer.files.invalid_rows import InvalidRow
from producer.files.rows import CHUNK_ROWS, Chunk, RowPacker, cut_chunks, see_that_some_are_usable
from producer.files.stream import ArrivingFile
from producer.layout import Layout, ReadOptions, take_first
from producer.policies import campaign_purpose, template_named
from producer.wake import SendWakeUp, call_workers
from store.client import Store
from store.lanes.lane import Lane, Policies, Priority, find_lane
from store.lanes.open import CampaignPlan, open_campaign
from store.purposes import Purpose
from store.templates import read_registry

LISTED_INVALID_ROWS = 100
"""Unusable rows that an answer lists; all are counted."""

_REST_BYTES = 256 * 1024
TryRows = Callable[[RegisteredTemplate | None], list[Finding]]
Check = Callable[[CompiledContent, TryRows], None]
"""Is given the message and a way to try some rows; raises what stops the launch."""


class UploadDiffers(Exception):
    """The campaign has rows that this file does not have at the same place."""


@dataclass(frozen=True, slots=True)
class Upload:
    """What is launched, without the recipients."""

    name: str
    sub_account: str
    message: Mapping[str, Any]
    reading: ReadOptions = ReadOptions()
    priority: Priority = Priority.BULK
    policies: Policies = Policies()
    purpose: Purpose | None = None
    send_while_loading: bool = False


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What an upload came to."""

    lane: Lane
    resumed: bool  # an earlier upload had begun it
    invalid_rows: Sequence[InvalidRow]  # the first of them
    layout: Layout
    sentence: str  # how the file was read, where it is not UTF-8 text
    folded: int  # values that were changed so that WhatsApp takes them


@dataclass(frozen=True, slots=True)
class _Rows:
    """A file whose header and first rows have been read."""

    layout: Layout
    sentence: str
    packer: RowPacker
    first: list[Record]
    rest: Iterator[Record]

    @property
    def source(self) -> str:
        """Tells files apart as far as their beginning can."""
        header = self.layout.header
        digest = hashlib.sha256(header.delimiter.join(header.cells).encode()).hexdigest()
        return f"upload:{digest}:{self.layout.key}{self.packer.rules_key}"

    def chunks(self, cut_at: int) -> Iterator[Chunk]:
        """All rows, from the first; a chunk ends at byte `cut_at`."""
        start = Position(self.layout.header.offset, self.layout.header.line, 0)
        records = chain(self.first, self.rest)
        return cut_chunks(records, self.packer, start, CHUNK_ROWS, cut_at, limit=self.layout.limit)


@dataclass(slots=True)
class _Sum:
    """Stands for the rows so far, however they were cut into chunks; keeps the first rejects."""

    invalid_rows: list[InvalidRow] = field(default_factory=list)
    _jobs: Any = field(default_factory=hashlib.sha256)
    _others: Any = field(default_factory=hashlib.sha256)

    def add(self, chunk: Chunk) -> str:
        """Add the rows of a chunk; gives the sum."""
        self._jobs.update(b"".join([line + b"\n" for line in chunk.lines]))
        self._others.update(b"".join([b"%d\n" % reject.line for reject in chunk.invalid_rows]))
        return self.value

    @property
    def value(self) -> str:
        return f"{self._jobs.hexdigest()[:32]}{self._others.hexdigest()[:32]}"

    def keep(self, invalid_rows: Sequence[InvalidRow]) -> None:
        """Keep them, as long as there is room."""
        self.invalid_rows += invalid_rows[: LISTED_INVALID_ROWS - len(self.invalid_rows)]


def receive(
    store: Store, upload: Upload, file: ArrivingFile, send_wake_up: SendWakeUp, check: Check
) -> Uploaded:
    """Store the campaign and its rows as they arrive, and wake the workers. It blocks.

    Raises:
        InputError: what is wrong with message or file; nothing is stored, unless it is the text of
            a later row that is not UTF-8.
        UploadDiffers: the campaign was begun with other rows.
        LaneMismatch: the name is taken by something else.
        StoreRefused: the campaign takes no more, or somebody else is loading it.
        StoreUnavailable, StoreFull: send the same again when Redis is well; nothing is added twice.
        And what `check` raises, and what reading the file raises: the rows before that are in.
    """
    rows, message = _begin(upload, file)
    content = message.content
    sample = list(sample_of(rows.first, rows.layout, content.columns, rows.packer))
    rows.packer.folded = 0  # of rows that were looked at, and will be read again
    check(content, lambda template: check_rows(content, sample, template))
    lane_id, resumed = open_campaign(store, _plan(store, upload, rows, content))
    lane = find_lane(store, lane_id)
    sum_ = _Sum()
    chunks = rows.chunks(lane.offset)
    _pass_over(lane, chunks, sum_)
    for _ in add_chunks(store, lane, chunks, sum_.keep, sum_.add):
        if upload.send_while_loading:
            call_workers(store, lane, send_wake_up)
    while file.read(_REST_BYTES):  # after `limit` rows
        pass
    lane = end_of_file(store, lane, send_wake_up)
    return Uploaded(
        lane, resumed, tuple(sum_.invalid_rows), rows.layout, rows.sentence, rows.packer.folded
    )


def _begin(upload: Upload, file: ArrivingFile) -> tuple[_Rows, CampaignMessage]:
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


def _begin_text(upload: Upload, text: Source, sentence: str = "") -> tuple[_Rows, CampaignMessage]:
    reading = upload.reading
    header = read_header(text)
    records = read_records(text, header.delimiter, header.offset, header.line)
    first = take_first(records, header)
    layout = Layout.find(header, first, reading)
    message = prepare(upload.message, header.columns, reading)
    packer = RowPacker(layout, message.content.columns, message.rules)
    chosen = layout.chosen(chain(first, records))
    first = see_that_some_are_usable(chosen, layout, packer)
    first += take_first(chosen, header)
    return _Rows(layout, sentence, packer, first, chosen), message


def _plan(store: Store, upload: Upload, rows: _Rows, content: CompiledContent) -> CampaignPlan:
    """What opens the campaign; raises InputError where its purpose cannot be what was said."""
    template = template_named(content)
    registry = store.run(read_registry(upload.sub_account))
    return CampaignPlan(
        name=upload.name,
        sub_account=upload.sub_account,
        content=content.dump(),
        content_digest=content.digest,
        source=rows.source,
        priority=upload.priority,
        policies=upload.policies,
        early=upload.send_while_loading,
        purpose=campaign_purpose(registry, template, upload.purpose),
        template=template,
    )


def _pass_over(lane: Lane, chunks: Iterator[Chunk], sum_: _Sum) -> None:
    """Read the rows that are in already; raises UploadDiffers when they are others."""
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
