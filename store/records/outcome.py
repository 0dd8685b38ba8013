"""Outcome records: 39 bytes a message, a thousand of them in one Redis string.

    offset  bytes  holds
         0      1  mark of the state (store.states), a capital while the job still exists; 0 = none yet
         1      1  attempts
         2      1  16 times the VERSION of this layout, plus the origin of the code (Origin)
         3      2  code; 65535 = one that does not fit
         5      4  when it was last posted, s since 1970
         9      4  when the state was reached, s since 1970
        13      1  16 times the pricing category from receipts (Pricing), plus the Purpose; 0 = none
        14      1  1 = another attempt than the recorded one may have arrived; 7 bits are spare
        15      1  1 = the person has been forgotten: the number and the umid stay zero; 2 and 4 = the
                   person is counted as Feedback; 5 bits are spare
        16      7  recipient's number without +; 0 = see the lane's long ids
        23     16  umid, the provider's id; 0 = none

Spare bits are zero. Fields of some lanes only, such as tags, belong in separate keys beside the records,
like the numbers of a campaign (store.people.recipients). Layout 1, without the bytes 13 to 15, is
brought to this one by `store/migrations/widen_records.lua`.

Whole batches are written with one SETRANGE: 3 µs a thousand messages, where hash fields took 330. Times
are Redis' clock, advanced by the worker from the moment of the claim.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID

from store.keys import OUTCOMES_PER_KEY
from store.purposes import BY_NUMBER, Pricing, Purpose
from store.states import BY_MARK, BY_STATE, CODED, PROVIDER_HAS_IT, State

RECORD = struct.Struct(">cBBHIIBBB7s16s")
RECORD_BYTES = RECORD.size
VERSION = 2
_HEAD = struct.Struct(">cBBHIIBBB")
_ORIGIN_AT, _CODE_AT, _DOUBT_AT = 2, 3, 14
_HALF = 16  # two figures share a byte
NO_UMID = bytes(16)
OTHER_CODE = 0xFFFF
"""Stands for a code that does not fit into a record."""
FORGOTTEN_AT = 15
NUMBER_AT = 16
_FORGOTTEN = b"\1".ljust(RECORD_BYTES - FORGOTTEN_AT, b"\0")
NUMBER_DIGITS = 15
"""The longest number of E.164, and the longest whose buckets Lua computes exactly."""


class Origin(IntEnum):
    """The origin of a code; the same number has other meanings in other origins."""

    NONE = 0
    API = 1  # the provider's code for one message
    HTTP = 2  # status of the whole request
    REQUEST = 3  # the provider's code for the whole request
    LOCAL = 4  # a reason of ours (LocalReason)
    RECEIPT = 5  # a delivery receipt


class LocalReason(IntEnum):
    """Codes of Origin.LOCAL: why a message ended, or waits, without an answer of the provider."""

    NOT_SENT = 1  # the connection was refused or never made
    NO_ANSWER = 2  # no usable answer
    MISSING_IN_ANSWER = 3  # the answer came, this message was not in it
    WORKER_LOST = 4  # the worker died while holding the batch
    OPERATOR = 5  # an operator's decision
    BROKEN_JOB = 6  # its line does not fit the content of its lane
    KILLS_WORKERS = 7  # several workers died with it, before it was posted
    SUPPRESSED = 8  # the person must not be written to
    WINDOW = 9  # the person's service window is closed, and it is not a template
    EXPIRED = 10  # its expiry has passed
    BREAKER = 11  # the breaker of its template was open
    TIMEOUT = 12  # no answer in time
    CONNECTION_LOST = 13  # reset, or closed before an answer came
    TLS_FAILED = 14  # TLS failed after the connection was made
    CUT_OFF = 15  # the answer was incomplete
    FORGOTTEN = 16  # the person was forgotten before it was sent, or while it was in doubt
    CAPPED = 17  # the person has got as much marketing as the cap allows
    UNREACHABLE = 18  # the person could not be reached lately, by a receipt


class Feedback(IntEnum):
    """Actions of people that are counted for a campaign, as bits of a record."""

    REPLIED = 2
    OPTED_OUT = 4


class Doubt(StrEnum):
    """Uncertainty beyond a message's state: the person may have received more."""

    NONE = ""
    MAY_HAVE_ARRIVED = "may_have_arrived"  # the state does not say that it arrived
    MAY_HAVE_TWO = "may_have_two"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one message."""

    index: int
    state: State
    attempts: int
    origin: Origin
    code: int
    posted_at: int
    changed_at: int
    number: str  # digits without +; empty if the recipient is not a number
    umid: str | None
    early: bool = False  # from a status update while the job still exists
    purpose: Purpose | None = None
    pricing: Pricing = Pricing.NONE
    other_attempt: bool = False  # another attempt than the recorded one may have arrived

    @property
    def named_code(self) -> int | None:
        """The code, if there is one: a receipt may report a failure without it."""
        coded = self.origin is not Origin.NONE and (self.code or self.origin is not Origin.RECEIPT)
        return self.code if coded else None

    @property
    def doubt(self) -> Doubt:
        """Uncertainty beyond the state: the person may have received more."""
        return doubt_in(self.state, other_attempt=self.other_attempt)


def doubt_in(state: State, *, other_attempt: bool) -> Doubt:
    """The doubt about messages in a state, with or without another attempt that may have arrived."""
    told = state in PROVIDER_HAS_IT
    possible = told or state is State.UNCONFIRMED
    if possible and other_attempt:
        return Doubt.MAY_HAVE_TWO
    return Doubt.MAY_HAVE_ARRIVED if (possible or other_attempt) and not told else Doubt.NONE


def people_in_doubt(counts: Mapping[State, int], doubts: Mapping[State, int]) -> dict[Doubt, int]:
    """Number of people who may have received more than the states of their messages say.

    Args:
        counts: messages by state.
        doubts: by state, the ones with another attempt that may have arrived.
    """
    found = {Doubt.MAY_HAVE_TWO: 0, Doubt.MAY_HAVE_ARRIVED: 0}
    for state, n in doubts.items():
        found[doubt_in(state, other_attempt=True)] += n
    unknown = State.UNCONFIRMED
    found[Doubt.MAY_HAVE_ARRIVED] += counts.get(unknown, 0) - doubts.get(unknown, 0)
    return found


def _kept(code: int) -> int:
    """The code as records hold it: a larger or negative one must not read as another code."""
    return int(code) if 0 <= code < OTHER_CODE else OTHER_CODE


def head(
    state: State,
    attempts: int,
    origin: Origin,
    code: int,
    posted_at: int,
    now: int,
    *,
    purpose: Purpose | None = None,
    pricing: Pricing = Pricing.NONE,
    other_attempt: bool = False,
) -> bytes:
    """The first 16 bytes of a record: the same for all messages of a batch with the same result."""
    mark, tried = BY_STATE[state].mark.encode(), min(attempts, 255)
    kinds = _HALF * pricing + (purpose.number if purpose else 0)
    code_origin = _HALF * VERSION + origin
    return _HEAD.pack(
        mark, tried, code_origin, _kept(code), posted_at, now, kinds, other_attempt, 0
    )


def forgotten(record_head: bytes) -> bytes:
    """The record of a forgotten person, from a record's head: without the recipient."""
    return record_head[:FORGOTTEN_AT] + _FORGOTTEN


