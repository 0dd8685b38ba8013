"""Launching a campaign: a recipient file and a message in, a lane of jobs out.

Both files are validated before anything is stored. Launching the same again continues the first launch:
the store keeps the position in the file, updated in the same step that adds the jobs.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chatapps.templates import RegisteredTemplate
from producer.campaigns.agreement import Options, RowsSum, digest_of, judge
from producer.campaigns.canary import warmed_up
from producer.campaigns.exclusions import excluding
from producer.campaigns.load import Loaded, add_chunks, end_of_file
from producer.campaigns.message_file import (
    RULE,
    CampaignMessage,
    columns_to_keep,
    is_name,
    load_message_file,
    prepare,
)
from producer.campaigns.schedule import see_that_it_may_start
from producer.errors import InputError
from producer.files.invalid_rows import InvalidRow, InvalidRowWriter, see_that_writable
from producer.files.recipient_file import Position, RecipientFile
from producer.files.rows import RowPacker, ValueRules
from producer.layout import ReadOptions
from producer.policies import campaign_purpose, template_named
from producer.wake import SendWakeUp, call_workers
from store.client import Store
from store.errors import StoreRefused
from store.lanes.drafts import begin_launch, forget_draft
from store.lanes.lane import Lane, LaneStatus, find_lane
from store.lanes.open import CampaignPlan, open_campaign
from store.templates import read_registry

LISTED_INVALID_ROWS = 100
"""Most invalid rows listed in an answer; all are counted."""
BEING_ADDED = (
    'people of another file are being added to "{}": finish that first, by the same `campaign add`'
)


@dataclass(frozen=True, slots=True)
class Launch(Options):
    """Parameters of a launch."""

    recipients: Path
    message: Path
    reading: ReadOptions = ReadOptions()
    invalid_rows: Path | None = None  # default: beside the recipient file

    @property
    def invalid_rows_file(self) -> Path:
        """The file that lists invalid rows."""
        return self.invalid_rows or self.recipients.with_suffix(".invalid.csv")


@dataclass(frozen=True, slots=True)
class Launched:
    """Result of a launch."""

    lane: Lane
    recipients: int
    duplicates: int
    invalid_rows: int
    invalid_rows_file: Path | None
    folded: int  # values changed by this launch so that WhatsApp accepts them
    resumed: bool  # an earlier launch is continued


@dataclass(frozen=True, slots=True)
class Prepared:
    """A launch with checked files; nothing is stored yet."""

    launch: Launch
    file: RecipientFile
    message: CampaignMessage
    source: str  # identifies the recipients: the file, and how it is read
    keep: tuple[str, ...] = ()  # spelled as in the file
    template: RegisteredTemplate | None = None  # of the message, if looked up
    digest: str = ""  # of its plan, if any
    draft: Lane | None = None  # the draft that is launched, as it was read

    @property
    def plan(self) -> CampaignPlan:
        """The parameters of opening the campaign, before its template is looked up."""
        return campaign_plan(self.launch, self.message, self.source, self.keep)

    def packer(self) -> RowPacker:
        """A packer of the file's rows."""
        message = self.message
        return RowPacker(self.file.layout, message.content.columns, message.rules, self.keep)


def campaign_plan(
    options: Options, message: CampaignMessage, source: str, keep: tuple[str, ...]
) -> CampaignPlan:
    """The parameters of opening a campaign, before its template is looked up."""
    start, finish, content = options.start, options.finish, message.content
    return CampaignPlan(
        name=options.name,
        sub_account=options.sub_account,
        content=content.dump(),
        content_digest=content.digest,
        source=source + excluding(options.exclusions),
        priority=options.priority,
        policies=options.policies,
        early=options.send_while_loading,
        purpose=options.purpose,
        template=template_named(content),
        keep=keep,
        send_at=start.ms if start else 0,
        zone=start.zone if start else "",
        rate=options.rate,
        weight=options.weight,
        finish_by=finish.ms if finish else 0,
        finish_zone=finish.zone if finish else "",
        canary=options.canary,
        local_start=start.local_start if start else "",
        zone_place=message.zone_place,
    )


def as_registered(store: Store, plan: CampaignPlan) -> CampaignPlan:
    """The plan with purpose and canary by its registered template; raises InputError for a purpose that
    contradicts it."""
    registry = store.run(read_registry(plan.sub_account))
    purpose = campaign_purpose(registry, plan.template, plan.purpose)
    canary = warmed_up(store, plan.sub_account, plan.canary, plan.template, purpose)
    return replace(plan, purpose=purpose, canary=canary)


def check(launch: Launch, *, lists_invalid_rows: bool = True) -> Prepared:
    """Read and check both files.

    Args:
        lists_invalid_rows: False when no list is written.

    Raises:
        InputError: the problem, its place and the remedy.
    """
    if not is_name(launch.name):
        raise InputError(RULE)
    message = load_message_file(launch.message)
    file = RecipientFile.open(launch.recipients, launch.reading)
    prepared = put_together(launch, message, file)
    if lists_invalid_rows:
        see_that_writable(launch.invalid_rows_file)
    return prepared


