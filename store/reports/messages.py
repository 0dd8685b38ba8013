"""Lists every message of a lane with its state, for exports. Only reads."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import NamedTuple

from store.client import Store, command
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.lanes.held_jobs import STATES, find_job
from store.lanes.lane import read_lane
from store.queue.dead_letters import read_dead_letters
from store.records.job_section import Job
from store.records.outcome import RECORD_BYTES, Outcome, read_record
from store.reports.lane_report import long_ids, outcomes, waiting_jobs
from store.states import BY_STATE, OPEN_STATES, State

ROUNDS = 5
"""Rounds over a lane that is being sent: messages move while it is read, and missed ones are searched
again."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One message."""

    index: int
    recipient: str  # digits without +, or another id
    state: State | None  # None: not found; see `verify`
    attempts: int
    record: Outcome | None  # of its last attempt; None = none yet


def list_messages(store: Store, lane_id: str) -> Iterator[Listed]:
    """Every message once: ended ones by index, then waiting ones."""
    lane = store.run(read_lane(lane_id))
    listed = bytearray(lane.next_index if lane else 0)
    for _ in range(ROUNDS):
        yield from _new(_ended(store, lane_id), listed)
        yield from _new(_waiting(store, lane_id), listed)
        if 0 not in listed:
            return
    yield from (Listed(index, "", None, 0, None) for index, n in enumerate(listed) if not n)


class MessagePlace(NamedTuple):
    """A position in the list of a lane's messages, after so many of one kind."""

    waiting: bool  # among the waiting ones, which come after the ended ones
    at: int  # index, or number of waiting ones of the wanted states before


LOOKED_INTO = 100
"""Strings of a thousand records searched for one page."""


def messages_after(
    store: Store, lane_id: str, states: Collection[State], place: MessagePlace
) -> Iterator[tuple[Listed | None, MessagePlace]]:
    """Messages in these states from a position on, each with the position after it. None: the limit of
    one page is reached."""
    open_states = [state for state in OPEN_STATES if state in states]
    if not place.waiting:
        lane, last = store.run(read_lane(lane_id)), place.at + LOOKED_INTO * OUTCOMES_PER_KEY
        end = lane.next_index if lane else 0
        for message in _ended_in(store, lane_id, states, place.at, min(end, last)):
            yield message, MessagePlace(False, message.index + 1)
        if end > last:
            yield None, MessagePlace(False, last)
            return
        place = MessagePlace(True, 0)
    if open_states:
        waiting = (one for one in _waiting(store, lane_id) if one.state in open_states)
        for n, message in enumerate(islice(waiting, place.at, None), place.at + 1):
            yield message, MessagePlace(True, n)


def _ended_in(
    store: Store, lane_id: str, states: Collection[State], first: int, end: int
) -> Iterator[Listed]:
    """Ended messages in these states, by index."""
    marks = frozenset(BY_STATE[state].mark.encode() for state in states if state in BY_STATE)
    if not marks:
        return
    for start in range(first - first % OUTCOMES_PER_KEY, end, OUTCOMES_PER_KEY):
        records, names = _Records(store, lane_id), None
        for index in range(max(first, start), min(end, start + OUTCOMES_PER_KEY)):
            record = records.at(index) if records.mark(index) in marks else None
            if record is None:
                continue
            recipient = record.number
            if not recipient:
                names = long_ids(store, lane_id, start) if names is None else names
                recipient = names.get(index, "")
            yield Listed(index, recipient, record.state, record.attempts, record)


def find_waiting(
    store: Store, lane_id: str, index: int, most: int | None = None
) -> tuple[State, Job] | None:
    """The job of a waiting message, and its state.

    Args:
        most: packed values to search at most, where the queue is not in the order of indexes.
    """
    held = find_job(store, lane_id, index, most)
    return None if held is None else (STATES[held.place], held.jobs[0])


def list_dead_letters(store: Store, lane_id: str, states: Collection[State]) -> Iterator[Listed]:
    """Messages in these states whose jobs are kept for an operator's decision."""
    records = _Records(store, lane_id)
    for dead in read_dead_letters(store, lane_id):
        for job in dead.jobs:
            record = records.at(job.index)
            if record is not None and record.state in states and not record.early:
                recipient = job.recipient.decode()
                yield Listed(job.index, recipient, record.state, job.attempts, record)


def _new(messages: Iterator[Listed], listed: bytearray) -> Iterator[Listed]:
    for message in messages:
        if message.index < len(listed) and not listed[message.index]:
            listed[message.index] = 1
            yield message


def _ended(store: Store, lane_id: str) -> Iterator[Listed]:
    by_thousand = groupby(outcomes(store, lane_id), key=lambda one: one.index // OUTCOMES_PER_KEY)
    for thousand, group in by_thousand:
        names: dict[int, str] | None = None
        for record in group:
            if not BY_STATE[record.state].counted:
                continue
            recipient = record.number
            if not recipient:
                if names is None:
                    names = long_ids(store, lane_id, thousand * OUTCOMES_PER_KEY)
                recipient = names.get(record.index, "")
            yield Listed(record.index, recipient, record.state, record.attempts, record)


def _waiting(store: Store, lane_id: str) -> Iterator[Listed]:
    records = _Records(store, lane_id)
    for state, job in waiting_jobs(store, lane_id):
        record = records.at(job.index) if job.attempts or state is State.IN_DOUBT else None
        yield Listed(job.index, job.recipient.decode(), state, job.attempts, record)


class _Records:
    """Records by index; jobs that wait together mostly lie in the same thousand."""

    def __init__(self, store: Store, lane_id: str) -> None:
        self._store = store
        self._keys = lane_keys(lane_id)
        self._key = ""
        self._blob = b""

    def at(self, index: int) -> Outcome | None:
        return read_record(self._bytes(index, RECORD_BYTES), index)

    def mark(self, index: int) -> bytes:
        return self._bytes(index, 1)

    def _bytes(self, index: int, size: int) -> bytes:
        key = self._keys.outcome(index)
        if key != self._key:
            self._key = key
            self._blob = self._store.run(command("GET", key, parse=lambda reply: reply or b""))
        start = index % OUTCOMES_PER_KEY * RECORD_BYTES
        return self._blob[start : start + size]
