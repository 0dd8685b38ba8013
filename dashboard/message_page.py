"""Messages of a campaign, a page at a time: those of some states, of one cause, or with one doubt."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Final, Literal

from pydantic import BaseModel

from dashboard.export import doubt_of, row
from store.client import Store
from store.records.outcome import Origin
from store.reports.messages import Listed, MessagePlace, messages_after
from store.states import OPEN_STATES, RECORD_STATES, State

MOST_WAITING: Final = 10_000
"""Messages that wait are counted from the first one for each page; who wants more exports them."""


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages, and where in their list."""

    states: Collection[State] = ()  # none: all
    origin: Literal["api", "http", "request", "local", "receipt"] | None = None
    code: int | None = None
    doubt: Literal["may_have_two", "may_have_arrived"] | None = None
    cursor: str | None = None  # `next` of the page before
    limit: int = 50

    def wants(self, message: Listed) -> bool:
        """Whether a message, whose state is right, is one of them."""
        record = message.record
        if self.origin and not (record and record.origin is Origin[self.origin.upper()]):
            return False
        if self.code is not None and not (record and record.code == self.code):
            return False
        return self.doubt is None or doubt_of(message) == self.doubt


class MessageRow(BaseModel):
    """A message in a list, as the export has it. Times are UTC."""

    id: str
    index: int
    number: str
    state: str
    attempts: int
    code: int | None
    origin: str
    meaning: str
    umid: str
    posted_at: str
    changed_at: str
    purpose: str
    pricing: str
    doubt: str


class MessagesPage(BaseModel):
    """Some messages."""

    items: list[MessageRow]
    next: str | None  # the cursor of the next page; none: this is the last


def messages_page(store: Store, lane_id: str, wanted: MessageFilter) -> MessagesPage:
    """One page of them."""
    counted = [one.state for one in RECORD_STATES if one.counted]
    states = frozenset(wanted.states or (*counted, *OPEN_STATES))
    cursor = wanted.cursor or "0"
    begin = MessagePlace(cursor.startswith("w"), int(cursor.lstrip("w")))
    page = MessagesPage(items=[], next=None)
    for message, place in messages_after(store, lane_id, states, begin):
        if message is not None and wanted.wants(message):
            page.items.append(MessageRow(id=f"{lane_id}.{message.index}", **asdict(row(message))))
        if place.waiting and place.at >= MOST_WAITING:
            break
        if message is None or len(page.items) == wanted.limit:
            page.next = f"{'w' if place.waiting else ''}{place.at}"
            break
    return page
