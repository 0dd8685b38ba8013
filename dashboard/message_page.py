"""Pages of a campaign's messages, or of a day's single messages: by state, by cause, or by doubt."""

import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal

from pydantic import BaseModel

from dashboard.export import Row, doubt_of, row
from store.client import Store
from store.keys import OUTCOMES_PER_KEY
from store.lanes.lane import Lane, read_lane
from store.purposes import Purpose
from store.records.outcome import Doubt, Origin
from store.reports.messages import LOOKED_INTO, Listed, MessagePlace, messages_after
from store.reports.tags import LaneTags, has_tag
from store.states import OPEN_STATES, RECORD_STATES, State

MOST_WAITING: Final = 10_000
"""Most waiting messages: each page counts them from the first one; an export has all."""

MOST_SEARCHED: Final = LOOKED_INTO * OUTCOMES_PER_KEY
"""A page of a day begins no further lane behind so many messages."""


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Filter of messages and position in their list."""

    states: Collection[State] = ()  # empty: all
    origin: Literal["api", "http", "request", "local", "receipt"] | None = None
    code: int | None = None
    doubt: Literal["may_have_two", "may_have_arrived"] | None = None
    tag: str | None = None  # of single messages
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


def messages_page(
    store: Store, lane_id: str, wanted: MessageFilter, tags: LaneTags | None = None
) -> MessagesPage:
    """A page of a lane.

    Args:
        tags: of the lane, if it has single messages.
    """
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
        if wanted.tag and tags and tags.of(message.index) != wanted.tag:
            continue
        if len(page.items) == wanted.limit:  # there is one more: so this is not the last page
            page.next = _cursor(last)
            break
        page.items.append(MessageRow(id=f"{lane_id}.{message.index}", **asdict(row(message))))
        last = place
    return page


class UnknownCursor(ValueError):
    """A cursor that no page of this list has given."""


class DayMessage(BaseModel):
    """A single message in the list of a day. Times are UTC."""

    id: str
    sub_account: str
    number: str | None  # with `+`, or a user id; null: not for this token
    state: State
    attempts: int
    code: int | None
    origin: str
    meaning: str
    umid: str | None  # the provider's id
    posted_at: str | None
    changed_at: str | None
    purpose: Purpose | None
    pricing: str | None
    doubt: Doubt
    tag: str | None


class DayPage(BaseModel):
    """A page of the single messages of a day."""

    items: list[DayMessage]
    next: str | None  # cursor of the next page; null on the last one


def day_page(store: Store, lanes: Sequence[str], wanted: MessageFilter) -> DayPage:
    """Messages of these lanes, one lane after the other.

    Raises:
        UnknownCursor: the cursor is not of these lanes.
    """
    page, searched = DayPage(items=[], next=None), 0
    first, cursor = (0, "") if wanted.cursor is None else _place_in(lanes, wanted.cursor)
    for lane_id in lanes[first:]:
        left = wanted.limit - len(page.items)
        if not left or searched >= MOST_SEARCHED:
            page.next = f"{lane_id}.0"
            break
        lane = store.run(read_lane(lane_id))
        if lane is not None and (not wanted.tag or store.run(has_tag(lane_id, wanted.tag))):
            inner = replace(wanted, cursor=cursor or None, limit=left)
            tags = LaneTags(store, lane_id)
            found = messages_page(store, lane_id, inner, tags)
            page.items += [_of_day(one, lane, tags.of(one.index)) for one in found.items]
            searched += lane.next_index
            if found.next is not None:
                page.next = f"{lane_id}.{found.next}"
                break
        cursor = ""
    return page


def _place_in(lanes: Sequence[str], cursor: str) -> tuple[int, str]:
    lane, _, inner = cursor.rpartition(".")
    if lane not in lanes or not re.fullmatch("w?[0-9]{1,10}", inner):
        raise UnknownCursor(cursor)
    return lanes.index(lane), inner


def _of_day(one: MessageRow, lane: Lane, tag: str) -> DayMessage:
    told = {name: None if value == "" else value for name, value in asdict(one).items()}
    fixed = {"sub_account": lane.sub_account, "origin": one.origin, "meaning": one.meaning}
    return DayMessage(**{**told, **fixed, "doubt": one.doubt, "tag": tag or None})


def _cursor(place: MessagePlace) -> str:
    return f"{'w' if place.waiting else ''}{place.at}"
