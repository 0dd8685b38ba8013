"""Lanes: reading them, and moving them between their statuses."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from store.client import Call, Store, best_effort, command, script_call, text
from store.errors import NewerData, SeveralLanes, UnknownLane
from store.keys import LANES, MISSING, READY, lane_keys, lanes_called
from store.purposes import Purpose
from store.states import OPEN_STATES, PROVIDER_HAS_IT, State

MISSING_SECONDS = 7 * 86400
"""Seconds for which a missing lane is reported."""


class Priority(StrEnum):
    """Urgency of a lane; claims go to the most urgent first."""

    URGENT = "urgent"
    NORMAL = "normal"
    BULK = "bulk"

    @property
    def urgency(self) -> int:
        """0 is claimed first."""
        return list(Priority).index(self)


class LaneStatus(StrEnum):
    """Status of a lane."""

    DRAFT = "draft"  # recipients and options are kept, and can be changed
    LOADING = "loading"
    SCHEDULED = "scheduled"  # loaded; starts at its time
    SENDING = "sending"
    PAUSED = "paused"
    HALTED = "halted"  # Redis was restored from an older copy; an operator decides
    STOPPED = "stopped"  # by a failure, with a reason; jobs stay queued
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FINISHED = "finished"
    GONE = "gone"  # the lane does not exist

    @property
    def ended(self) -> bool:
        """True when the lane does not change by itself any more."""
        return self in (LaneStatus.CANCELLED, LaneStatus.FINISHED, LaneStatus.GONE)


class Canary(StrEnum):
    """State of the canary of a campaign: the part that goes first, before the rest is let go."""

    NONE = ""
    LOADING = "loading"  # not chosen yet
    SENDING = "sending"
    WATCHED = "watched"  # it has gone out; receipts and opt-outs are awaited
    FAILED = "failed"  # the campaign is paused
    PASSED = "passed"  # the rest was let go


SPREAD = -1
"""The rate of a campaign that goes evenly over what its tier lets it send in 24 hours."""
WARM_UP = "warm-up"
"""A canary in two parts, of `WARM_UP_PARTS` messages, for a template whose quality is not known to be
good."""
WARM_UP_PARTS = (500, 2000)
HELD_UNTIL_MS = 4_102_444_800_000
"""Due time of the retry batches of what waits for a canary: the year 2100 (store/lua/canary.lua)."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Properties of a lane; constant except for `status` and `reason`."""

    id: str
    name: str
    kind: str  # campaign | notifications
    sub_account: str
    priority: Priority
    status: LaneStatus
    reason: str  # of the stop, for people
    content: bytes  # compiled content of a campaign; empty for notifications
    on_unconfirmed: str  # hold | resend
    on_server_error: str  # retry | hold
    settle_after: float  # seconds
    next_index: int  # jobs accepted so far
    loaded: bool  # the recipient file has been read to its end
    offset: int  # bytes of the file that are loaded
    line: int
    row: int
    invalid_rows: int
    duplicates: int
    opened_at: int  # ms
    started_at: int  # ms; 0 = not yet
    finished_at: int  # ms; 0 = not yet
    rows_sum: str = ""  # of an upload: digest of the loaded rows
    excluded: int = 0  # rows of people whom the launch left out
    window: str = "send"  # auto | skip | send
    purpose: Purpose | None = None  # of a campaign, from its launch; None: not given
    send_at: int = 0  # ms since 1970 at which a campaign starts; 0: at once
    zone: str = ""  # in which that time was said
    rate: float = 0  # messages/s of a campaign; 0: that of its sub-account; or `SPREAD`
    weight: int = 1  # of a campaign beside others of its priority
    finish_by: int = 0  # ms since 1970 by which a campaign is to be finished; 0: no such time
    finish_zone: str = ""  # in which that time was said
    template: str = ""  # of a campaign, as in the registry; empty: none, or varying
    source: str = ""  # of a campaign: identifies its recipient file and how it is read
    keep: tuple[str, ...] = ()  # further columns of the file whose cells are kept with the values
    parent: str = ""  # id of the campaign that this one retries
    children: tuple[str, ...] = ()  # ids of the campaigns that retry this one, oldest first
    adding: str = ""  # identifies the file that is being, or was last, added
    draft: str = ""  # of a draft until it is loaded: its options and kept files, JSON
    revision: int = 0  # grows with each change
    touched_at: int = 0  # ms; when a draft was changed last
    canary: str = ""  # of a campaign, as asked for: `500`, `5%` or `WARM_UP`; empty: none
    canary_state: Canary = Canary.NONE
    canary_size: int = 0  # messages of it, once chosen
    canary_until: int = 0  # ms since 1970 until which it is watched
    local_start: str = ""  # a dumped `LocalStart`; empty: people get it at once
    zone_place: int = 0  # the value of its job lines that names the person's zone; 0: none does
    hours_revision: str = ""  # of the rules by which people wait; empty: none do

    @property
    def holds_back(self) -> bool:
        """True while the rest of the campaign, if there is one, waits for its canary."""
        state = self.canary_state
        all_go = state is not Canary.LOADING and self.canary_size >= self.next_index
        return state not in (Canary.NONE, Canary.PASSED) and not all_go

    @property
    def grows(self) -> bool:
        """True when its canary is the first of two parts."""
        return self.canary == WARM_UP and self.canary_size <= WARM_UP_PARTS[0]


