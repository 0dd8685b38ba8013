"""`GET /v1/outcomes…`: changes of messages and campaigns, page by page or as server-sent events."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, HTTPException, Query
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic import BaseModel
from pydantic_core import to_json

from config.settings import Settings
from dashboard.live_events import BEAT_SECONDS, LONGEST_SECONDS, Events
from sendmany.api.routes.events import RETRY_MS, EventStream
from sendmany.api.uploads.launch import choose_sub_account
from store.access.places import Places
from store.access.tokens import Needs, Scope, Token
from store.client import AsyncStore
from store.outcomes.stream import (
    CURSOR,
    Position,
    begin_of_stream,
    end_of_stream,
    want_outcomes,
)
from store.plans import carry_out, carry_out_async
from store.reports.outcomes import GAP, OutcomeEvent, outcomes_after
from store.threads import ThreadStore

LISTENED_SECONDS: Final = 1.0
"""Seconds between two reads of the stream for a listener."""
MOST_ITEMS: Final = 1000
SubAccount = Annotated[
    str | None,
    Query(min_length=1, max_length=50, description="Whose; needed if several are possible."),
]
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    410: {"description": "There is a gap: changes after this cursor are no longer kept."}
}
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events without end: `outcome`, each with its cursor as id; `gap` ends them.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
}


class OutcomesPage(BaseModel):
    """A page of changes, oldest first."""

    items: list[OutcomeEvent]
    next: str  # cursor behind them, for the next call: at once, or later


def outcomes_router(
    store: AsyncStore, settings: Settings, needs: Needs, events: Events
) -> APIRouter:
    """The routes; they require the scope `read`, and show numbers to `people`. They end with
    `events`."""
    router, here = APIRouter(prefix="/v1", tags=["outcomes"]), ThreadStore(store)
    read, places = Depends(needs(Scope.READ)), Places(settings.web.max_streams)

    def name_of(caller: Token, wanted: str | None) -> str:
        name = choose_sub_account(settings, caller, wanted, "query.sub_account")
        want_outcomes(here, name)
        return name

    @router.get(
        "/outcomes",
        operation_id="list_outcomes",
        summary="Changes of messages and campaigns, in the order in which they came",
        responses=_ANSWERS,
    )
    def list_outcomes(
        caller: Annotated[Token, read],
        sub_account: SubAccount = None,
        after: Annotated[
            str | None,
            Query(pattern=CURSOR, description="`next` of the last call; none: all that is kept."),
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Items at most.")] = 100,
    ) -> OutcomesPage:
        """The first call has the changes of the sub-account written, until a week after the last call;
        so it is empty. A page may hold fewer than `limit` items: call again while it holds any."""
        name = name_of(caller, sub_account)
        position = here.run(begin_of_stream(name)) if after is None else Position.parse(after)
        numbers = Scope.PEOPLE in caller.scopes
        found = carry_out(here, outcomes_after(name, position, limit, with_numbers=numbers))
        if found.gap:
            raise HTTPException(410, GAP)
        last = found.items[-1][0] if found.items else position
        return OutcomesPage(items=[item for _, item in found.items], next=str(last))

    @router.get(
        "/outcomes/events",
        status_code=200,
        operation_id="listen_to_outcomes",
        summary="Changes of messages and campaigns, as server-sent events",
        response_class=EventStream,
        responses=_STREAM,
    )
    async def listen_to_outcomes(
        caller: Annotated[Token, read],
        sub_account: SubAccount = None,
        last_event_id: Annotated[
            str | None,
            Header(pattern=CURSOR, description="The last id that was seen; none: from now on."),
        ] = None,
    ) -> EventStream:
        """The same as `/v1/outcomes`, polled about once a second; a comment as a heartbeat."""
        name = await to_thread.run_sync(name_of, caller, sub_account)
        if last_event_id is None:
            position = await store.run(end_of_stream(name))
        else:
            position = Position.parse(last_event_id)
        place = ExitStack()
        place.enter_context(places.place_for(caller))
        numbers = Scope.PEOPLE in caller.scopes
        return EventStream(_followed(store, events, name, position, with_numbers=numbers), place)

    return router


async def _followed(
    store: AsyncStore, events: Events, name: str, position: Position, *, with_numbers: bool
) -> AsyncGenerator[bytes]:
    """The changes behind a position in wire format, until the server closes or the time is over."""
    clock = asyncio.get_running_loop().time
    end, quiet_since = clock() + LONGEST_SECONDS, clock()
    yield format_sse_event(retry=RETRY_MS)
    while not events.closed and clock() < end:
        plan = outcomes_after(name, position, MOST_ITEMS, with_numbers=with_numbers)
        found = await carry_out_async(store, plan)
        if found.gap:
            yield format_sse_event(data_str=f'{{"detail":"{GAP}"}}', event="gap")
            return
        for position, item in found.items:
            yield format_sse_event(
                data_str=to_json(item).decode(), event="outcome", id=str(position)
            )
        if found.items:
            quiet_since = clock()
            continue
        if clock() > quiet_since + BEAT_SECONDS:
            yield KEEPALIVE_COMMENT
            quiet_since = clock()
        await asyncio.sleep(LISTENED_SECONDS)
