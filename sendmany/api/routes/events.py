"""`GET /v1/events`: changes as server-sent events."""

from collections.abc import AsyncGenerator
from contextlib import ExitStack, aclosing, suppress
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from pydantic_core import to_json
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from config.settings import Settings
from dashboard.live_events import Change, Event, Events, Wanted
from sendmany.api.pagination import FINDING
from store.access.places import Places
from store.access.tokens import Needs, Scope, Token
from store.client import AsyncStore
from store.lanes.lane import Lane, find_lane
from store.threads import ThreadStore

RETRY_MS: Final = 2000
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Events without end: `snapshot`, then `campaign`, `lane` and `breakers`.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    },
    **FINDING,
}


class EventStream(StreamingResponse):
    """Server-sent events to one listener; holds a place while it lasts."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes], place: ExitStack) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store"})
        self._events = events
        self._place = place

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        with self._place:
            async with aclosing(self._events):
                with suppress(ClientDisconnect):
                    await super().__call__(scope, receive, send)


def events_router(
    store: AsyncStore, settings: Settings, needs: Needs, events: Events | None = None
) -> APIRouter:
    """The route; it requires the scope `read`. The owner of `events` may close it."""
    router, places = APIRouter(tags=["events"]), Places(settings.web.max_streams)
    read, here = Depends(needs(Scope.READ)), ThreadStore(store)
    hub = events or Events(store, sorted(settings.sub_accounts))

    @router.get(
        "/v1/events",
        status_code=200,
        operation_id="listen",
        summary="Changes of campaigns, as server-sent events",
        response_class=EventStream,
        responses=_ANSWERS,
    )
    async def listen(
        caller: Annotated[Token, read],
        campaign: Annotated[
            str | None, Query(min_length=1, max_length=200, description="Only this one.")
        ] = None,
        last_event_id: Annotated[
            str, Header(max_length=64, description="The last id that was seen, to go on after it.")
        ] = "",
    ) -> EventStream:
        """First a `snapshot`: unfinished campaigns (a named one even if it has ended), lanes of single
        messages, open breakers. Then each of them when it has changed, polled about once a second; a
        comment as a heartbeat. After a reconnect, missed events follow if they are still kept, else a
        new snapshot."""
        only = None
        if campaign is not None:
            only = await to_thread.run_sync(find_lane, here, campaign, caller.may_use)
        await hub.begin()
        wanted = _wanted(caller, only)
        always = only.id if only else ""
        place = ExitStack()
        place.enter_context(places.place_for(caller))
        return EventStream(_written(hub.follow(wanted, last_event_id, always)), place)

    return router


def _wanted(caller: Token, only: Lane | None) -> Wanted:
    """Filter of the caller's events; for one campaign also the breakers that hold it up."""

    def wanted(change: Change) -> bool:
        if only is not None and change.kind == "breakers":
            return change.key == only.sub_account
        return caller.may_use(change.sub_account) and (only is None or change.key == only.id)

    return wanted


async def _written(events: AsyncGenerator[Event | None]) -> AsyncGenerator[bytes]:
    """The events in wire format."""
    yield format_sse_event(retry=RETRY_MS)
    async with aclosing(events):
        async for event in events:
            yield KEEPALIVE_COMMENT if event is None else _one(event)


def _one(event: Event) -> bytes:
    return format_sse_event(data_str=to_json(event.data).decode(), event=event.kind, id=event.id)
