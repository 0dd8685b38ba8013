"""The states of a message, their ranks and marks: the table that scripts, verify and docs share.

A message is in exactly one state. While it can still be sent, that is the place of its job (`queued`,
`in_flight`, `delayed`, `in_doubt`); afterwards its outcome record holds the state. A record only moves
forward along the rank, so late, doubled and reordered status updates are harmless.

A status update may be early, too: a receipt can come while the job still exists. Then the record holds
the state with a capital mark, not counted until the job ends. Such a job is never sent again.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """State of a message; the values are the field names of a lane's counts."""

    QUEUED = "queued"
    IN_FLIGHT = "in_flight"
    DELAYED = "delayed"
    IN_DOUBT = "in_doubt"
    TRIED = "tried"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    REJECTED = "rejected"
    ACCEPTED = "accepted"
    FORWARDED = "forwarded"
    DELIVERED_TO_OPERATOR = "delivered_to_operator"
    UNDELIVERED = "undelivered"
    DELIVERED = "delivered"
    READ = "read"


@dataclass(frozen=True, slots=True)
class StateRow:
    """One row of the table."""

    state: State
    mark: str  # one ASCII letter: the state in a record
    rank: int  # a record's state is replaced only by one of a higher rank
    counted: bool = True  # False: the job, not the record, decides the state
    meaning: str = ""


OPEN_STATES = (State.QUEUED, State.IN_FLIGHT, State.DELAYED, State.IN_DOUBT)
"""The job still exists; a campaign is finished when none of these is left."""

RECORD_STATES = (
    StateRow(State.TRIED, "t", 1, False, "an attempt failed and another one will follow"),
    StateRow(State.CANCELLED, "c", 5, True, "the lane was cancelled before it went out"),
    StateRow(State.SKIPPED, "k", 5, True, "not sent: suppressed, expired, outside the window"),
    StateRow(State.FAILED, "f", 8, True, "retries are exhausted, or its template was held up"),
    StateRow(State.UNCONFIRMED, "u", 8, True, "posted, and no trustworthy answer ever came"),
    StateRow(State.REJECTED, "j", 9, True, "the provider refused this message"),
    StateRow(State.ACCEPTED, "a", 10, True, "the provider took it"),
    StateRow(State.FORWARDED, "s", 20, True, "given to the operator"),
    StateRow(State.DELIVERED_TO_OPERATOR, "o", 30, True, "the operator has it, the person may not"),
    StateRow(State.UNDELIVERED, "n", 40, True, "the operator says that it was not delivered"),
    StateRow(State.DELIVERED, "d", 50, True, "on the handset"),
    StateRow(State.READ, "r", 60, True, "read"),
)

OPEN_MARKS = "".join(
    [row.mark for row in RECORD_STATES if not row.counted]
    + [row.mark.upper() for row in RECORD_STATES]
).encode()
"""Marks of records whose job still exists."""
BY_MARK = {row.mark: row for row in RECORD_STATES}
BY_STATE = {row.state: row for row in RECORD_STATES}
PROVIDER_HAS_IT = tuple(row.state for row in RECORD_STATES if row.rank >= 10)
"""States that prove that the provider accepted the message."""


class Stage(StrEnum):
    """Stages of a lane for people, in order; the states add up to them."""

    SENT = "sent"
    FAILED = "failed"
    UNCONFIRMED = "unconfirmed"
    WAITING = "waiting"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


FUNNEL: dict[Stage, tuple[State, ...]] = {
    Stage.SENT: PROVIDER_HAS_IT,  # undelivered ones included: the provider accepted them
    Stage.FAILED: (State.REJECTED, State.FAILED, State.UNDELIVERED),
    Stage.UNCONFIRMED: (State.UNCONFIRMED,),
    Stage.WAITING: OPEN_STATES,
    Stage.SKIPPED: (State.SKIPPED,),
    Stage.CANCELLED: (State.CANCELLED,),
}
"""The states of each stage. Undelivered messages are in two, so the stages add up to more than all."""
CODED = frozenset(
    row.state for row in RECORD_STATES if row.counted and row.state not in PROVIDER_HAS_IT
) | {State.UNDELIVERED}
"""States with a reason: a lane also counts their messages by code (`codes`)."""


def lua_tables() -> dict[str, str]:
    """The table as Lua, by the name that scripts use: `RANK[byte]`, `NAME[byte]`, `COUNTED[byte]`,
    `CODED[byte]`.

    Capital marks have the rank and the name of their state, and are not counted.
    """
    marks = [(mark, row) for row in RECORD_STATES for mark in (row.mark, row.mark.upper())]
    ranks = ",".join(f"[{ord(mark)}]={row.rank}" for mark, row in marks)
    names = ",".join(f"[{ord(mark)}]='{row.state}'" for mark, row in marks)
    counted = ",".join(f"[{ord(row.mark)}]=true" for row in RECORD_STATES if row.counted)
    coded = ",".join(f"[{ord(BY_STATE[state].mark)}]=true" for state in sorted(CODED))
    return {
        "RANK": f"{{[0]=0,{ranks}}}",
        "NAME": f"{{{names}}}",
        "COUNTED": f"{{{counted}}}",
        "CODED": f"{{{coded}}}",
    }
