"""The outcome stream of a sub-account: changes of messages and campaigns, for programs that follow them.

The scripts that change a state write one packed entry per batch into the outbox of the lane, in its own
slot (store/lua/changes.lua). A worker moves these entries into the stream of the sub-account, each of
them once. Nothing is written unless a reader wants the stream: then the meta of each lane says so, and
the scripts have read that anyway. A stream is kept for some days and a number of bytes; a reader whose
position is older is told that there is a gap.

    reader ──► want_outcomes ──► lanes: `outcomes` = 1
    settle_batch, apply_status_updates … ──► outbox of the lane ──► collect ──► stream ──► read_stream
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final, NamedTuple

from store.client import Argument, Call, Store, best_effort, command, first, script_call, text
from store.keys import LANES, OUTCOMES, lane_keys, outcome_stream
from store.lanes.lane import LaneStatus
from store.people.events import PersonEvent
from store.records.outcome import Origin
from store.reports.waiting import now_ms
from store.states import BY_MARK, State

WANTED_SECONDS: Final = 7 * 86400
"""Seconds after its last read for which a stream is still written."""
RENEWED_SECONDS: Final = 3600
AT_ONCE: Final = 50
"""Entries of an outbox that one call moves."""
CURSOR: Final = r"^[0-9]{1,15}-[0-9]{1,10}(\.[0-9]{1,6})?$"
DAY_MS: Final = 86_400_000
_PEOPLE: Final = "people:"
"""Begin of the name of a shard of people among the lanes of a stream; no id of a lane has a colon."""
_CHANGE: Final = Struct(">cBHII")
_RUN: Final = Struct(">H")
_HALF: Final = 16
STATUS_EVENTS: Final = {
    LaneStatus.FINISHED: "campaign.finished",
    LaneStatus.CANCELLED: "campaign.cancelled",
    LaneStatus.PAUSED: "campaign.paused",
    LaneStatus.HALTED: "campaign.halted",
    LaneStatus.STOPPED: "campaign.halted",
}


class Change(NamedTuple):
    """A new state of one message."""

    place: int  # its index
    state: State
    origin: Origin
    code: int
    at: int  # s since 1970


class Position(NamedTuple):
    """A position in a stream: behind so many changes of an entry."""

    entry: str
    read: int = -1  # changes of it that were read; -1: all

    @classmethod
    def parse(cls, cursor: str) -> "Position":
        """The position of a cursor, which fits `CURSOR`."""
        entry, _, n = cursor.partition(".")
        return cls(entry, int(n) if n else -1)

    def __str__(self) -> str:
        return self.entry if self.read < 0 else f"{self.entry}.{self.read}"

    @property
    def order(self) -> tuple[int, int]:
        """The id as numbers."""
        ms, _, seq = self.entry.partition("-")
        return int(ms), int(seq or 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a stream: changes of a lane, or an event."""

    id: str
    lane: str  # empty: an event of no lane
    packed: bytes = b""
    event: Mapping[str, Any] | None = None  # its `type`, and what belongs to it
    of_person: tuple[str, int, str] | None = None  # scope, shard, id of the event


@dataclass(frozen=True, slots=True)
class Read:
    """Entries behind a position."""

    entries: Sequence[Entry]
    gap: bool  # entries behind the position are no longer kept


def unpack_changes(blob: bytes) -> Iterator[Change]:
    """The changes in one entry."""
    at = 0
    while at < len(blob):
        mark, origin, code, changed_at, index = _CHANGE.unpack_from(blob, at)
        at, n = at + _CHANGE.size, 1
        if mark.isupper():
            (n,) = _RUN.unpack_from(blob, at)
            at += _RUN.size
        state = BY_MARK[mark.decode().lower()].state
        shown = State.QUEUED if state is State.TRIED else state  # sent again by an operator
        for place in range(index, index + n):
            yield Change(place, shown, Origin(origin % _HALF), code, changed_at)


def wanted_until(sub_account: str) -> Call[int]:
    """The time until which a stream is written, ms since 1970; 0: it is not."""
    return command(
        "ZSCORE", OUTCOMES, sub_account, parse=lambda reply: int(float(text(reply) or 0))
    )


def all_wanted() -> Call[dict[str, int]]:
    """The sub-accounts whose streams are written, and until when."""

    def parse(reply: Any) -> dict[str, int]:
        pairs = reply if reply and isinstance(reply[0], (list, tuple)) else _pairs(reply)
        return {text(name): int(float(score)) for name, score in pairs}

    return command("ZRANGE", OUTCOMES, 0, -1, "WITHSCORES", parse=parse)


