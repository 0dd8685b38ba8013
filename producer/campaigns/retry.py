"""Retries a campaign: the same message and values again, for messages that ended in some states.

A retry is a campaign of its own. It is loaded like a file, a thousand messages of the earlier campaign
at a time, so that an interrupted one can continue. People in another retry of the campaign are left out.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from chatapps.rendering.compiled import CompiledContent
from producer.campaigns.add import packer_for
from producer.campaigns.agreement import RowsSum
from producer.campaigns.deduplication import SeenRecipients, read_seen
from producer.campaigns.launch import options_of
from producer.campaigns.load import Loaded, add_chunks, end_of_file
from producer.campaigns.message_file import LONGEST_NAME, RULE, is_name
from producer.errors import InputError
from producer.files.csv_reader import Position
from producer.files.recipient_file import RecipientFile
from producer.files.rows import CHUNK_ROWS, Chunk
from producer.wake import SendWakeUp, call_workers
from store.batched import by_hundred
from store.client import Store, command_of_keys
from store.errors import StoreRefused
from store.keys import OUTCOMES_PER_KEY, LaneKeys, lane_keys
from store.lanes.lane import Lane, Policies, find_lane, link_child, read_lane
from store.lanes.open import CampaignPlan, open_campaign
from store.people.recipients import have_values, read_values
from store.queue.dead_letters import Word, settle_dead_letters
from store.records.outcome import Ended, code_name, code_written, read_ended
from store.reports.lane_report import long_ids
from store.reports.messages import list_dead_letters
from store.reports.waiting import now_ms
from store.states import BY_STATE, PROVIDER_HAS_IT, RECORD_STATES, State

USUAL: Final = (State.UNDELIVERED, State.FAILED, State.REJECTED)
"""States of messages that are retried by default."""
NOT_READ_FOR: Final = "48h"
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_GOT: Final = frozenset(PROVIDER_HAS_IT) - {State.UNDELIVERED} | {State.UNCONFIRMED}
"""States in which a person has received the message, or may have."""
_THOUSANDS: Final = 20
"""Of messages, whose records are read in one round trip: 800 KB."""
_NO_VALUES: Final = (
    "the values of {:,} of these messages are not kept (keep_values): give the file that the campaign "
    "was launched with, with --recipients"
)
_OTHER_FILE: Final = "{} is not the file that {!r} was launched with, byte by byte"


@dataclass(frozen=True, slots=True)
class Selection:
    """Messages by state, code and age."""

    states: tuple[State, ...] = USUAL
    codes: tuple[str, ...] = ()  # `receipt:1024`; empty: any code
    older: int = 0  # s since they reached that state

    @property
    def key(self) -> str:
        """Identifies the selection."""
        return f"{','.join(self.states)} {','.join(self.codes)} {self.older}"

    def takes(self, record: Ended, now: int) -> bool:
        """True when the selection includes a message in one of the states; `now` in s."""
        coded = not self.codes or code_name(record.origin, record.code) in self.codes
        return coded and record.changed_at <= now - self.older


def selection(
    states: Sequence[str] = (),
    codes: Sequence[str] = (),
    older: str = "",
    *,
    not_read: bool = False,
) -> Selection:
    """Parse a selection as people write it: `receipt.1024`, `48h`.

    Args:
        not_read: people who have received the message and have not read it for `older`, else
            `NOT_READ_FOR`.

    Raises:
        InputError: there is no such state, code or time, or they contradict each other.
    """
    known = [state for state in State if state in BY_STATE and BY_STATE[state].counted]
    if wrong := [one for one in states if one not in known]:
        raise InputError(f'"{wrong[0]}" is no state to select: give {", ".join(known)}')
    try:
        named = tuple(map(code_written, codes))
    except ValueError as error:
        raise InputError(str(error)) from error
    if not_read and (set(states) - {State.DELIVERED} or codes):
        raise InputError("not read goes with the state delivered alone: leave state and code out")
    found = tuple(dict.fromkeys(map(State, states))) or ((State.DELIVERED,) if not_read else USUAL)
    age = re.fullmatch(r"(\d{1,6})([smhd])", older or (NOT_READ_FOR if not_read else "0s"))
    if age is None:
        raise InputError(f'"{older}" is no age: write a number and s, m, h or d, such as 48h')
    if State.UNCONFIRMED in found and (codes or int(age[1])):
        raise InputError(
            "unconfirmed messages are sent again all together: leave code and older out"
        )
    return Selection(found, named, int(age[1]) * _UNITS[age[2]])


@dataclass(frozen=True, slots=True)
class Retry:
    """A counted retry; nothing is stored yet."""

    parent: Lane
    selection: Selection
    name: str
    child: str  # id of the interrupted retry with this name; empty for none
    people: int  # recipients of the retry, if nothing changes meanwhile
    may_have_arrived: int  # of those, who have received the message, or may have
    retried_before: int  # left out: they are in another retry
    forgotten: int  # left out: forgotten people
    values: dict[bytes, bytes] | None = None  # from a file, by recipient; None: the kept values
    start: int = 0  # ms since 1970; 0: at once

    def figures(self) -> dict[str, object]:
        """The counts as JSON."""
        return {
            "name": self.name,
            "parent": self.parent.id,
            "people": self.people,
            "may_have_arrived": self.may_have_arrived,
            "retried_before": self.retried_before,
            "forgotten": self.forgotten,
        }


def look_at_retry(
    store: Store,
    parent: Lane,
    selected: Selection,
    name: str = "",
    recipients: Path | None = None,
    start: int = 0,
) -> Retry:
    """Count the recipients of a retry.

    Args:
        name: of the new campaign; empty: that of an interrupted retry, else derived from the earlier
            one.
        recipients: the file of the earlier launch, if its values are not kept.
        start: of the new campaign, ms since 1970; 0: at once.

    Raises:
        InputError: there are no recipients, values are missing, or it is another file.
    """
    if parent.kind != "campaign":
        return _failed_singles(store, parent, selected)
    name, child = name or _usual_name(store, parent), ""
    if not is_name(name):
        raise InputError(RULE)
    for one in map(store.run, map(read_lane, parent.children)):
        if one is not None and one.name == name:
            child = one.id
    found = _Found(store, parent, selected, _others(store, parent, child))
    needed = _needs_values(parent) and recipients is None
    people = got = 0
    sizes: dict[int, int] = {}  # by thousand
    wanted: set[bytes] = set()
    for thousand, messages in found.thousands():
        people += len(messages)
        got += sum(one.got for one in messages)
        sizes[thousand] = len(messages)
        if recipients is not None:
            wanted.update(one.recipient for one in messages)
    if needed and (bare := _without_values(store, parent, sizes)):
        raise InputError(_NO_VALUES.format(bare))
    values = None if recipients is None else _values_in(recipients, parent, wanted)
    if values is not None and len(values) < len(wanted):
        raise InputError(
            f"{recipients} does not hold {len(wanted) - len(values):,} of them: they were added later"
        )
    return Retry(
        parent,
        selected,
        name,
        child,
        people,
        got,
        found.retried_before,
        found.forgotten,
        values,
        start,
    )


def run_retry(
    store: Store,
    retry: Retry,
    send_wake_up: SendWakeUp,
    on_progress: Callable[[Loaded], None] = lambda _: None,
) -> Lane:
    """Store the campaign that sends again, and wake the workers. An interrupted one continues.

    Raises:
        InputError: there are no recipients.
        LaneMismatch: the name belongs to another campaign.
        StoreRefused: another retry of the same campaign is being loaded.
        StoreUnavailable, StoreFull: repeat it; no recipient is added twice.
    """
    parent = retry.parent
    if parent.kind != "campaign":
        said = settle_dead_letters(store, parent, Word.RESEND, (State.FAILED,))
        if said.refused:
            raise StoreRefused(f'"{parent.id}" is {said.status}: nothing of it is sent again')
        call_workers(store, parent, send_wake_up)
        return parent
    if not retry.people and not retry.child:
        raise InputError(f'no message of "{parent.name}" is to be sent again: nothing was stored')
    child, _ = open_campaign(store, _plan(retry))
    _take_turn(store, parent, child)
    lane = find_lane(store, child)
    if not lane.loaded:
        found = _Found(store, parent, retry.selection, _others(store, parent, child))
        for at in add_chunks(store, lane, _chunks(found, retry, lane.offset), lambda _: None):
            on_progress(at)
        if State.UNCONFIRMED in retry.selection.states:  # else they could be resent there, too
            settle_dead_letters(store, parent, Word.CLOSE, (State.UNCONFIRMED,))
    return end_of_file(store, lane, send_wake_up)


def kept_rows(store: Store, lane: Lane) -> Iterator[list[bytes]]:
    """All recipients of a campaign that has ended as job lines, a thousand at a time; raises InputError
    when their values are not kept."""
    everyone = Selection(tuple(row.state for row in RECORD_STATES if row.counted))
    found = _Found(store, lane, everyone, None)
    for chunk in _chunks(found, Retry(lane, everyone, "", "", 0, 0, 0, 0), 0):
        yield chunk.lines


def _failed_singles(store: Store, lane: Lane, selected: Selection) -> Retry:
    """The failed messages of a lane of single messages; their jobs are kept, and resent in that lane."""
    if selected not in (Selection(), Selection((State.FAILED,))):
        raise InputError(
            "of a lane of single messages those that failed can be sent again, no others"
        )
    failed = [one.record for one in list_dead_letters(store, lane.id, (State.FAILED,))]
    doubts = sum(record is not None and record.other_attempt for record in failed)
    return Retry(lane, selected, lane.name, lane.id, len(failed), doubts, 0, 0)


def _usual_name(store: Store, parent: Lane) -> str:
    children = [one for one in map(store.run, map(read_lane, parent.children)) if one is not None]
    if children and not children[-1].loaded:
        return children[-1].name
    ending = f" (retry {len(parent.children) + 1})"
    return parent.name[: LONGEST_NAME - len(ending)].rstrip() + ending


def _plan(retry: Retry) -> CampaignPlan:
    parent = retry.parent
    return CampaignPlan(
        name=retry.name,
        sub_account=parent.sub_account,
        content=parent.content,
        content_digest=sha256(parent.content).hexdigest(),
        source=f"retry:{parent.id}:{retry.selection.key}",
        priority=parent.priority,
        policies=Policies(
            parent.on_unconfirmed, parent.on_server_error, parent.settle_after, parent.window
        ),
        purpose=parent.purpose,
        template=parent.template,
        keep=parent.keep,
        parent=parent.id,
        zone_place=parent.zone_place,
        send_at=retry.start,
        zone="UTC" if retry.start else "",
    )


def _take_turn(store: Store, parent: Lane, child: str) -> None:
    """Wait for other retries of the campaign: one is loaded at a time, and the next one leaves out its
    recipients."""
    turn = store.run(link_child(parent.id, child))
    if turn not in (child, ""):
        other = store.run(read_lane(turn))
        if other is not None and not other.loaded:
            raise StoreRefused(
                f'"{other.name}" retries "{parent.name}", too, and is not loaded to its end: '
                f'run it again with --as "{other.name}", or cancel it'
            )
        turn = store.run(link_child(parent.id, child, turn))
    if turn != child:
        raise StoreRefused(f'"{parent.name}" is gone, or another retry of it has just begun')


def _others(store: Store, parent: Lane, child: str) -> SeenRecipients | None:
    """Recipients of other retries; None without any."""
    seen: SeenRecipients | None = None
    for one in find_lane(store, parent.id).children:
        lane = store.run(read_lane(one)) if one != child else None
        if lane is not None:
            seen = read_seen(store, lane, seen)
    return seen


def _without_values(store: Store, parent: Lane, sizes: Mapping[int, int]) -> int:
    """Messages of thousands whose values are not kept.

    Args:
        sizes: messages by thousand.
    """
    return sum(
        sizes[one]
        for part in by_hundred([*sizes])
        if store.run(have_values(parent.id, part)) < len(part)
        for one in part
        if not store.run(have_values(parent.id, [one]))
    )


def _needs_values(parent: Lane) -> bool:
    return bool(CompiledContent.load(parent.content).columns)


class _Message(NamedTuple):
    place: int  # its index
    recipient: bytes
    got: bool  # the person has received it, or may have


@dataclass(slots=True)
class _Found:
    """The selected messages of a campaign."""

    store: Store
    parent: Lane
    selected: Selection
    others: SeenRecipients | None
    retried_before: int = 0
    forgotten: int = 0
    now: int = field(init=False)

    def __post_init__(self) -> None:
        self.now = self.store.run(now_ms()) // 1000

    def thousands(self, first: int = 0) -> Iterator[tuple[int, list[_Message]]]:
        """The selected messages of each thousand that has some."""
        keys, takes = lane_keys(self.parent.id), self.selected.takes
        marks = "".join(BY_STATE[state].mark for state in self.selected.states).encode()
        for thousand, blob in self._blobs(keys, first):
            start = thousand * OUTCOMES_PER_KEY
            records = [one for one in read_ended(blob, start, marks) if takes(one, self.now)]
            if not all(one.number for one in records):
                names = long_ids(self.store, self.parent.id, start)
                named = [one._replace(number=names.get(one.place, "").encode()) for one in records]
                records = [
                    old if old.number else new for old, new in zip(records, named, strict=True)
                ]
            if messages := self._wanted(records):
                yield thousand, messages

    def _blobs(self, keys: LaneKeys, first: int) -> Iterator[tuple[int, bytes]]:
        """The records of each thousand, some in a round trip."""
        thousands = range(first, -(-self.parent.next_index // OUTCOMES_PER_KEY))
        for at in range(0, len(thousands), _THOUSANDS):
            part = thousands[at : at + _THOUSANDS]
            names = [f"{keys.outcomes}{one}" for one in part]
            blobs: list[bytes | None] = self.store.run(command_of_keys("MGET", names, list))
            yield from ((one, blob or b"") for one, blob in zip(part, blobs, strict=True))

    def _wanted(self, records: list[Ended]) -> list[_Message]:
        """Without recipients of other retries and forgotten people."""
        known = [one for one in records if one.number]
        self.forgotten += len(records) - len(known)
        if self.others is not None:
            fresh = set(self.others.drop_duplicates([one.number for one in known]))
            self.retried_before += len(known) - len(fresh)
            known = [one for one in known if one.number in fresh]
        got = "".join(BY_STATE[state].mark for state in _GOT).encode()
        return [
            _Message(one.place, one.number, one.other_attempt or one.mark in got) for one in known
        ]


def _chunks(found: _Found, retry: Retry, first: int) -> Iterator[Chunk]:
    """The recipients as rows, whole thousands to a chunk; the position in the file is the thousand."""
    parent, file, end = retry.parent, retry.values, Position(first, first, 0)
    gathered: list[bytes] = []
    needed, empty = _needs_values(parent), b"\t" * max(0, len(parent.keep) - 1)
    lines: list[bytes]
    for thousand, messages in found.thousands(first):
        if not needed and not parent.keep:
            lines = [one.recipient for one in messages]
        else:
            if file is None:
                kept = found.store.run(read_values(parent.id, thousand))
                values = [kept.get(one.place) for one in messages]
            else:
                values = [file.get(one.recipient) for one in messages]
            if needed and None in values:  # they have expired since the count
                raise InputError(_NO_VALUES.format(values.count(None)))
            pairs = zip(messages, values, strict=True)
            lines = [
                b"%b\t%b" % (one.recipient, empty if text is None else text) for one, text in pairs
            ]
        if gathered and len(gathered) + len(lines) > CHUNK_ROWS:
            yield Chunk(gathered, [], end)
            gathered = []
        gathered += lines
        end = Position(thousand + 1, thousand + 1, end.row + len(lines))
    if gathered:
        yield Chunk(gathered, [], end)


def _values_in(path: Path, parent: Lane, wanted: set[bytes]) -> dict[bytes, bytes]:
    """The values of some people in the file that a campaign was launched with; raises InputError."""
    uploaded = parent.source.startswith("upload:")
    file = RecipientFile.open(path, options_of(parent))
    packer, sum_ = packer_for(parent, file), RowsSum()
    if not uploaded and not parent.source.startswith(file.text.digest):
        raise InputError(_OTHER_FILE.format(path, parent.name))
    values: dict[bytes, bytes] = {}
    for part in file.chunks(packer):
        sum_.add(part)
        for recipient, _, rest in (line.partition(b"\t") for line in part.lines):
            if recipient in wanted:
                values.setdefault(recipient, rest)
    if uploaded and sum_.value != parent.rows_sum:
        raise InputError(_OTHER_FILE.format(path, parent.name))
    return values
