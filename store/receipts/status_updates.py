"""Status updates: proof from a receipt, or from an answer that came too late.

They are written at once, whatever the state of the job or of a lease: the fence guards queues, not
status updates.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from store.client import Argument, Call, command, script_call
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.purposes import Pricing
from store.records.job_section import Job
from store.records.outcome import (
    NO_UMID,
    RECORD_BYTES,
    Origin,
    Run,
    head,
    number_field,
    read_record,
    umid_field,
)
from store.states import PROVIDER_HAS_IT, State

AT_ONCE = 1000
"""Status updates per call."""


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """A status update of one message."""

    index: int
    attempt: int
    state: State
    at: int  # s since 1970
    code: int = 0
    origin: Origin = Origin.NONE  # of the code
    umid: str | None = None
    pricing: Pricing = Pricing.NONE
    number: str | None = None  # of the person, in digits: compared with the message's

    def record(self) -> bytes:
        """The update as an outcome record; the number stays that of the stored record."""
        origin = Origin.RECEIPT if self.state is State.UNDELIVERED else self.origin
        start = head(self.state, self.attempt, origin, self.code, 0, self.at, pricing=self.pricing)
        number = number_field(self.number.encode()) if self.number else bytes(7)
        return start + number + (umid_field(self.umid) if self.umid else NO_UMID)


@dataclass(frozen=True, slots=True)
class Applied:
    """Counts of the status updates of one call."""

    counted: int = 0  # the message had ended: its state changed
    early: int = 0  # the job still exists: stored until it ends, and the job is not sent again
    stale: int = 0  # nothing new
    unknown: int = 0  # the lane has no such message
    foreign: int = 0  # of another sub-account, or about another person
    refused: tuple[int, ...] = field(default=(), compare=False)  # positions of the last two kinds


def apply_status_updates(
    lane: str, updates: Iterable[StatusUpdate], sub_account: str | None = None
) -> Call[Applied]:
    """Apply at most a thousand status updates. Repeating it changes nothing.

    Args:
        sub_account: named by all of them; a lane of another one refuses them.
    """
    return _apply(lane, ((piece.index, piece.record()) for piece in updates), sub_account or "")


def apply_records(lane: str, records: Iterable[Run]) -> Call[Applied]:
    """Apply the records of a late settlement as status updates."""
    return _apply(
        lane,
        (
            (run.bucket * OUTCOMES_PER_KEY + (run.offset + at) // RECORD_BYTES, record)
            for run in records
            for at in range(0, len(run.records), RECORD_BYTES)
            if _is_proof(record := run.records[at : at + RECORD_BYTES])
        ),
    )


def read_records_of(lane: str, jobs: Sequence[Job]) -> Call[bytes]:
    """The records from the first to the last of these jobs, which must lie in one thousand."""
    first, last = jobs[0].index, jobs[-1].index
    start = first % OUTCOMES_PER_KEY * RECORD_BYTES
    end = (last % OUTCOMES_PER_KEY + 1) * RECORD_BYTES - 1
    key = lane_keys(lane).outcome(first)
    return command("GETRANGE", key, start, end, parse=lambda reply: reply or b"")


def confirmed(jobs: Sequence[Job], records: bytes) -> set[int]:
    """Indexes of the jobs that the provider has accepted, by the result of `read_records_of`."""
    first = jobs[0].index
    found = set()
    for job in jobs:
        start = (job.index - first) * RECORD_BYTES
        outcome = read_record(records[start : start + RECORD_BYTES], job.index)
        if outcome is not None and outcome.early and outcome.state in PROVIDER_HAS_IT:
            found.add(job.index)
    return found


def _is_proof(record: bytes) -> bool:
    outcome = read_record(record, 0)
    return outcome is not None and outcome.state in (State.ACCEPTED, State.REJECTED)


def _apply(lane: str, records: Iterable[tuple[int, bytes]], sub_account: str = "") -> Call[Applied]:
    keys = lane_keys(lane)
    args: list[Argument] = [OUTCOMES_PER_KEY, sub_account]
    thousands: dict[int, None] = {}
    for index, record in records:
        args += (index, record)
        thousands[index // OUTCOMES_PER_KEY] = None
    strings = [f"{of}{thousand}" for thousand in thousands for of in (keys.outcomes, keys.numbers)]
    touched = (keys.meta, keys.counts, keys.codes, keys.stats, *strings)
    return script_call("apply_status_updates", touched, args, _applied)


def _applied(reply: Any) -> Applied:
    counted, early, stale, unknown, foreign = map(int, reply[:5])
    return Applied(counted, early, stale, unknown, foreign, tuple(map(int, reply[5])))