def renewal(sub_account: str, now: int, seconds: int = WANTED_SECONDS) -> list[Call[None]]:
    """Let a stream be written for so long, at least; `now` is Redis' clock, ms."""
    _, figures, _ = outcome_stream(sub_account)
    until = now + seconds * 1000
    return [
        best_effort("HSETNX", figures, "gone", f"{now}-0", parse=_nothing),
        best_effort("ZADD", OUTCOMES, "GT", until, sub_account, parse=_nothing),
    ]


def want_outcomes(store: Store, sub_account: str, seconds: int = WANTED_SECONDS) -> None:
    """Have changes of all lanes of a sub-account written from now on. The first call takes a moment for
    each lane; later ones renew it."""
    now, until = store.run(now_ms()), store.run(wanted_until(sub_account))
    if until > now + (seconds - RENEWED_SECONDS) * 1000:
        return
    for call in renewal(sub_account, now, seconds):
        store.run(call)
    if until:
        return
    for lane in store.run(listed_lanes()):
        facts = store.run(read_facts(lane))
        if facts.sub_account == sub_account:
            store.run(follow_lane(lane, wanted=True))
            store.run(collect(facts, (), keep_ms=seconds * 1000, most_bytes=1 << 40, event=""))


def listed_lanes() -> Call[list[str]]:
    """Ids of all lanes."""
    return command("ZRANGE", LANES, 0, -1, parse=lambda reply: [text(lane) for lane in reply])


def follow_lane(lane: str, *, wanted: bool) -> Call[bool]:
    """Have the changes of a lane written, or not any more; False if there is no such lane."""
    keys = lane_keys(lane)
    return script_call("follow_lane", (keys.meta, keys.outbox), ("1" if wanted else "",), bool)


@dataclass(frozen=True, slots=True)
class LaneFacts:
    """The properties of a lane that the stream needs."""

    lane: str
    sub_account: str  # empty: there is no such lane
    status: LaneStatus
    followed: bool
    kind: str
    name: str
    reason: str

    @property
    def event(self) -> str:
        """The event of its present status; empty for none."""
        kind = STATUS_EVENTS.get(self.status) if self.kind == "campaign" else None
        if kind is None:
            return ""
        told = {"type": kind, "lane": self.lane, "campaign": self.name, "reason": self.reason}
        return json.dumps(told, ensure_ascii=False)


def read_facts(lane: str) -> Call[LaneFacts]:
    """Read what the stream needs of a lane."""

    def parse(reply: Any) -> LaneFacts:
        sub_account, status, followed, kind, name, reason = map(text, reply)
        status_ = LaneStatus(status or "gone")
        return LaneFacts(lane, sub_account, status_, followed == "1", kind, name, reason)

    fields = ("sub_account", "status", "outcomes", "kind", "name", "reason")
    return command("HMGET", lane_keys(lane).meta, *fields, parse=parse)


def outbox_size(lane: str) -> Call[int]:
    """Entries in the outbox of a lane."""
    return command("XLEN", lane_keys(lane).outbox, parse=int)


def read_outbox(lane: str) -> Call[list[tuple[str, bytes]]]:
    """The oldest entries of an outbox: id and changes."""
    return command(
        "XRANGE", lane_keys(lane).outbox, "-", "+", "COUNT", AT_ONCE,
        parse=lambda reply: [(text(id), _fields(fields)["c"]) for id, fields in reply],
    )  # fmt: skip


def collect(
    facts: LaneFacts,
    entries: Sequence[tuple[str, bytes]],
    *,
    keep_ms: int,
    most_bytes: int,
    event: str | None = None,
) -> Call[int]:
    """Move entries of an outbox into the stream, and tell of a new status. A repeat does nothing.

    Args:
        event: told if the status is new; empty: only the status is noted; None: neither.
    """
    status = "" if event is None else facts.status
    words: list[Argument] = [keep_ms, most_bytes, facts.lane, status, event or ""]
    moved = _append(facts.sub_account, words, entries)
    if not entries:
        return moved
    ids = [id for id, _ in entries]
    outbox = lane_keys(facts.lane).outbox
    return first(moved, lambda n: command("XDEL", outbox, *ids, parse=lambda _: n))


