"""Pages of a campaign's messages: by state, by cause, or by doubt."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Final, Literal

from pydantic import BaseModel

from dashboard.export import Row, doubt_of, row
from store.client import Store
from store.records.outcome import Origin
from store.reports.messages import Listed, MessagePlace, messages_after
from store.states import OPEN_STATES, RECORD_STATES, State

MOST_WAITING: Final = 10_000
"""Most waiting messages: each page counts them from the first one; an export has all."""


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Filter of messages and position in their list."""

    states: Collection[State] = ()  # empty: all
    origin: Literal["api", "http", "request", "local", "receipt"] | None = None
    code: int | None = None
    doubt: Literal["may_have_two", "may_have_arrived"] | None = None
    cursor: str | None = None  # `next` of the last page
    limit: int = 50

    def wants(self, message: Listed) -> bool:
        """True when a message in one of the states matches."""
        record = message.record
        if self.origin and not (record and record.origin is Origin[self.origin.upper()]):
            return False
        if self.code is not None and not (record and record.code == self.code):
            return False
        return self.doubt is None or doubt_of(message) == self.doubt


@dataclass(frozen=True, slots=True)
class MessageRow(Row):
    """A message in a list: its row in the export and its id. Times are UTC."""

    id: str


class MessagesPage(BaseModel):
    """A page of messages."""

    items: list[MessageRow]
    next: str | None  # cursor of the next page; null on the last one


def messages_page(store: Store, lane_id: str, wanted: MessageFilter) -> MessagesPage:
    counted = [one.state for one in RECORD_STATES if one.counted]
    states = frozenset(wanted.states or (*counted, *OPEN_STATES))
    cursor = wanted.cursor or "0"
    begin = MessagePlace(cursor.startswith("w"), int(cursor.lstrip("w")))
    page, last = MessagesPage(items=[], next=None), begin
    for message, place in messages_after(store, lane_id, states, begin):
        if message is None or (place.waiting and place.at > MOST_WAITING):
            page.next = _cursor(place) if message is None else None
            break
        if not wanted.wants(message):
            continue
        if len(page.items) == wanted.limit:  # there is one more: so this is not the last page
            page.next = _cursor(last)
            break
        page.items.append(MessageRow(id=f"{lane_id}.{message.index}", **asdict(row(message))))
        last = place
    return page


def _cursor(place: MessagePlace) -> str:
    return f"{'w' if place.waiting else ''}{place.at}"