@dataclass(frozen=True, slots=True)
class Policies:
    """Policies for messages in doubt and for closed service windows."""

    on_unconfirmed: str = "hold"
    on_server_error: str = "retry"
    settle_after: float = 0
    window: str = "auto"  # skip | send | auto: skip once people have written to the sub-account


def find_lane(
    store: Store, name_or_id: str, may_use: Callable[[str], bool] = lambda sub_account: True
) -> Lane:
    """Read a lane by its id, or a campaign by its name.

    A name belongs to a sub-account; ids take precedence, so that no campaign's name hides another lane.

    Args:
        may_use: filter of sub-accounts; lanes of others are treated as missing.

    Raises:
        UnknownLane: there is none.
        SeveralLanes: several sub-accounts have a campaign of this name.
    """
    lane = store.run(read_lane(name_or_id))
    called = store.run(command("HGETALL", lanes_called(name_or_id), parse=parse_fields))
    if lane is not None and may_use(lane.sub_account):
        return lane
    named = [store.run(read_lane(text(id))) for whose, id in called.items() if may_use(whose)]
    found = [lane for lane in named if lane is not None]
    if len(found) > 1:
        raise SeveralLanes(name_or_id, {lane.id: lane.sub_account for lane in found})
    if not found:
        raise UnknownLane(f"There is no campaign {name_or_id!r}; see `sendmany campaign list`.")
    return found[0]


def list_lanes(store: Store, *, newest: int = 100) -> list[Lane]:
    """The newest lanes, newest first."""
    found = [store.run(read_lane(lane)) for lane in store.run(newest_lanes(newest))]
    return [lane for lane in found if lane is not None]


def newest_lanes(most: int) -> Call[list[str]]:
    """Ids of the newest lanes, newest first; 0: of all."""
    return command("ZREVRANGE", LANES, 0, most - 1, parse=_texts)


def read_lane(lane: str) -> Call[Lane | None]:
    """All properties of a lane; None when there is no such lane."""
    return command("HGETALL", lane_keys(lane).meta, parse=lambda reply: parse_lane(lane, reply))


def read_status(lane: str) -> Call[LaneStatus]:
    return command(
        "HGET",
        lane_keys(lane).meta,
        "status",
        parse=lambda reply: LaneStatus(text(reply) or "gone"),
    )


def read_counts(lane: str) -> Call[dict[State, int]]:
    """Number of messages in each state."""
    return command("HGETALL", lane_keys(lane).counts, parse=parse_counts)


def read_revision(lane: str) -> Call[tuple[LaneStatus, int]]:
    return command(
        "HMGET", lane_keys(lane).meta, "status", "revision",
        parse=lambda reply: (LaneStatus(text(reply[0]) or "gone"), int(reply[1] or 0)),
    )  # fmt: skip


def read_sent(lane: str) -> Call[int]:
    """Number of messages of a lane that the provider has, or may have."""
    return command(
        "HMGET", lane_keys(lane).counts, *PROVIDER_HAS_IT, State.UNCONFIRMED, State.IN_DOUBT,
        parse=lambda reply: sum(int(n or 0) for n in reply),
    )  # fmt: skip


def note_missing(lane: str, sent: int) -> Call[None]:
    """Record that a lane is gone that a worker knew as unfinished.

    Args:
        sent: messages of it that were sent, as far as the worker knows.
    """
    return script_call("note_missing", (MISSING,), (lane, sent, MISSING_SECONDS), _nothing)