def is_number(recipient: bytes) -> bool:
    """True when a recipient fits a record as a number; any other belongs to the lane's long ids."""
    digits = recipient.isdigit() and len(recipient) <= NUMBER_DIGITS
    return digits and not recipient.startswith(b"0")


def are_numbers(recipients: Sequence[bytes]) -> bool:
    """True when all are certainly numbers: a cheap `is_number` for many. False says nothing about any
    one."""
    if not b"".join(recipients).isdigit() or not all(recipients):
        return False
    return max(map(len, recipients)) <= NUMBER_DIGITS and b"0" not in {r[:1] for r in recipients}


def number_field(recipient: bytes) -> bytes:
    """Seven bytes for a phone number, zeros for any other recipient."""
    return int(recipient).to_bytes(7, "big") if is_number(recipient) else bytes(7)


def umid_field(umid: str | None) -> bytes:
    """Sixteen bytes of the provider's id; zeros for none, or for one that is not a UUID."""
    if umid is None:
        return NO_UMID
    try:
        packed = bytes.fromhex(umid.replace("-", ""))
    except ValueError:
        return NO_UMID
    return packed if len(packed) == 16 else NO_UMID


def number_fields(recipients: Sequence[bytes]) -> list[bytes]:
    """`number_field` of many at once."""
    if are_numbers(recipients):
        return [number.to_bytes(7, "big") for number in map(int, recipients)]
    return [number_field(recipient) for recipient in recipients]


