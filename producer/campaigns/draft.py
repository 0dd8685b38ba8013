"""Drafts: a campaign whose recipients are kept, so that its message, its columns and its options can be
corrected before the launch.

A draft keeps the text of the recipient file and the form of a launch. Planned or launched, it is read
like a launch of these files from disk, by the same steps.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from chatapps.rendering.compiled import CompiledContent, message_of
from chatapps.rendering.placeholders import find_name
from config.settings import Settings
from producer.campaigns.agreement import Options
from producer.campaigns.exclusions import MOST_EXCLUSIONS, read_exclusions
from producer.campaigns.form import CampaignForm, upload_of
from producer.campaigns.launch import Launch, Prepared, options_of, put_together
from producer.campaigns.load import without_forgotten
from producer.campaigns.message_file import refuse_ours
from producer.campaigns.retry import kept_rows
from producer.campaigns.upload import Upload
from producer.errors import BadRow, InputError
from producer.files.convert import convert, text_blocks
from producer.files.csv_reader import NotUtf8Error, Source, read_records
from producer.files.header import Header, read_header
from producer.files.invalid_rows import InvalidRow, list_blocks
from producer.files.recipient_file import KeptFile, RecipientFile
from producer.files.rows import PersonReader
from producer.forgotten import ForgottenPeople
from producer.layout import NO_ROWS, PHONE, Layout, ReadOptions, first_rows
from store.client import Store
from store.errors import StoreRefused
from store.lanes.drafts import (
    KEPT_MS,
    Draft,
    create_draft,
    edit_draft,
    new_draft,
    open_text,
    write_file,
)
from store.lanes.lane import Lane, LaneStatus, rate_out, read_lane

OF_THE_LAUNCH: Final = {
    "name", "sub_account", "encoding", "sheet", "plan", "force", "accept_invalid", "launch"
}  # fmt: skip
"""Members of the form that a draft does not keep."""
_BLOCK_BYTES: Final = 256 * 1024


class DraftOut(BaseModel):
    """A draft."""

    id: str
    name: str
    sub_account: str
    status: LaneStatus
    options: dict[str, Any]  # as the form of a launch has them
    columns: list[str]  # of the recipients
    stored_bytes: int
    kept_until: str  # unless it is changed before
    problem: str | None  # why it cannot be launched as it is


class RecipientsOut(BaseModel):
    """The first recipients of a draft."""

    columns: list[str]  # names of the cells; empty: the column has none
    number_column: str | None  # null: no column is known to hold the number
    rows: list[list[str]]


def first_recipients(store: Store, settings: Settings, lane: Lane, most: int) -> RecipientsOut:
    """The first readable rows of a draft; raises StoreRefused for what is no draft."""
    if lane.status is not LaneStatus.DRAFT:
        raise StoreRefused(f'"{lane.name}" is {lane.status}: it is no draft')
    with open_text(store, lane) as text:
        header = read_header(text)
        rows = first_rows(text, header)
    try:
        reading = _upload(settings, lane, Draft.of(lane).options).reading
        number = Layout.find(header, rows, reading).number_column
    except InputError:
        number = None
    cells = [row for row, *_ in rows if not isinstance(row, BadRow)]
    return RecipientsOut(columns=list(header.cells), number_column=number, rows=cells[:most])


def draft_out(store: Store, settings: Settings, lane: Lane) -> DraftOut:
    """A draft with the reason why it cannot be launched, if any."""
    draft, problem = Draft.of(lane), None
    try:
        prepared_draft(store, settings, lane)
    except InputError as error:
        problem = str(error)
    with open_text(store, lane) as text:
        columns = read_header(text).columns
    until = datetime.fromtimestamp((lane.touched_at + KEPT_MS) // 1000, UTC)
    return DraftOut(
        id=lane.id,
        name=lane.name,
        sub_account=lane.sub_account,
        status=lane.status,
        options=dict(draft.options),
        columns=list(columns),
        stored_bytes=draft.stored,
        kept_until=f"{until:%Y-%m-%dT%H:%M:%SZ}",
        problem=problem,
    )


def create(
    store: Store, settings: Settings, form: CampaignForm, sub_account: str, source: Source
) -> Lane:
    """Keep a form and a recipient file as a draft. The same again changes nothing.

    Raises:
        InputError: the file is no table, or an option is wrong; nothing is kept.
        StoreRefused: the name is taken, or the drafts are too large.
    """
    options = _options(form, settings, sub_account)
    lane = new_draft(store, form.name, sub_account)
    blocks = text_blocks(_text(source, form.encoding, form.sheet))
    file = write_file(store, lane, sub_account, blocks)
    return create_draft(store, lane, form.name, sub_account, Draft(options, (file,)))


def edit(
    store: Store,
    settings: Settings,
    lane: Lane,
    changes: Mapping[str, Any],
    source: Source | None = None,
) -> Lane:
    """Change members of a draft's form, and its recipients.

    Args:
        changes: None resets a member.
        source: another recipient file, in place of the one that is kept.

    Raises:
        pydantic.ValidationError, InputError: a change is wrong; nothing is changed.
        StoreRefused: it is no draft any more, was changed meanwhile, or its new name is taken.
    """
    draft = Draft.of(lane)
    kept = dict(draft.options)
    if changes.get("rate") is not None or changes.get("spread") or changes.get("finish_by"):
        for pace in ("rate", "spread", "finish_by"):  # one replaces another
            kept.pop(pace, None)
    both = {**kept, "name": lane.name, **changes}
    policies = changes.get("policies", {})
    both["policies"] = {} if policies is None else _set({**kept.get("policies", {}), **policies})
    form = CampaignForm.model_validate(_set(both))
    options, files = _options(form, settings, lane.sub_account), draft.files
    if source is not None:
        blocks = text_blocks(_text(source, form.encoding, form.sheet))
        files = (write_file(store, lane.id, lane.sub_account, blocks),)
    return edit_draft(store, lane, Draft(options, files), form.name)


@dataclass(frozen=True, slots=True)
class RowsAdded:
    """Result of adding rows to a draft."""

    lane: Lane
    rows: int
    unreadable: list[InvalidRow]  # rows that cannot be split into cells; they are left out
    layout: Layout  # of the file


def add_rows(
    store: Store, settings: Settings, lane: Lane, source: Source, reading: ReadOptions
) -> RowsAdded:
    """Add the rows of a further file to a draft, by the names of its columns.

    Raises:
        InputError: the file lacks a column that the draft uses, or the draft could not be launched.
    """
    draft, prepared = Draft.of(lane), prepared_draft(store, settings, lane)
    text = _text(source, reading.encoding, reading.sheet)
    header = read_header(text)
    layout = Layout.find(header, first_rows(text, header), reading)
    places = _places(prepared, header, layout)
    counted = _Rows(text, layout, prepared.file.layout, places)
    file = write_file(store, lane.id, lane.sub_account, counted.blocks(), draft.files)
    after = edit_draft(store, lane, replace(draft, files=(*draft.files, file)))
    return RowsAdded(after, counted.rows, counted.bad, layout)


def clone(store: Store, settings: Settings, lane: Lane, name: str, *, missed: bool = False) -> Lane:
    """A new draft with the options and recipients of a draft, or of a campaign that has ended.

    Args:
        missed: leave out whom the campaign and its retries have reached, or may have.

    Raises:
        InputError: the values of the campaign are not kept.
        StoreRefused: the campaign has not ended, or the name is taken.
    """
    if lane.draft:
        if missed:
            raise StoreRefused(f'"{lane.name}" is a draft: nothing of it was sent; clone it whole')
        options: Mapping[str, Any] = Draft.of(lane).options
        blocks = iter(partial(open_text(store, lane).read, _BLOCK_BYTES), b"")
    elif lane.kind == "campaign" and lane.status.ended:
        column = _number_column(lane)
        options, blocks = _options_of_campaign(lane, column), _text_of_campaign(store, lane, column)
    else:
        raise StoreRefused(f'"{lane.name}" is {lane.status}: a draft, or what has ended, is cloned')
    if missed:
        asked = [lane, *_retries_of(store, lane)]
        if len(asked) > MOST_EXCLUSIONS:
            raise StoreRefused(
                f'"{lane.name}" has {len(asked) - 1} retries, and a campaign can leave out people of '
                f"at most {MOST_EXCLUSIONS} others: retry it, or clone it whole"
            )
        options = {**options, "exclude": [f"campaign:{one.id}" for one in asked]}
    form = CampaignForm.model_validate({**options, "name": name})
    options = _options(form, settings, lane.sub_account)
    new = new_draft(store, form.name, lane.sub_account)
    file = write_file(store, new, lane.sub_account, blocks)
    return create_draft(store, new, form.name, lane.sub_account, Draft(options, (file,)))


def prepared_draft(
    store: Store, settings: Settings, lane: Lane, send_at: str | None = None
) -> Prepared:
    """The launch of a draft, or of one whose launch was interrupted.

    Args:
        send_at: when it starts, in place of the draft's own.

    Raises:
        InputError: message and recipients do not fit each other, or the time is past.
        StoreRefused: the recipients are not kept.
    """
    options = dict(Draft.of(lane).options)
    if lane.status is LaneStatus.HALTED and not lane.content:
        raise StoreRefused(f'"{lane.name}" is halted: `sendmany campaign show` says what to do')
    if send_at or lane.status is not LaneStatus.DRAFT:  # a launch has set it
        for name in ("send_at", "at_local", "on"):
            options.pop(name, None)
        if send_at and lane.status is LaneStatus.DRAFT:
            options["send_at"] = send_at
    upload = _upload(settings, lane, options)
    excluded = options.get("exclude", ())
    exclusions = read_exclusions(store, excluded, lane.sub_account, upload.reading)
    shared = {one.name: getattr(upload, one.name) for one in fields(Options)}
    shared |= {"exclusions": exclusions, "max_invalid_share": 1}
    path = Path(f"{lane.id}.csv")
    launch = Launch(**shared, recipients=path, message=path, reading=upload.reading)
    text = KeptFile(path, Draft.of(lane).digest, partial(open_text, store, lane))
    file = RecipientFile.of(text, upload.reading)
    return replace(put_together(launch, upload.message, file), draft=lane)


def list_invalid_rows(store: Store, settings: Settings, lane: Lane) -> Iterator[str]:
    """All invalid rows of a draft as CSV for a spreadsheet, chunk by chunk; raises as `prepared_draft`
    does."""
    prepared, people = prepared_draft(store, settings, lane), ForgottenPeople(settings)
    chunks = prepared.file.chunks(prepared.packer())
    found = (without_forgotten(store, people, chunk)[1] for chunk in chunks)
    return list_blocks(prepared.file.layout.header.cells, found)


def _upload(settings: Settings, lane: Lane, options: Mapping[str, Any]) -> Upload:
    form = CampaignForm.model_validate({**options, "name": lane.name})
    return upload_of(form, settings, lane.sub_account)


def _options(form: CampaignForm, settings: Settings, sub_account: str) -> dict[str, Any]:
    """The members of a form that a draft keeps; raises InputError for what no launch would take."""
    refuse_ours(form.message)
    upload_of(form, settings, sub_account)
    return form.model_dump(mode="json", exclude_unset=True, exclude=OF_THE_LAUNCH)


def _set(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _text(source: Source, encoding: str | None, sheet: str | None) -> Source:
    """A recipient file as UTF-8 CSV, at its start; raises InputError when it is no table with rows."""
    if converted := convert(source, encoding, sheet):
        return _with_rows(converted.stream)
    try:
        return _with_rows(source)
    except NotUtf8Error:
        source.seek(0)
        converted = convert(source, encoding, sheet, is_other=True)
        assert converted is not None
        return _with_rows(converted.stream)


def _with_rows(text: Source) -> Source:
    if not first_rows(text, read_header(text)):
        raise InputError(NO_ROWS)
    text.seek(0)
    return text


def _places(prepared: Prepared, header: Header, layout: Layout) -> list[int | None]:
    """Where a further file has each column of a draft."""
    ours, message = prepared.file.layout, prepared.message
    names = {
        **layout.options.names,
        ours.number_column: layout.number_column,
        **({ours.country_column: layout.country_column} if ours.country_column else {}),
    }
    found = [find_name(header.columns, names.get(one) or one) for one in ours.header.cells]
    needed = {ours.number_column, *message.content.columns, *prepared.keep}
    needed |= {ours.header.cells[place] for place in ours.where}
    for one, name in zip(ours.header.cells, found, strict=True):
        if name is None and one in needed:
            raise InputError(f'the file has no column "{one}", which the draft uses')
    return [None if name is None else header.cells.index(name) for name in found]


@dataclass(slots=True)
class _Rows:
    """Rows of a further file, with the columns of a draft; counted as they are read."""

    text: Source
    layout: Layout
    ours: Layout
    places: Sequence[int | None]
    rows: int = 0
    bad: list[InvalidRow] = field(default_factory=list)

    def blocks(self) -> Iterator[bytes]:
        """Their text, which begins with the end of the line before."""
        header, output = self.layout.header, io.StringIO("\n")
        output.seek(1)
        writer = csv.writer(output, delimiter=self.ours.header.delimiter, lineterminator="\n")
        read = PersonReader(self.layout).read
        for cells, line, *_ in read_records(
            self.text, header.delimiter, header.offset, header.line
        ):
            if isinstance(cells, BadRow):
                self.bad.append(InvalidRow(line, cells.number, cells.reason, cells.cells))
                continue
            writer.writerow(self._ours_of(cells, read))
            self.rows += 1
            if output.tell() > _BLOCK_BYTES:
                yield output.getvalue().encode()
                output.seek(0)
                output.truncate()
        yield output.getvalue().encode()

    def _ours_of(self, cells: list[str], read: Callable[[Sequence[str]], str]) -> list[str]:
        row = [
            "" if place is None or place >= len(cells) else cells[place] for place in self.places
        ]
        try:
            who = read(cells)
        except (BadRow, IndexError):  # the plan tells
            return row
        number = self.ours.place(self.ours.number_column)
        row[number] = f"+{who}" if who.isdigit() else who
        return row


def _retries_of(store: Store, lane: Lane) -> Iterator[Lane]:
    """The retries of a campaign that are kept, and theirs."""
    for one in filter(None, map(store.run, map(read_lane, lane.children))):
        yield one
        yield from _retries_of(store, one)


def _number_column(lane: Lane) -> str:
    """A name for the column of the numbers that is none of the others'."""
    others = {*CompiledContent.load(lane.content).columns, *lane.keep}
    name = options_of(lane).names.get(PHONE, PHONE)
    while name in others:
        name = f"number of {name}"
    return name


def _options_of_campaign(lane: Lane, number: str) -> dict[str, Any]:
    content = CompiledContent.load(lane.content)
    return _set(
        {
            "message": message_of(content),
            "timezone_column": content.columns[lane.zone_place - 1] if lane.zone_place else None,
            "map": {PHONE: number},
            "priority": str(lane.priority),
            "policies": {
                "on_unconfirmed": lane.on_unconfirmed,
                "on_server_error": lane.on_server_error,
                "settle_after": lane.settle_after,
                "window": lane.window,
            },
            "purpose": lane.purpose and str(lane.purpose),
            **rate_out(lane.rate),
            "weight": lane.weight,
            "keep": list(lane.keep),
        }
    )


def _text_of_campaign(store: Store, lane: Lane, number: str) -> Iterator[bytes]:
    columns = (number, *CompiledContent.load(lane.content).columns, *lane.keep)
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(columns)
    for lines in kept_rows(store, lane):
        for recipient, *values in (line.split(b"\t") for line in lines):
            who = recipient.decode()
            told = [json.loads(b'"%b"' % value) for value in values]
            writer.writerow([f"+{who}" if who.isdigit() else who, *told])
        yield output.getvalue().encode()
        output.seek(0)
        output.truncate()