def collect_person_events(
    sub_account: str, scope: str, shard: int, events: Sequence[PersonEvent], keep_ms: int,
    most_bytes: int,
) -> Call[int]:  # fmt: skip
    """Append references to events of people. A repeat does nothing."""
    words: list[Argument] = [keep_ms, most_bytes, _source(scope, shard), "", ""]
    return _append(sub_account, words, [(one.id, one.reference) for one in events])


def last_person_event(sub_account: str, scope: str, shard: int) -> Call[str]:
    """Id of the newest reference; if there is none, the last one before the millisecond in which the
    stream begins."""
    _, figures, lanes = outcome_stream(sub_account)

    def before(gone: Any) -> str:
        ms = int(text(gone).partition("-")[0] or 0)
        return f"{ms - 1}-{(1 << 64) - 1}" if ms else "0-0"

    begin = command("HGET", figures, "gone", parse=before)
    last = command("HGET", lanes, _source(scope, shard), parse=text)
    return first(last, lambda found: found.partition(" ")[0] or begin)


def tell(
    sub_account: str, event: Mapping[str, Any], *, keep_days: float, most_bytes: int
) -> Call[int]:
    """Append an event of no lane. A repeat appends it again."""
    words = (int(keep_days * DAY_MS), most_bytes, "", "", json.dumps(event, ensure_ascii=False))
    return _append(sub_account, words, ())


def _append(
    sub_account: str, words: Sequence[Argument], entries: Sequence[tuple[str, bytes]]
) -> Call[int]:
    args = [*words, *(word for entry in entries for word in entry)]
    return script_call("collect_outcomes", outcome_stream(sub_account), args, int)


def forget_stream(sub_account: str, now: int) -> list[Call[None]]:
    """Remove a stream that is not wanted any more."""
    removed = [command("UNLINK", key, parse=_nothing) for key in outcome_stream(sub_account)]
    return [*removed, command("ZREMRANGEBYSCORE", OUTCOMES, "-inf", now, parse=_nothing)]


def read_stream(sub_account: str, after: Position, most: int) -> Call[Read]:
    """Read at most so many entries behind a position; the first may be one that was read in part."""
    stream, figures, _ = outcome_stream(sub_account)
    begin = f"({after.entry}" if after.read < 0 else after.entry

    def then(reply: Any) -> Call[Read]:
        entries = [_entry(id, fields) for id, fields in reply]

        def judge(reply: Any) -> Read:
            # Without figures the stream was removed: its readers had not come for too long.
            gone = Position(text(reply)).order if reply else (1 << 63, 0)
            gap = gone > after.order or (after.read >= 0 and gone == after.order)
            return Read(() if gap else entries, gap)

        return command("HGET", figures, "gone", parse=judge)

    read = command("XRANGE", stream, begin, "+", "COUNT", most, parse=lambda reply: reply)
    return first(read, then)


def begin_of_stream(sub_account: str) -> Call[Position]:
    """The position before the oldest entry that is kept."""
    _, figures, _ = outcome_stream(sub_account)
    return command("HGET", figures, "gone", parse=lambda reply: Position(text(reply) or "0-0"))


def end_of_stream(sub_account: str) -> Call[Position]:
    """The position behind the newest entry."""
    stream, _, _ = outcome_stream(sub_account)

    def parse(reply: Any) -> Call[Position] | Position:
        if reply:
            return Position(text(reply[0][0]))
        return begin_of_stream(sub_account)

    newest = command("XREVRANGE", stream, "+", "-", "COUNT", 1, parse=lambda reply: reply)
    return first(newest, parse)


def _entry(id: bytes, fields: Any) -> Entry:
    named = _fields(fields)
    if "e" in named:
        return Entry(text(id), text(named["e"]), event=json.loads(named["v"]))
    lane, value = text(named["l"]), named["v"]
    if lane.startswith(_PEOPLE):
        scope, _, shard = lane.removeprefix(_PEOPLE).rpartition(":")
        type_, _, event = text(value).partition(" ")
        return Entry(text(id), "", event={"type": type_}, of_person=(scope, int(shard), event))
    return Entry(text(id), lane, value)


def _source(scope: str, shard: int) -> str:
    return f"{_PEOPLE}{scope}:{shard}"


def _fields(fields: Any) -> dict[str, bytes]:
    pairs = fields.items() if isinstance(fields, Mapping) else _pairs(fields)
    return {text(name): value for name, value in pairs}


def _pairs(flat: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)


def _nothing(_: Any) -> None:
    return None