def put_together(launch: Launch, message: Mapping[str, Any], file: RecipientFile) -> Prepared:
    """Check that message and recipients fit each other; raises InputError."""
    if launch.start and launch.send_while_loading:
        raise InputError("Say either --at or --send-while-loading")
    prepared = prepare(message, file.columns, launch.reading)
    keep = columns_to_keep(launch.keep, file.columns, prepared.content)
    source = source_of(file, prepared.rules, keep)
    done = Prepared(launch, file, prepared, source, keep)
    file.see_that_usable(done.packer())
    return done


def source_of(file: RecipientFile, rules: ValueRules, keep: Sequence[str] = ()) -> str:
    """Identifies the recipients of a file: its bytes, how they are read, and the kept columns."""
    how = replace(file.layout.options, defaults=rules.defaults).dump()
    return f"{file.text.digest}:{how}" + (f"\t{json.dumps(keep)}" if keep else "")


def reading_for(lane: Lane, reading: ReadOptions) -> ReadOptions:
    """Options for a further file of a campaign, with the campaign's own as defaults."""
    launched = options_of(lane)
    return replace(
        reading,
        defaults=launched.defaults,
        language_column=launched.language_column,
        timezone_column=launched.timezone_column,
    )


def options_of(lane: Lane) -> ReadOptions:
    """Options of a campaign's launch."""
    start, source = lane.source.find("{"), lane.source.partition("\t")[0]
    return ReadOptions.load(source[start:]) if start >= 0 else ReadOptions()


def run(
    store: Store,
    prepared: Prepared,
    send_wake_up: SendWakeUp,
    on_progress: Callable[[Loaded], None] = lambda _: None,
    listed: list[InvalidRow] | None = None,
) -> Launched:
    """Store the campaign and its jobs, and wake the workers.

    Args:
        listed: takes the first invalid rows; without it a file beside the recipients lists all.

    Raises:
        InputError: the purpose contradicts the template; nothing is stored.
        NotAgreed: too many rows are invalid; nothing remains of the campaign.
        LaneMismatch: the name belongs to another campaign.
        StoreUnavailable, StoreFull: launch again when Redis works; nothing is added twice.
    """
    launch, content = prepared.launch, prepared.message.content
    plan = as_registered(store, prepared.plan)
    see_that_it_may_start(store, plan.name, plan.sub_account, launch.start, launch.canary)
    if begun := prepared.draft is not None and prepared.draft.status is LaneStatus.DRAFT:
        begin_launch(store, prepared.draft, plan)
    lane_id, resumed = open_campaign(store, plan)
    lane = find_lane(store, lane_id)
    invalid_rows_file = launch.invalid_rows_file
    if lane.adding and not lane.loaded:
        raise StoreRefused(BEING_ADDED.format(lane.name))
    packer = prepared.packer()
    digest, rows_sum = prepared.digest, ""
    if not lane.loaded:
        with ExitStack() as stack:
            columns = prepared.file.layout.header.cells
            write = (
                stack.enter_context(InvalidRowWriter(invalid_rows_file, columns, lane.line)).write
                if listed is None
                else lambda rows: listed.extend(rows[: LISTED_INVALID_ROWS - len(listed)])
            )
            rows_sum = _load(store, lane, prepared, packer, write, send_wake_up, on_progress)
        if rows_sum and not digest:
            digest = digest_of(rows_sum, content, launch, prepared.template)
        judge(store, lane, launch.max_invalid_share)
    lane = end_of_file(store, lane, send_wake_up, digest, rows_sum)
    if lane.draft:
        forget_draft(store, lane)
    return Launched(
        lane,
        recipients=lane.next_index,
        duplicates=lane.duplicates,
        invalid_rows=lane.invalid_rows,
        invalid_rows_file=invalid_rows_file
        if listed is None and lane.invalid_rows and invalid_rows_file.exists()
        else None,
        folded=packer.folded,
        resumed=resumed and not begun,
    )


def _load(
    store: Store,
    lane: Lane,
    prepared: Prepared,
    packer: RowPacker,
    write: Callable[[list[InvalidRow]], None],
    send_wake_up: SendWakeUp,
    on_progress: Callable[[Loaded], None],
) -> str:
    """Add the remaining rows, chunk by chunk; returns the digest of all rows if it read all of them."""
    start = Position(lane.offset, lane.line, lane.row) if lane.offset else None
    rows_sum = RowsSum()
    chunks = rows_sum.watch(prepared.file.chunks(packer, start))
    for at in add_chunks(store, lane, chunks, write, exclusions=prepared.launch.exclusions):
        if prepared.launch.send_while_loading:
            call_workers(store, lane, send_wake_up)
        on_progress(at)
    return "" if start else rows_sum.value