def missing_lanes() -> Call[dict[str, int]]:
    """Lanes that are gone although they had not ended, and how many of their messages were sent."""
    return command("HGETALL", MISSING, parse=_numbers)


def clear_missing(lane: str) -> Call[bool]:
    """Stop reporting a missing lane; False if it was not reported."""
    return command("HDEL", MISSING, lane, parse=bool)


def move_lane(
    lane: str, action: str, reason: str = "", *, known: int = 0
) -> Call[tuple[bool, LaneStatus]]:
    """Pause, resume, cancel, start, stop, close or halt a lane, or accept a halt; watch, pass or fail
    its canary.

    Args:
        known: for a halt, the revision that a worker has seen; accepting jumps over it. For `watch`, ms.

    Returns:
        True if it changed, and its present status.
    """
    keys = lane_keys(lane)
    return script_call(
        "move_lane", (keys.meta, keys.counts, keys.retries), (action, reason, known), _moved
    )


def grow_canary(lane: str, size: int, batches: Collection[str]) -> Call[bool]:
    """Let batches that wait for a watched canary go, as its next part. False: it is not watched.

    Args:
        size: messages of the canary with them.
    """
    keys = lane_keys(lane)
    return script_call("grow_canary", (keys.meta, keys.retries), (size, *batches), bool)


def schedule_lane(lane: str, send_at: int | None, zone: str) -> Call[tuple[str, LaneStatus]]:
    """Set, change or remove the time at which a campaign starts, until its first claim.

    Args:
        send_at: ms since 1970; None removes it and pauses the campaign.

    Returns:
        `ok`, `past`, `started`, or the status that stands in the way; and the present status.
    """
    words = ("" if send_at is None else send_at, zone, "its schedule was removed")
    return script_call(
        "schedule_lane",
        (lane_keys(lane).meta,),
        words,
        lambda reply: (text(reply[0]), LaneStatus(text(reply[1]))),
    )


def rate_out(rate: float) -> dict[str, Any]:
    """The members of a rate in JSON."""
    return {"rate": max(rate, 0), "spread": rate == SPREAD}


class Pace(NamedTuple):
    """The pace of a campaign: its rate, its weight beside others, and when it is to be finished."""

    rate: float  # messages/s; 0: that of its sub-account; or `SPREAD`
    weight: int
    finish_by: int = 0  # ms since 1970; 0: no such time
    zone: str = ""  # in which that time was said


def pace_lane(
    lane: str, rate: float | None, weight: int | None, finish_by: int | None = None, zone: str = ""
) -> Call[Pace | None]:
    """Change the pace of a campaign; None keeps a part. A rate takes `finish_by` away, and that a rate.

    Returns:
        The pace; None if there is no such campaign.
    """
    words = ["" if one is None else one for one in (rate, weight, finish_by)]
    return script_call(
        "pace_lane",
        (lane_keys(lane).meta,),
        (*words, zone),
        lambda reply: (
            Pace(float(reply[1]), int(reply[2]), int(reply[3]), text(reply[4]))
            if reply[0]
            else None
        ),
    )


def finish_loading(
    lane: str, plan_digest: str = "", file_sum: str = "", canary: int = 0
) -> Call[LaneStatus]:
    """Mark the recipient file as read to its end.

    Args:
        canary: messages of the canary, which are queued.
        plan_digest: identifies rows, message and options.
        file_sum: digest of all rows. Both are empty after an interrupted launch was continued.
    """
    keys, words = lane_keys(lane), (plan_digest, file_sum, canary)
    return script_call(
        "finish_loading",
        (keys.meta, keys.counts),
        words,
        lambda reply: LaneStatus(text(reply[0])),
    )


def link_child(parent: str, child: str, instead_of: str = "") -> Call[str]:
    """Link a retry with its campaign; one child at a time is loaded.

    Args:
        instead_of: the child that was loaded last, if its loading is over.

    Returns (when run):
        The child that may be loaded; empty if the parent is gone.
    """
    return script_call("link_child", (lane_keys(parent).meta,), (child, instead_of), text)


def reopen_lane(lane: str, source: str) -> Call[str]:
    """Allow people of a further file to be added to a loaded campaign.

    Args:
        source: identifies the file, and how it is read.

    Returns (when run):
        `ok`, or the obstacle: the status, or the name of the file that is being read.
    """
    return script_call("reopen_lane", (lane_keys(lane).meta,), (source,), text)