def umid_fields(umids: Sequence[str | None]) -> list[bytes]:
    """`umid_field` of many at once: one conversion when all have the provider's spelling."""
    try:
        digits = "".join(umids).replace("-", "")  # type: ignore[arg-type]  # a None is a TypeError
        packed = bytes.fromhex(digits)
    except (TypeError, ValueError):
        return [umid_field(umid) for umid in umids]
    if set(map(len, umids)) <= {36} and len(packed) == 16 * len(umids):  # type: ignore[arg-type]
        return [packed[at : at + 16] for at in range(0, len(packed), 16)]
    return [umid_field(umid) for umid in umids]


def read_records(blob: bytes, first_index: int) -> Iterator[Outcome]:
    """Read the records of one string, leaving out those that are empty."""
    for position in range(0, len(blob) - RECORD_BYTES + 1, RECORD_BYTES):
        outcome = read_record(
            blob[position : position + RECORD_BYTES], first_index + position // RECORD_BYTES
        )
        if outcome is not None:
            yield outcome


def read_record(record: bytes, index: int) -> Outcome | None:
    """Read one record; None if nothing was written yet."""
    if len(record) < RECORD_BYTES or record[0] == 0:
        return None
    mark, attempts, origin, code, posted_at, changed_at, kinds, doubt, _, number, umid = (
        RECORD.unpack(record)
    )
    digits = int.from_bytes(number, "big")
    return Outcome(
        index=index,
        state=BY_MARK[mark.decode().lower()].state,
        attempts=attempts,
        origin=Origin(origin % _HALF),
        code=code,
        posted_at=posted_at,
        changed_at=changed_at,
        number=str(digits) if digits else "",
        umid=None if umid == NO_UMID else str(UUID(bytes=umid)),
        early=mark.isupper(),
        purpose=BY_NUMBER.get(kinds % _HALF),
        pricing=_pricing(kinds // _HALF),
        other_attempt=bool(doubt & 1),
    )


class Ended(NamedTuple):
    """The fields of an ended message for selections."""

    place: int  # its index
    mark: int  # of its state
    origin: Origin
    code: int
    changed_at: int  # s
    other_attempt: bool  # another attempt than the recorded one may have arrived
    number: bytes  # digits; empty if the recipient is not a number


def read_ended(blob: bytes, first_index: int, marks: bytes) -> Iterator[Ended]:
    """Read the records of one string with these marks."""
    for place, mark in enumerate(blob[::RECORD_BYTES]):
        if mark in marks:
            _, _, origin, code, _, changed_at, _, doubt, _, packed, _ = RECORD.unpack_from(
                blob, place * RECORD_BYTES
            )
            number = int.from_bytes(packed, "big")
            digits, by = b"%d" % number if number else b"", _ORIGINS[origin % _HALF]
            yield Ended(first_index + place, mark, by, code, changed_at, bool(doubt & 1), digits)


_ORIGINS = dict(enumerate(Origin))


_MISSED = frozenset(
    ord(BY_STATE[state].mark)
    for state in (
        State.CANCELLED, State.SKIPPED, State.FAILED, State.REJECTED, State.UNDELIVERED,
    )
)  # fmt: skip


def missed_in(blob: bytes) -> set[int]:
    """Places of the records of people who have not got their message, and will not by themselves."""
    marks, doubts = blob[::RECORD_BYTES], blob[_DOUBT_AT::RECORD_BYTES]
    if _MISSED.isdisjoint(marks):
        return set()
    pairs = zip(marks, doubts, strict=False)
    return {place for place, (mark, doubt) in enumerate(pairs) if mark in _MISSED and not doubt & 1}


def _pricing(number: int) -> Pricing:
    return Pricing(number) if number in _PRICINGS else Pricing.OTHER


_PRICINGS = frozenset(Pricing)


def code_name(origin: Origin, code: int) -> str:
    """The name of a code in figures and dead letters: `api:1002`."""
    return f"{origin.name.lower()}:{_kept(code)}"


def code_named(name: str) -> tuple[Origin, int]:
    """The code that has this name."""
    origin, _, code = name.partition(":")
    return Origin[origin.upper()], int(code)


def code_written(text: str) -> str:
    """The name of a code that people write as `receipt.1024`; raises ValueError with the accepted
    form."""
    origin, _, number = text.replace(".", ":").partition(":")
    if origin.upper() not in Origin.__members__ or not (number.isdecimal() and len(number) < 6):
        raise ValueError(f'"{text}" is no code: write its origin and number, such as receipt.1024')
    return f"{origin}:{int(number)}"


def codes_in(blobs: Iterable[bytes]) -> Counter[str]:
    """Counted records in states with a code, by state and code."""
    blob = b"".join(blobs)
    if not blob[::RECORD_BYTES].translate(None, delete=_UNCODED):
        return Counter()
    columns = [blob[at::RECORD_BYTES] for at in (0, _ORIGIN_AT, _CODE_AT, _CODE_AT + 1)]
    found: Counter[str] = Counter()
    for (mark, origin, high, low), n in Counter(zip(*columns, strict=True)).items():
        row = BY_MARK.get(chr(mark))
        if row is not None and row.state in CODED:
            code = code_name(Origin(origin % _HALF), high * 256 + low)
            found[f"{row.state}:{code}"] += n
    return found


def doubts_in(blobs: Iterable[bytes]) -> Counter[State]:
    """Counted records with another attempt that may have arrived, by state."""
    blob = b"".join(blobs)
    doubts = blob[_DOUBT_AT::RECORD_BYTES]
    if not doubts.strip(b"\0"):
        return Counter()
    return Counter(
        row.state
        for mark, doubt in zip(blob[::RECORD_BYTES], doubts, strict=True)
        if doubt & 1 and (row := BY_MARK.get(chr(mark))) is not None and row.counted
    )


_UNCODED = bytes(
    mark for mark in range(256) if (row := BY_MARK.get(chr(mark))) is None or row.state not in CODED
)


def lua_tables() -> dict[str, str]:
    """The layout as Lua, by the name that scripts use: `WIDTH`, `PER_KEY`, `DOUBT` and `FLAGS`
    (positions of a byte, from 1), `ORIGIN[number]` and `FEEDBACK[bit]`."""
    origins, feedback = (
        ",".join(f"[{int(one)}]='{one.name.lower()}'" for one in all_)
        for all_ in (Origin, Feedback)
    )
    return {
        "WIDTH": f"{RECORD_BYTES}",
        "PER_KEY": f"{OUTCOMES_PER_KEY}",
        "DOUBT": f"{_DOUBT_AT + 1}",
        "FLAGS": f"{FORGOTTEN_AT + 1}",
        "ORIGIN": f"{{{origins}}}",
        "FEEDBACK": f"{{{feedback}}}",
    }


@dataclass(frozen=True, slots=True)
class Run:
    """Records of consecutive messages in one string."""

    bucket: int
    offset: int  # bytes
    records: bytes


def runs(records: Iterable[tuple[int, bytes]]) -> list[Run]:
    """Join records, ordered by index, into as few writes as possible.

    Args:
        records: pairs of index and record.
    """
    ordered = list(records)
    if ordered and _are_consecutive(ordered):
        return _consecutive_runs(ordered[0][0], [record for _, record in ordered])
    result: list[Run] = []
    first, parts = -1, list[bytes]()
    for index, record in ordered:
        if parts and index == first + len(parts) and index % OUTCOMES_PER_KEY:
            parts.append(record)
            continue
        if parts:
            result.append(_run(first, parts))
        first, parts = index, [record]
    if parts:
        result.append(_run(first, parts))
    return result


def _are_consecutive(ordered: list[tuple[int, bytes]]) -> bool:
    first = ordered[0][0]
    return [index for index, _ in ordered] == list(range(first, first + len(ordered)))


def _consecutive_runs(first: int, records: list[bytes]) -> list[Run]:
    """Fast path for messages without a gap, as in a fresh claim: one run per string."""
    starts = [
        0,
        *range(-first % OUTCOMES_PER_KEY or OUTCOMES_PER_KEY, len(records), OUTCOMES_PER_KEY),
    ]
    return [_run(first + at, records[at:to]) for at, to in pairwise([*starts, len(records)])]


def _run(first: int, parts: list[bytes]) -> Run:
    bucket, position = divmod(first, OUTCOMES_PER_KEY)
    return Run(bucket, position * RECORD_BYTES, b"".join(parts))
