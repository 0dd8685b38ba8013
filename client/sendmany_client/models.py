"""Messages to send, and the answers of a server. Members that a newer server adds are kept, too."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from sendmany_client.errors import Problem

Priority = Literal["urgent", "normal", "bulk"]
Purpose = Literal["marketing", "utility", "authentication"]


def _new_key() -> str:
    return uuid4().hex


class Message(BaseModel):
    """One message for one person.

    Its idempotency key belongs to the object: however often the object is sent, the person gets one
    message. Give a `key` of your own (an order number) where the program may be run again.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    message: dict[str, Any]  # the provider's, or `to`, `template`, `language`, `params`
    key: Annotated[str, Field(min_length=1, max_length=256)] = Field(default_factory=_new_key)
    priority: Priority = "normal"  # urgent overtakes campaigns
    sub_account: str | None = None
    purpose: Purpose | None = None
    tag: str | None = None  # kind of message, to list those of a day by
    expires_at: AwareDatetime | None = None  # not sent from then on
    expires_in: Annotated[int, Field(ge=1)] | None = None  # instead: seconds from now
    send_at: AwareDatetime | None = None  # not sent before

    def body(self) -> bytes:
        """The JSON of a request."""
        return self.model_dump_json(exclude_none=True).encode()


class _Answer(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class Sent(_Answer):
    """A message that is stored."""

    id: str
    status: str  # accepted; duplicate: its key was known, `id` is that of the first


class Result(_Answer):
    """Result of one of many messages."""

    status: str  # accepted, duplicate; conflict, invalid, unavailable
    id: str | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def is_stored(self) -> bool:
        return self.status in {"accepted", "duplicate"}


class MessageStatus(_Answer):
    """Status of one message."""

    id: str
    state: str | None  # None: it is moving between two states, ask again
    code: int | None = None
    origin: str = ""
    meaning: str = ""  # of the code
    attempts: int = 0
    campaign: str | None = None
    sub_account: str = ""
    number: str | None = None  # for tokens with the scope `people`
    umid: str | None = None  # the provider's id
    changed_at: datetime | None = None
    tag: str | None = None  # as it was sent
    why: tuple[str, ...] = ()  # in sentences


class MessageStatuses(_Answer):
    """Status of several messages, in the order in which they were asked for, first those by id."""

    items: tuple[MessageStatus, ...] = ()
    unknown: tuple[str, ...] = ()  # ids that do not exist, or are not of the token's sub-account
    keys: dict[str, str] = {}  # id by idempotency key
    unknown_keys: tuple[str, ...] = ()  # of no message of today or yesterday


class MessagePage(_Answer):
    """Messages of a day, and the cursor behind them."""

    items: tuple[MessageStatus, ...]
    next: str | None  # None: this was the last page


class Launched(_Answer):
    """A campaign that is stored."""

    id: str
    name: str
    status: str
    recipients: int
    duplicates: int = 0
    invalid_rows: int = 0
    resumed: bool = False  # it was launched before: each person is in it once


class Campaign(_Answer):
    """Status of a campaign."""

    id: str
    name: str
    status: str
    recipients: int
    done: int  # messages that have ended
    open: int  # messages that have not
    counts: dict[str, int]  # by state
    progress: float = 0
    finished_at: datetime | None = None
    why: tuple[str, ...] = ()  # status and what it waits for, in sentences


class Outcome(_Answer):
    """A change of a message, or of a campaign."""

    type: str  # message.delivered, campaign.finished, …
    id: str  # of the message, or of the campaign
    seq: str = ""  # of two changes of one message the later one has the greater text
    at: datetime | None = None
    state: str | None = None
    code: int | None = None
    origin: str = ""
    campaign: str | None = None
    sub_account: str = ""
    number: str | None = None  # for tokens with the scope `people`
    about: dict[str, str] | None = None  # of an opt-out, a reply, a template


class OutcomePage(_Answer):
    """Changes, oldest first, and the cursor behind them."""

    items: tuple[Outcome, ...]
    next: str
