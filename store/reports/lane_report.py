"""Reports of lanes for dashboards, the command line and exports. Only reads."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from store.client import Call, Store, command, script_call, text
from store.errors import UnknownLane
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.lanes.held_jobs import STATES, held_values
from store.lanes.lane import (
    Lane,
    parse_counts,
    parse_lane,
    parse_numbers,
    read_lane,
    state_of,
    still_open,
)
from store.people.recipients import number_of
from store.records.job_section import Job, unpack
from store.records.outcome import (
    RECORD_BYTES,
    Doubt,
    Feedback,
    Outcome,
    people_in_doubt,
    read_record,
    read_records,
)
from store.reports.tags import LaneTags
from store.states import FUNNEL, Stage, State

PACE_GAP_MS = 10_000
"""Without an ended message for so long the rate is unknown (store/lua/pace.lua)."""
PACE_LEAST_MS = 1_000
"""A shorter window gives no rate of its own."""


@dataclass(frozen=True, slots=True)
class LaneReport:
    """A lane and its figures at one moment."""

    lane: Lane
    counts: dict[State, int]
    codes: dict[str, int]  # 'state:origin:code' → messages
    stats: dict[
        str, int
    ]  # requests, posted, retried, retried:<origin>:<code>, doubt:<state>, Feedback
    window: dict[str, int] = field(default_factory=dict)  # input of `pace`

    def stage(self, stage: Stage) -> int:
        """Messages in a stage of the funnel."""
        return sum(self.counts.get(state, 0) for state in FUNNEL[stage])

    @property
    def sent(self) -> int:
        """Messages that the provider accepted."""
        return self.stage(Stage.SENT)

    def people(self, feedback: Feedback) -> int:
        """People who replied to it, or opted out."""
        return self.stats.get(feedback.name.lower(), 0)

    @property
    def open(self) -> int:
        """Messages that are not finished."""
        return still_open(self.counts)

    @property
    def done(self) -> int:
        """Messages that are finished."""
        return sum(self.counts.values()) - self.open

    @property
    def retries(self) -> dict[str, int]:
        """Reasons of retries, `origin:code` → number; their sum is `retried`."""
        return _under("retried:", self.stats)

    @property
    def doubts(self) -> dict[State, int]:
        """Messages with another attempt that may have arrived, by state."""
        return {state_of(state): n for state, n in _under("doubt:", self.stats).items()}

    @property
    def in_doubt(self) -> dict[Doubt, int]:
        """Number of people who may have received more than the states of their messages say. Waiting
        messages are left out: their state covers a pending answer."""
        return people_in_doubt(self.counts, self.doubts)

    def pace(self, now_ms: int) -> float | None:
        """Messages that end per second, recently; None if none has ended in the last seconds, or too
        few.

        Args:
            now_ms: Redis' clock.
        """
        last = self.window.get("pace_last", 0)
        if now_ms - last > PACE_GAP_MS:
            return None
        lasted, n = last - self.window["pace_from"], self.window["pace_n"]
        if lasted >= PACE_LEAST_MS and n:
            return n * 1000 / lasted
        return self.window["pace"] / 1000 if "pace" in self.window else None

    @property
    def requests(self) -> int:
        """Requests made to the provider."""
        return self.stats.get("requests", 0)

    @property
    def mean_batch(self) -> float:
        """Messages per request, on average."""
        return self.stats.get("posted", 0) / self.requests if self.requests else 0.0

    @property
    def balanced(self) -> bool:
        """True when the states add up to the accepted jobs."""
        return sum(self.counts.values()) == self.lane.next_index


def _under(prefix: str, figures: dict[str, int]) -> dict[str, int]:
    return {name.removeprefix(prefix): n for name, n in figures.items() if name.startswith(prefix)}


def report(store: Store, lane_id: str) -> LaneReport:
    """Read a lane and its figures.

    Raises:
        UnknownLane: there is no such lane.
    """
    found = store.run(read_lane_report(lane_id))
    if found is None:
        raise UnknownLane(f"There is no lane {lane_id!r}.")
    return found


def read_lane_report(lane_id: str) -> Call[LaneReport | None]:
    """A lane and its figures, read at one moment; None when there is no such lane."""
    keys = lane_keys(lane_id)
    return script_call(
        "read_lane_report",
        (keys.meta, keys.counts, keys.codes, keys.stats),
        (),
        lambda reply: _report(lane_id, reply),
    )


def outcomes(store: Store, lane_id: str) -> Iterator[Outcome]:
    """Every message of a lane that has a record, by index, a thousand at a time."""
    keys = lane_keys(lane_id)
    report_ = store.run(read_lane(lane_id))
    for first in range(0, report_.next_index if report_ else 0, OUTCOMES_PER_KEY):
        blob = store.run(command("GET", keys.outcome(first), parse=_blob))
        yield from read_records(blob, first)


def long_ids(store: Store, lane_id: str, index: int) -> dict[int, str]:
    """Recipients that are not numbers, among the thousand messages around this index."""
    words = store.run(command("HGETALL", lane_keys(lane_id).long_ids(index), parse=_flat))
    return {int(field): text(value) for field, value in zip(words[::2], words[1::2], strict=True)}


def waiting_jobs(store: Store, lane_id: str) -> Iterator[tuple[State, Job]]:
    """Every existing job with its state. Not atomic: the lane may change meanwhile."""
    for held in held_values(store, lane_id):
        yield from ((STATES[held.place], job) for job in unpack(held.value))


@dataclass(frozen=True, slots=True)
class MessageReport:
    """One message: its record and its earlier attempts."""

    lane: Lane
    index: int
    outcome: Outcome | None  # None: never tried
    recipient: str  # digits without +, or a channel user id; empty while a notification waits
    attempt_log: tuple[str, ...]  # '<attempt> <origin> <code> <time> <batch>'
    tag: str  # kind of a single message; empty for none


def message_report(store: Store, message_id: str) -> MessageReport:
    """Read one message.

    Args:
        message_id: `<lane>.<index>`, with or without the attempt.

    Raises:
        UnknownLane: there is no such lane or message.
    """
    lane_id, _, rest = message_id.partition(".")
    position = rest.split(".")[0]
    lane = store.run(read_lane(lane_id))
    if lane is None or not position.isdecimal() or int(position) >= lane.next_index:
        raise UnknownLane(f"There is no message {message_id!r}.")
    index, keys = int(position), lane_keys(lane_id)
    start = index % OUTCOMES_PER_KEY * RECORD_BYTES
    record = store.run(
        command("GETRANGE", keys.outcome(index), start, start + RECORD_BYTES - 1, parse=_blob)
    )
    outcome = read_record(record, index)
    recipient = outcome.number if outcome else store.run(number_of(lane_id, index))
    if not recipient:
        recipient = long_ids(store, lane_id, index).get(index, "")
    log, tag = _attempts(store, keys.attempt_log(index), index), ""
    if lane.kind != "campaign":
        tag = LaneTags(store, lane_id).of(index)
    return MessageReport(lane, index, outcome, recipient, log, tag)


def _report(lane_id: str, reply: Any) -> LaneReport | None:
    meta, counts, codes, stats = reply
    lane = parse_lane(lane_id, meta)
    if lane is None:
        return None
    figures = parse_numbers(stats)
    window = {name: figures.pop(name) for name in [*figures] if name.startswith("pace")}
    return LaneReport(lane, parse_counts(counts), parse_numbers(codes), figures, window)


def _attempts(store: Store, key: str, index: int) -> tuple[str, ...]:
    entries = store.run(command("LRANGE", key, 0, -1, parse=_names))
    parted = (entry.split(" ", 1) for entry in entries)
    return tuple(entry for ranges, entry in parted if _within(index, ranges))


def _within(index: int, ranges: str) -> bool:
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        if int(first) <= index <= int(last or first):
            return True
    return False


def _flat(reply: Any) -> list[bytes]:
    return [word for pair in reply.items() for word in pair] if isinstance(reply, dict) else reply


def _blob(reply: Any) -> bytes:
    return reply or b""


def _names(reply: Any) -> list[str]:
    return [text(name) for name in reply]
