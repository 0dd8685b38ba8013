"""`GET|DELETE /v1/messages…`: status of single messages, and the end of those that still wait."""

import re
from collections.abc import Iterable
from datetime import date
from itertools import chain
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query
from pydantic import BeforeValidator

from config.sections import SubAccountId
from config.settings import Settings
from dashboard.message import MessageStatus, explain, message_status_of
from dashboard.message_page import DayPage, MessageFilter, UnknownCursor, day_page
from producer.messages.enqueue import ids_by_key, lanes_of_day
from sendmany.api.errors import UNFIT, unprocessable
from sendmany.api.pagination import (
    FINDING,
    LOOKED_AT,
    NO_CURSOR,
    Cursor,
    Cursors,
    Limit,
    sub_account_or_all,
    walk_lanes,
)
from sendmany.api.routes.campaigns.exports import States
from sendmany.api.routes.messages.message_orders import Refused, account_of
from sendmany.api.schemas.message_status import (
    FoundOut,
    FoundPage,
    MessageId,
    MessageOut,
    MessagesOut,
    Recipient,
    WantedIn,
    message_out,
)
from store.access.tokens import Scope, Token
from store.client import Store
from store.errors import UnknownLane
from store.lanes.lane import Lane, find_lane
from store.people.recipients import find_recipient
from store.queue.cancel import cancel_message as cancel_waiting
from store.reports.waiting import now_ms

LOOKED_INTO: Final = 256
"""Packed values searched for the job of a message."""
LOOKED_INTO_FOR_EACH: Final = 1
"""The same where the status of many messages is asked for at once."""
Campaign = Annotated[
    str | None, Query(min_length=1, max_length=200, description="Name or id; else all campaigns.")
]


def _as_a_day(text: Any) -> Any:
    """Refuse the other forms that pydantic takes for a date, such as seconds since 1970."""
    if isinstance(text, str) and not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        raise ValueError("write the day as 2026-12-03")
    return text


Day = Annotated[
    date | None,
    BeforeValidator(_as_a_day),
    Query(
        alias="date",
        description="A day in UTC, as 2026-12-03: its single messages.",
    ),
]
Whose = Annotated[
    SubAccountId | None,
    Query(description="Only of this one; without it of all that the token is for."),
]
_EITHER: Final = "give either date (and state, sub_account, tag) or number (and campaign)"
_UNKNOWN: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "There is no such message, or it is not the caller's."}
}
_TOO_LATE: Final[dict[int | str, dict[str, Any]]] = {
    409: {
        "description": "It is being sent, waits for a decision, or has ended: nothing was changed."
    }
}