def announce(lane: str, priority: Priority) -> Call[None]:
    """Hint that the lane has something to claim."""
    return best_effort("ZADD", READY, priority.urgency, lane, parse=_nothing)


def still_open(counts: Mapping[State, int]) -> int:
    return sum(counts.get(state, 0) for state in OPEN_STATES)


def _moved(reply: Any) -> tuple[bool, LaneStatus]:
    return bool(reply[0]), LaneStatus(text(reply[1]))


def parse_lane(lane: str, reply: Any) -> Lane | None:
    """The lane in a reply of HGETALL; None for an empty one."""
    is_ = parse_fields(reply)
    if not is_:
        return None
    return Lane(
        id=lane,
        name=text(is_.get("name")),
        kind=text(is_.get("kind")),
        sub_account=text(is_.get("sub_account")),
        priority=Priority(text(is_.get("priority"))),
        status=LaneStatus(text(is_.get("status"))),
        reason=text(is_.get("reason")),
        content=is_.get("content", b""),
        on_unconfirmed=text(is_.get("on_unconfirmed")),
        on_server_error=text(is_.get("on_server_error")),
        settle_after=float(is_.get("settle_after", 0)),
        next_index=int(is_.get("next", 0)),
        loaded=is_.get("loaded") == b"1",
        offset=int(is_.get("offset", 0)),
        line=int(is_.get("line", 0)),
        row=int(is_.get("row", 0)),
        invalid_rows=int(is_.get("invalid_rows", 0)),
        duplicates=int(is_.get("duplicates", 0)),
        excluded=int(is_.get("excluded", 0)),
        opened_at=int(is_.get("opened_at", 0)),
        started_at=int(is_.get("started_at", 0)),
        finished_at=int(is_.get("finished_at", 0)),
        rows_sum=text(is_.get("rows_sum")),
        window=text(is_.get("window")) or "send",
        purpose=Purpose(word) if (word := text(is_.get("purpose"))) else None,
        template=text(is_.get("template")),
        send_at=int(is_.get("send_at") or 0),
        zone=text(is_.get("zone")),
        rate=float(is_.get("rate") or 0),
        weight=int(is_.get("weight") or 1),
        finish_by=int(is_.get("finish_by") or 0),
        finish_zone=text(is_.get("finish_zone")),
        source=text(is_.get("source")),
        keep=tuple(json.loads(is_.get("keep") or "[]")),
        parent=text(is_.get("parent")),
        children=tuple(json.loads(is_.get("children") or "[]")),
        adding=text(is_.get("adding")),
        draft=text(is_.get("draft")),
        revision=int(is_.get("revision", 0)),
        touched_at=int(is_.get("touched_at", 0)),
        canary=text(is_.get("canary")),
        canary_state=Canary(text(is_.get("canary_state"))),
        canary_size=int(is_.get("canary_size") or 0),
        canary_until=int(is_.get("canary_until") or 0),
        local_start=text(is_.get("local_start")),
        zone_place=int(is_.get("zone_place") or 0),
        hours_revision=text(is_.get("hours_revision")),
    )


def parse_fields(reply: Any) -> dict[str, bytes]:
    """The fields in a reply of HGETALL."""
    pairs = (
        reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=True)
    )
    return {text(field): value for field, value in pairs}


def parse_counts(reply: Any) -> dict[State, int]:
    """The counts in a reply of HGETALL, without the zeros."""
    return {
        state_of(field): int(value) for field, value in parse_fields(reply).items() if int(value)
    }


def state_of(word: str) -> State:
    """The state of this name; raises NewerData for one of another version."""
    try:
        return State(word)
    except ValueError:
        raise NewerData(
            f'The data in Redis name a state "{word}", which this version of sendmany does not know: '
            "use the version that wrote them, or another database or key_prefix."
        ) from None


def parse_numbers(reply: Any) -> dict[str, int]:
    """The numbers in a reply of HGETALL."""
    return {field: int(value) for field, value in parse_fields(reply).items()}


def _numbers(reply: Any) -> dict[str, int]:
    return {text(name): int(value) for name, value in dict(reply).items()}


def _texts(reply: Any) -> list[str]:
    return [text(item) for item in reply]


def _nothing(_: Any) -> None:
    return None
