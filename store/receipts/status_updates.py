"""Status updates: proof from a receipt, or from an answer that came too late.

They are written at once, whatever the state of the job or of a lease: the fence guards queues, not
status updates.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from struct import Struct
from typing import Any

from store.client import Argument, Call, command, script_call, text
from store.keys import OUTCOMES_PER_KEY, lane_keys
from store.purposes import Pricing
from store.records.job_section import Job
from store.records.outcome import (
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
_PLACES = Struct(">HH")  # position in the call, place in the string of records
_TOLD = Struct(">IIHB")  # posting time, time, code, whether it is the first update
_NO_NUMBER = bytes(7)


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
        start = _head(self.state, self.attempt, self.origin, self.code, self.at, self.pricing)
        return start + _who(self.number, self.umid)


def receipt_record(
    state: State, attempt: int, at: int, code: int, pricing: Pricing, number: str | None, umid: str
) -> bytes:
    """`StatusUpdate.record` of a receipt, without the object."""
    origin = Origin.RECEIPT if code else Origin.NONE
    return _head(state, attempt, origin, code, at, pricing) + _who(number, umid)


@lru_cache(4096)
def _head(
    state: State, attempt: int, origin: Origin, code: int, at: int, pricing: Pricing
) -> bytes:
    """Cached: most receipts of a second share it."""
    origin = Origin.RECEIPT if state is State.UNDELIVERED else origin
    return head(state, attempt, origin, code, 0, at, pricing=pricing)


def _who(number: str | None, umid: str | None) -> bytes:
    return (number_field(number.encode()) if number else _NO_NUMBER) + umid_field(umid)


@dataclass(frozen=True, slots=True)
class Applied:
    """Counts of the status updates of one call."""

    counted: int = 0  # the message had ended: its state changed
    early: int = 0  # the job still exists: stored until it ends, and the job is not sent again
    stale: int = 0  # nothing new
    unknown: int = 0  # the lane has no such message
    foreign: int = 0  # of another sub-account, or about another person
    refused: tuple[int, ...] = field(default=(), compare=False)  # positions of the last two kinds
    sub_account: str = field(default="", compare=False)  # of the lane
    signals: Sequence[tuple[int, int, int, bool, int]] = field(default=(), compare=False)
    """Posting time and time of updates in s, code, whether they are the first ones after acceptance, and
    their number."""
    sent: int = field(default=0, compare=False)  # had ended, and the provider has them after all
    delivered: int = field(default=0, compare=False)  # now, for the first time
    read: int = field(default=0, compare=False)
    undelivered: Mapping[int, int] = field(default_factory=dict, compare=False)  # code → messages


def apply_status_updates(
    lane: str, updates: Iterable[StatusUpdate], sub_account: str | None = None
) -> Call[Applied]:
    """Apply at most a thousand status updates. Repeating it changes nothing.

    Args:
        sub_account: named by all of them; a lane of another one refuses them.
    """
    return apply_pairs(lane, ((piece.index, piece.record()) for piece in updates), sub_account)


def apply_records(lane: str, records: Iterable[Run]) -> Call[Applied]:
    """Apply the records of a late settlement as status updates."""
    return apply_pairs(
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


def apply_pairs(
    lane: str,
    updates: Iterable[tuple[int, bytes]],
    sub_account: str | None = None,
    *,
    with_signals: bool = False,
) -> Call[Applied]:
    """As `apply_status_updates`, for pairs of index and record."""
    keys = lane_keys(lane)
    thousands: dict[int, list[bytes]] = {}
    for at, (index, record) in enumerate(updates):
        thousand, place = divmod(index, OUTCOMES_PER_KEY)
        thousands.setdefault(thousand, []).append(_PLACES.pack(at, place) + record)
    strings = [f"{of}{thousand}" for thousand in thousands for of in (keys.outcomes, keys.numbers)]
    args: list[Argument] = [OUTCOMES_PER_KEY, sub_account or "", int(with_signals)]
    for thousand, some in thousands.items():
        args += (thousand, b"".join(some))
    touched = (keys.meta, keys.counts, keys.codes, keys.stats, keys.outbox, *strings)
    return script_call("apply_status_updates", touched, args, _applied)


def _applied(reply: Any) -> Applied:
    counted, early, stale, unknown, foreign = map(int, reply[:5])
    refused, whose, told = tuple(map(int, reply[5])), text(reply[6]), reply[7]
    sent, delivered, read, *codes = map(int, reply[8])
    undelivered = dict(zip(codes[::2], codes[1::2], strict=True))
    signals = [
        (posted or at, at, code, bool(is_first), int(n))
        for what, n in zip(told[::2], told[1::2], strict=True)
        for posted, at, code, is_first in (_TOLD.unpack(what),)
    ]
    figures = (counted, early, stale, unknown, foreign, refused, whose, signals)
    return Applied(*figures, sent, delivered, read, undelivered)
