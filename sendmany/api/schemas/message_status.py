"""Response models of single messages."""

from itertools import islice
from typing import Annotated, Any, Final, Self

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from config.sections import SubAccountId
from dashboard.explain import explain_code, iso
from dashboard.message import MessageStatus, explain, waits_until
from dashboard.schemas import moment_out
from sendmany.api.schemas.messages import Key
from store.purposes import Purpose
from store.records.outcome import Doubt, Origin
from store.states import State

MESSAGE_ID: Final = r"^[a-z0-9-]{1,40}\.[0-9]{1,10}(\.[0-9]{1,3})?$"
MOST_WANTED: Final = 1000
"""Ids and keys of one request."""
MOST_WANTED_BYTES: Final = 512 * 1024
MessageId = Annotated[
    str,
    Path(
        pattern=MESSAGE_ID,
        description="As the enqueue answered it; an attempt at its end is left out.",
    ),
]
Recipient = Annotated[
    str | None,
    Query(
        pattern=r"^[+ ]?[0-9]{7,20}$|^[A-Z]{2}\.[A-Za-z0-9]{1,128}$",
        description="In international form, or the id of a user of a channel.",
    ),
]


class MessageOut(BaseModel):
    """Status of one message. Times are UTC."""

    id: str
    lane: str
    campaign: str | None  # its name; null for a single message
    sub_account: str
    number: str | None  # with `+`, or a user id; null: not for this token, or moving
    state: State | None  # null: it is moving between two states
    attempts: int
    code: int | None
    origin: str
    meaning: str
    umid: str | None  # the provider's id
    posted_at: str | None
    changed_at: str | None
    purpose: Purpose | None  # as it was sent; null: not sent yet, or by an older version
    pricing: str | None  # the category it was charged as, from receipts
    doubt: Doubt  # what the person may have received beyond the state
    tag: str | None  # kind of a single message, as it was enqueued
    attempt_log: list[str]  # earlier attempts: attempt, origin, code, s since 1970, batch
    waits_until: str | None  # no change before
    why: list[str]  # explanations in sentences


class WantedIn(BaseModel):
    """Messages whose status is wanted: 1 to 1,000 ids and keys together."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)
    ids: Annotated[
        list[Annotated[str, StringConstraints(pattern=MESSAGE_ID)]], Field(max_length=MOST_WANTED)
    ] = []
    keys: Annotated[
        list[Key],
        Field(max_length=MOST_WANTED, description="Idempotency keys of today and yesterday (UTC)."),
    ] = []
    sub_account: Annotated[
        SubAccountId | None,
        Field(
            description="Whose keys. Without it the token's only one, or the configured default."
        ),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _few_members(cls, given: Any) -> Any:
        """Unknown members are refused; each of tens of thousands would be an error of its own."""
        return dict(islice(given.items(), 10)) if isinstance(given, dict) else given

    @model_validator(mode="after")
    def _few(self) -> Self:
        if not 1 <= len(self.ids) + len(self.keys) <= MOST_WANTED:
            raise ValueError(f"give 1 to {MOST_WANTED:,} ids and keys together")
        return self


class MessagesOut(BaseModel):
    """Status of several messages, in the order in which they were asked for, first those by id."""

    items: list[MessageOut]
    unknown: list[str]  # ids that do not exist, or are not the caller's
    keys: dict[str, str]  # id by key
    unknown_keys: list[str]  # keys without a message of this sub-account today or yesterday


class FoundOut(BaseModel):
    """A message of a campaign."""

    id: str
    campaign: str
    lane: str
    sub_account: str


class FoundPage(BaseModel):
    """Messages for one recipient, the newest campaign first."""

    items: list[FoundOut]
    next: str | None


def message_out(status: MessageStatus, *, with_number: bool) -> MessageOut:
    lane, outcome = status.report.lane, status.report.outcome
    origin = outcome.origin if outcome else Origin.NONE
    return MessageOut(
        id=status.id,
        lane=lane.id,
        campaign=lane.name if lane.kind == "campaign" else None,
        sub_account=lane.sub_account,
        number=(status.recipient or None) if with_number else None,
        state=status.state,
        attempts=status.attempts,
        code=outcome.named_code if outcome else None,
        origin="" if origin is Origin.NONE else origin.name.lower(),
        meaning=explain_code(origin, outcome.code) if outcome else "",
        umid=outcome.umid if outcome else None,
        posted_at=iso(outcome.posted_at) or None if outcome else None,
        changed_at=iso(outcome.changed_at) or None if outcome else None,
        purpose=outcome.purpose if outcome else None,
        pricing=outcome.pricing.name.lower() if outcome and outcome.pricing else None,
        doubt=status.doubt,
        tag=status.report.tag or None,
        attempt_log=list(status.report.attempt_log),
        waits_until=moment_out(waits_until(status)),
        why=explain(status)[1:],
    )
