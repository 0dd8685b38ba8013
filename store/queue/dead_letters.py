"""The dead letters: jobs that ended `failed` or `unconfirmed`, kept for an operator's decision.

An entry is a line with the reason, then packed jobs (store/records/job_section.py). It is a copy: the
message's record holds its state, which a status update may change meanwhile. So copies are not counted,
and a job is resent only while its record has that state.
"""

import secrets
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from store.access.audit import entry
from store.client import Argument, Call, Store, command, first, script_call, text
from store.errors import StoreUnavailable
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.lanes.lane import Lane, LaneStatus, announce
from store.records.job_section import Job, pack, unpack
from store.records.outcome import LocalReason
from store.states import State
from store.workers.presence import note_active

REVIVABLE = (State.UNCONFIRMED, State.FAILED)
"""States in which an operator may decide."""
TRIES = 3
CHECK = 20
"""Entries of the list per step."""


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Jobs that ended for one reason, their attempts counted."""

    reason: str  # `origin:code`
    jobs: Sequence[Job]

    def dump(self) -> bytes:
        """As an entry of the list."""
        return self.reason.encode() + b"\n" + pack(self.jobs)

    @classmethod
    def load(cls, entry: bytes) -> "DeadLetters":
        """Read an entry of the list."""
        reason, _, blob = entry.partition(b"\n")
        return cls(reason.decode(), unpack(blob))


class Word(StrEnum):
    """An operator's decision."""

    RESEND = "resend"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Redriven:
    """Counts of a decision."""

    status: LaneStatus
    entries: int = 0  # entries examined
    jobs: int = 0  # resent or closed
    moved_on: int = 0  # dropped: a status update has changed them meanwhile
    refused: bool = False  # the lane is gone, or cancelled and not resendable


def retry_dead_letters(
    lane: str, word: Word, states: Collection[State], *, op: str, entries: int, most: int = 1000
) -> Call[Redriven]:
    """Resend or close some dead letters; `op` is the operation id.

    Args:
        states: required states of a message; others stay on the list.
        entries: examine at most so many, and at most `CHECK`.
        most: jobs in them, unless the first entry alone has more.
    """
    keys = lane_keys(lane)
    fixed = (
        keys.meta, keys.counts, keys.codes, keys.stats, keys.queue, keys.dead,
        keys.done(f"revive:{op}"), keys.outbox,
    )  # fmt: skip
    most_entries = min(entries, CHECK)
    look = command("LRANGE", keys.dead, 0, CHECK - 1, parse=lambda reply: reply[:most_entries])

    def revive(found: list[bytes]) -> Call[Redriven]:
        thousands = sorted(
            {
                job.index // OUTCOMES_PER_KEY
                for entry in found
                for job in DeadLetters.load(entry).jobs
            }
        )
        theirs = [
            f"{prefix}{one}" for one in thousands for prefix in (keys.outcomes, keys.attempt_logs)
        ]
        lists: tuple[Argument, ...] = (
            len(states),
            *states,
            len(thousands),
            *thousands,
            len(found),
            *map(len, found),
        )
        return script_call(
            "retry_dead_letters",
            (*fixed, *theirs),
            (word, most, OUTCOMES_PER_KEY, int(LocalReason.OPERATOR), *lists),
            lambda reply: first(look, revive) if text(reply[0]) == "again" else _redriven(reply),
        )

    return first(look, revive)


def count_entries(lane: str) -> Call[int]:
    """Entries of the dead letters."""
    return command("LLEN", lane_keys(lane).dead, parse=int)


def read_dead_letters(store: Store, lane: str) -> Iterator[DeadLetters]:
    """Every entry of the dead letters. Not atomic: the lane may change meanwhile."""
    key = lane_keys(lane).dead
    for position in range(store.run(count_entries(lane))):
        entry = store.run(command("LINDEX", key, position, parse=lambda reply: reply))
        if entry:
            yield DeadLetters.load(entry)


def settle_dead_letters(
    store: Store, lane: Lane, word: Word, states: Collection[State]
) -> Redriven:
    """Apply a decision to all dead letters present now; later ones are not affected.

    A lane that resends is announced: wake the workers then.

    Raises:
        StoreUnavailable: repeat it for the rest; nothing is resent twice by that.
    """
    store.run(entry(f"campaign.unconfirmed.{word}", lane.name, lane.status, states))
    if word is Word.CLOSE:
        return _settle_all(store, lane, word, states)
    _announce(store, lane)  # for a crash after the first step …
    try:
        return _settle_all(store, lane, word, states)
    finally:
        _announce(store, lane)  # … or a sweep that has retired it before


def _settle_all(store: Store, lane: Lane, word: Word, states: Collection[State]) -> Redriven:
    sum_ = Redriven(lane.status)
    left = store.run(count_entries(lane.id))
    while left > 0:
        call = retry_dead_letters(lane.id, word, states, op=secrets.token_hex(6), entries=left)
        step = _insist(store, call)
        if step.refused:
            return step
        sum_ = Redriven(
            step.status,
            sum_.entries + step.entries,
            sum_.jobs + step.jobs,
            sum_.moved_on + step.moved_on,
        )
        left -= step.entries or left
    return sum_


def _announce(store: Store, lane: Lane) -> None:
    """Best-effort hints: the sweep and the workers check for themselves."""
    store.run(note_active(lane.id))
    store.run(announce(lane.id, lane.priority))


def _insist(store: Store, call: Call[Redriven]) -> Redriven:
    """Run the call again after a lost reply; the result is the same."""
    for _ in range(TRIES - 1):
        try:
            return store.run(call)
        except StoreUnavailable:
            continue
    return store.run(call)


def _redriven(reply: Any) -> Redriven:
    verdict, status, entries, jobs, moved_on = reply
    return Redriven(
        LaneStatus(text(status)),
        int(entries),
        int(jobs),
        int(moved_on),
        refused=text(verdict) == "refused",
    )