def add_messages(
    router: APIRouter, store: Store, settings: Settings, read: Any, enqueue: Any
) -> None:
    """Add the routes; `read` and `enqueue` are the dependencies for the caller's token."""

    @router.get(
        "/messages",
        tags=["messages"],
        operation_id="find_messages",
        summary="The single messages of a day; or messages of campaigns by their recipient",
        responses=FINDING,
    )
    def find_messages(
        caller: Annotated[Token, read],
        day: Day = None,
        state: States = None,
        sub_account: Whose = None,
        tag: Annotated[str | None, Query(max_length=64, description="Only those with it.")] = None,
        number: Recipient = None,
        campaign: Campaign = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> DayPage | FoundPage:
        """With `date` the messages that services enqueued on that day, with their status: urgent ones
        first, of each priority ended ones before waiting ones. Their recipients are shown only to tokens
        with the scope `people`.

        With `number`, which needs the scope `people`, messages of campaigns. Single messages are not
        found by number: keep the id that the enqueue returned.

        A page may hold fewer than `limit` and not be the last: continue while there is `next`.
        """
        if (day is None) == (number is None) or (campaign if day else state or sub_account or tag):
            raise unprocessable(UNFIT, [("query", _EITHER)])
        if day is not None:
            lanes = _lanes_of(day, caller, sub_account)
            return _of_day(
                store,
                caller,
                lanes,
                MessageFilter(state or (), tag=tag, cursor=cursor, limit=limit),
            )
        if Scope.PEOPLE not in caller.scopes:
            raise HTTPException(403, "To search by number takes a token with the scope people.")
        recipient = (number or "").strip(" +")
        if campaign is None:
            return _everywhere(store, caller, recipient, cursor, limit)
        found = _in_lane(store, find_lane(store, campaign, caller.may_use), recipient)
        return FoundPage(items=[found] if found else [], next=None)

    @router.get(
        "/messages/{message}",
        tags=["messages"],
        operation_id="show_message",
        summary="Status of a message, or why it waits and until when",
        responses=_UNKNOWN,
    )
    def show_message(message: MessageId, caller: Annotated[Token, read]) -> MessageOut:
        """The recipient is shown only to tokens with the scope `people`."""
        return message_out(_status(message, caller), with_number=Scope.PEOPLE in caller.scopes)

    @router.post(
        "/statuses",
        tags=["messages"],
        operation_id="show_messages",
        summary="Status of up to 1,000 messages, by their ids or idempotency keys",
    )
    def show_messages(wanted: WantedIn, caller: Annotated[Token, read]) -> MessagesOut:
        """As that of one message, but the recipient of a message that waits may be left out."""
        keyed = _by_key(wanted, caller)
        found = MessagesOut(items=[], unknown=[], keys=keyed, unknown_keys=[])
        found.unknown_keys += [key for key in wanted.keys if key not in keyed]
        for one in wanted.ids + [keyed[key] for key in wanted.keys if key in keyed]:
            status = _known(one, caller, LOOKED_INTO_FOR_EACH)
            if status is None:
                found.unknown.append(one)
            else:
                found.items.append(message_out(status, with_number=Scope.PEOPLE in caller.scopes))
        return found

    @router.delete(
        "/messages/{message}",
        tags=["messages"],
        operation_id="cancel_message",
        summary="Cancel a message that still waits",
        responses=_UNKNOWN | _TOO_LATE,
    )
    def cancel_message(message: MessageId, caller: Annotated[Token, enqueue]) -> MessageOut:
        """It ends as `cancelled`, and its key stays used. A message of a campaign also needs the scope
        `manage`."""
        status = _status(message, caller)
        lane = status.report.lane
        if lane.kind == "campaign" and Scope.MANAGE not in caller.scopes:
            raise HTTPException(403, "A message of a campaign needs a token with the scope manage.")
        if not cancel_waiting(store, lane, status.report.index, store.run(now_ms()) // 1000):
            now = _status(message, caller)
            raise HTTPException(409, f"It cannot be cancelled any more: {explain(now)[1]}.")
        return message_out(_status(message, caller), with_number=Scope.PEOPLE in caller.scopes)

    def _lanes_of(day: date, caller: Token, sub_account: str | None) -> list[str]:
        accounts: Iterable[str] = filter(caller.may_use, settings.sub_accounts)
        if sub_account is not None:
            accounts = [sub_account_or_all(settings, caller, sub_account)]
        return [*chain.from_iterable(lanes_of_day(one, day) for one in accounts)]

    def _by_key(wanted: WantedIn, caller: Token) -> dict[str, str]:
        if not wanted.keys:
            return {}
        try:
            account = account_of(wanted.sub_account, caller, settings)
        except Refused as refused:
            raise refused.answer() from None
        return store.run(ids_by_key(account, wanted.keys))

    def _status(message: str, caller: Token) -> MessageStatus:
        status = _known(message, caller, LOOKED_INTO)
        if status is None:
            raise HTTPException(404, "There is no such message.")
        return status

    def _known(message: str, caller: Token, most: int) -> MessageStatus | None:
        try:
            status = message_status_of(store, message, most=most)
        except UnknownLane:
            return None
        return status if caller.may_use(status.report.lane.sub_account) else None


def _of_day(store: Store, caller: Token, lanes: list[str], wanted: MessageFilter) -> DayPage:
    try:
        page = day_page(store, lanes, wanted)
    except UnknownCursor:
        raise unprocessable(UNFIT, [("query.cursor", NO_CURSOR)]) from None
    if Scope.PEOPLE not in caller.scopes:
        for one in page.items:
            one.number = None
    return page


def _everywhere(
    store: Store, caller: Token, recipient: str, cursor: str | None, limit: int
) -> FoundPage:
    """Messages for this recipient in all campaigns of the caller, from a position on."""
    page, cursors = FoundPage(items=[], next=None), Cursors(store, caller)
    for n, (place, lane) in enumerate(walk_lanes(store, cursors.read(cursor), cursors.key), 1):
        theirs = lane is not None and caller.may_use(lane.sub_account)
        if lane is not None and theirs:
            found = _in_lane(store, lane, recipient)
            page.items += [found] if found else []
        if len(page.items) == limit or n == LOOKED_AT:
            page.next = cursors.write(place, known=theirs)
            break
    return page


def _in_lane(store: Store, lane: Lane, recipient: str) -> FoundOut | None:
    index = find_recipient(store, lane, recipient) if lane.kind == "campaign" else None
    if index is None:
        return None
    return FoundOut(
        id=f"{lane.id}.{index}", campaign=lane.name, lane=lane.id, sub_account=lane.sub_account
    )
