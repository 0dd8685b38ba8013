"""Adds the rows of a recipient file to a campaign, chunk by chunk, from any source."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from config.settings import load_settings
from producer.campaigns.canary import choose_canary
from producer.campaigns.deduplication import read_seen
from producer.campaigns.exclusions import NO_EXCLUSIONS, Exclusions
from producer.files.invalid_rows import InvalidRow
from producer.files.rows import Chunk
from producer.forgotten import ForgottenPeople
from producer.wake import SendWakeUp, call_workers
from store.access.audit import audited
from store.client import Store
from store.errors import StoreRefused
from store.lanes.lane import Lane, LaneStatus, find_lane, finish_loading, reopen_lane
from store.plans import carry_out
from store.queue.enqueue import Place, enqueue_rows
from store.workers.presence import note_active

FORGOTTEN = "a row up to this line is of a person who has been forgotten"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Progress of loading a file."""

    rows: int
    added: int
    duplicates: int
    invalid_rows: int
    offset: int  # bytes of the file


def add_chunks(
    store: Store,
    lane: Lane,
    chunks: Iterable[Chunk],
    keep_invalid_rows: Callable[[list[InvalidRow]], None],
    sum_up: Callable[[Chunk], str] = lambda _: "",
    people: ForgottenPeople | None = None,
    exclusions: Exclusions = NO_EXCLUSIONS,
) -> Iterator[Loaded]:
    """Add rows from the lane's position in the file on; yields the progress after each chunk.

    Args:
        keep_invalid_rows: takes the invalid rows of a chunk before the chunk is stored.
        sum_up: digest of all rows up to the end of a chunk; stored with the position.
        people: forgotten people, who are left out.
        exclusions: others who are left out.

    Raises:
        StoreUnavailable, StoreFull: repeat it later; nothing is added twice.
        StoreRefused: the campaign is closed, or another process is loading it.
    """
    place, seen = Place(lane.offset, lane.line, lane.row), read_seen(store, lane)
    settings, own = load_settings(), len(lane.keep)
    people = people or ForgottenPeople(settings)
    next_index = lane.next_index
    beyond = False
    now = Loaded(lane.row, lane.next_index, lane.duplicates, lane.invalid_rows, lane.offset)
    for chunk in chunks:
        end = Place(chunk.end.offset, chunk.end.line, chunk.end.row)
        wanted, invalid_rows = without_forgotten(store, people, chunk)
        others = exclusions.kept(wanted)
        keep_invalid_rows(invalid_rows)  # first: a counted row must be in the list
        lines, rows_sum = seen.drop_duplicates(others), sum_up(chunk)
        kept = [line.partition(b"\t")[2] for line in lines] if settings.keep_values else []
        call = enqueue_rows(
            lane.id,
            place,
            end,
            [line.rsplit(b"\t", own)[0] for line in lines] if own else lines,
            len(invalid_rows),
            duplicates=len(others) - len(lines),
            excluded=len(wanted) - len(others),
            rows_sum=rows_sum,
            next_index=next_index,
            kept=kept if any(kept) else (),
        )
        result = store.run(call)
        next_index = result.next_index
        place, beyond = end, rows_sum != "" and result.repeated and not result.revision
        now = replace(
            now,
            rows=end.row,
            added=now.added + result.added,
            duplicates=now.duplicates + result.duplicates,
            invalid_rows=now.invalid_rows + len(invalid_rows),
            offset=end.offset,
        )
        yield now
    if beyond:  # these rows were not checked for duplicates
        raise StoreRefused(
            "the file ends, but another process has loaded more rows: are the files the same?"
        )


def without_forgotten(
    store: Store, people: ForgottenPeople, chunk: Chunk
) -> tuple[Sequence[bytes], list[InvalidRow]]:
    """The job lines of a chunk without those of forgotten people, and its invalid rows with these."""
    if not carry_out(store, people.look()):
        return chunk.lines, chunk.invalid_rows
    gone = people.left_out(chunk.lines)
    forgotten = [InvalidRow(chunk.end.line, None, FORGOTTEN)] * len(gone)
    lines = [line for place, line in enumerate(chunk.lines) if place not in gone]
    return lines, [*chunk.invalid_rows, *forgotten]


def reopen(store: Store, lane: Lane, source: str) -> None:
    """Allow people of a further file to be added to a campaign.

    Raises:
        StoreRefused: it is cancelled or halted, or another file is being read.
    """
    call = reopen_lane(lane.id, source)
    answer = store.run(audited(call, "campaign.add", lane.name, lane.next_index, lambda _: source))
    if answer == "loading":
        raise StoreRefused(f'another file is being read for "{lane.name}": finish that first')
    if answer != "ok":
        raise StoreRefused(f'"{lane.name}" is {answer}: no recipient can be added')
    store.run(note_active(lane.id))


def end_of_file(
    store: Store, lane: Lane, send_wake_up: SendWakeUp, plan_digest: str = "", file_sum: str = ""
) -> Lane:
    """Mark the file as loaded and start sending; returns the lane after that."""
    if not lane.loaded:
        canary = choose_canary(store, find_lane(store, lane.id))
        store.run(finish_loading(lane.id, plan_digest, file_sum, canary))
    lane = find_lane(store, lane.id)
    if lane.status in (
        LaneStatus.SENDING,
        LaneStatus.SCHEDULED,
    ):  # an idle sweep learns of its time
        call_workers(store, lane, send_wake_up)
    return lane
