"""Launching a campaign: a recipient file and a message in, a lane of jobs out.

Everything that can be wrong with either file is found before anything is stored. Launching the same
again goes on where the first launch was: the store keeps how far the file has been read, in the same
step that adds the jobs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chatapps.compiled import CompiledContent
from producer.campaign_message import load_message_file, prepare
from producer.campaign_names import RULE, is_name
from producer.errors import InputError
from producer.loading import add_chunks, end_of_file
from producer.policies import campaign_purpose, template_named
from producer.recipients import Position, RecipientFile
from producer.rejects import Reject, RejectWriter, see_that_writable
from producer.wake import SendDrain, call_workers
from store.calls import Store
from store.lanes import Lane, Policies, Priority, find_lane
from store.opening import CampaignPlan, open_campaign
from store.purposes import Purpose
from store.templates import read_registry

LOOKED_AT = 5000
"""Rows, one of which must be usable; else the way of reading the file is wrong, rather than the rows."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What to launch."""

    name: str
    recipients: Path
    message: Path
    sub_account: str
    number_column: str | None = None
    default_region: str | None = None
    priority: Priority = Priority.BULK
    policies: Policies = Policies()
    purpose: Purpose | None = None  # None: that of its template, else marketing
    send_while_loading: bool = False
    rejects: Path | None = None  # default: beside the recipient file

    @property
    def rejects_file(self) -> Path:
        """Where rows that cannot be used are listed."""
        return self.rejects or self.recipients.with_suffix(".rejects.csv")


@dataclass(frozen=True, slots=True)
class Loading:
    """How far a launch is."""

    lane: str
    rows: int
    added: int
    duplicates: int
    rejects: int
    offset: int  # bytes of the file
    size: int


@dataclass(frozen=True, slots=True)
class Launched:
    """What a launch came to."""

    lane: Lane
    recipients: int
    duplicates: int
    rejects: int
    rejects_file: Path | None
    resumed: bool  # an earlier launch had begun it


@dataclass(frozen=True, slots=True)
class Prepared:
    """A launch whose files have been checked; nothing is stored yet."""

    launch: Launch
    file: RecipientFile
    content: CompiledContent
    source: str  # names the recipients: the file, and how it is read


def check(launch: Launch) -> Prepared:
    """Read and check both files.

    Raises:
        InputError: what is wrong, where, and what to do.
    """
    _check_name(launch.name)
    message = load_message_file(launch.message)
    file = RecipientFile.open(launch.recipients, launch.number_column, launch.default_region)
    content = prepare(message, file.columns)
    # Another column or region makes other recipients of the same bytes.
    source = f"{file.fingerprint()}:{file.number_column}:{file.default_region or ''}"
    _see_that_some_row_is_usable(file, content.columns)
    see_that_writable(launch.rejects_file)
    return Prepared(launch, file, content, source)


def _check_name(name: str) -> None:
    if not is_name(name):
        raise InputError(RULE)


def _see_that_some_row_is_usable(file: RecipientFile, columns: Sequence[str]) -> None:
    """Raise InputError if none of the first rows is: the campaign would be over, and its name taken."""
    rejects: list[Reject] = []
    for chunk in file.chunks(columns):
        if chunk.lines:
            return
        rejects += chunk.rejects
        if len(rejects) >= LOOKED_AT:
            break
    if rejects:
        raise InputError(f"{file.path}: {_why_none(file, rejects)}")


def _why_none(file: RecipientFile, rejects: Sequence[Reject]) -> str:
    first, region = rejects[0], file.default_region
    many = len(rejects) > 1
    none = f"none of the first {len(rejects):,} rows can" if many else "its only row cannot"
    return (
        f"{none} be used (line {first.line}: {first.reason}). "
        f'The numbers are read from the column "{file.number_column}"'
        f"{f', as those of {region}' if region else ''}: mend the file, or give another --number-column"
        f" or {'another ' if region else ''}--region, such as GB"
    )


def run(
    store: Store,
    prepared: Prepared,
    send_drain: SendDrain,
    on_progress: Callable[[Loading], None] = lambda _: None,
) -> Launched:
    """Store the campaign and its jobs, and wake the workers.

    Raises:
        InputError: the purpose cannot be what was said; nothing is stored.
        LaneMismatch: the name is taken by something else.
        StoreUnavailable, StoreFull: launch again when Redis is well; nothing is added twice.
    """
    launch, content = prepared.launch, prepared.content
    template = template_named(content)
    purpose = campaign_purpose(
        store.run(read_registry(launch.sub_account)), template, launch.purpose
    )
    lane_id, resumed = open_campaign(
        store,
        CampaignPlan(
            name=launch.name,
            sub_account=launch.sub_account,
            content=content.dump(),
            content_digest=content.digest,
            source=prepared.source,
            priority=launch.priority,
            policies=launch.policies,
            early=launch.send_while_loading,
            purpose=purpose,
            template=template,
        ),
    )
    lane = find_lane(store, lane_id)
    rejects_file = launch.rejects_file
    if not lane.loaded:
        with RejectWriter(rejects_file, after_line=lane.line) as writer:
            _load(store, lane, prepared, writer, send_drain, on_progress)
    lane = end_of_file(store, lane, send_drain)
    written = rejects_file if lane.rejects and rejects_file.exists() else None
    return Launched(lane, lane.next_index, lane.duplicates, lane.rejects, written, resumed)


def _load(
    store: Store,
    lane: Lane,
    prepared: Prepared,
    writer: RejectWriter,
    send_drain: SendDrain,
    on_progress: Callable[[Loading], None],
) -> None:
    """Add the rows that are not in yet, chunk by chunk."""
    start = Position(lane.offset, lane.line, lane.row) if lane.offset else None
    chunks = prepared.file.chunks(prepared.content.columns, start)
    for at in add_chunks(store, lane, chunks, writer.write):
        if prepared.launch.send_while_loading:
            call_workers(store, lane, send_drain)
        on_progress(
            Loading(
                lane.id, at.rows, at.added, at.duplicates, at.rejects, at.offset, prepared.file.size
            )
        )
