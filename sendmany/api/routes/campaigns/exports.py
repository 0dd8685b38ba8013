"""`GET /v1/campaigns/…/export` and `…/unconfirmed`: every message of a campaign, as a stream."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Header, HTTPException, Query
from fastapi.responses import StreamingResponse

from dashboard.export import Sheet, export_blocks, filter_of
from sendmany.api.pagination import FINDING, NameOrId
from store.access.tokens import Token
from store.client import Store
from store.lanes.lane import find_lane
from store.reports.messages import list_dead_letters, list_messages
from store.states import State

Layout = Literal["csv", "jsonl"]
LINES: Final = "application/x-ndjson"
MEDIA: Final[dict[Layout, str]] = {"csv": "text/csv; charset=utf-8", "jsonl": LINES}
Format = Annotated[
    Layout | None, Query(description="Instead of Accept: rows, or a JSON object a line.")
]
States = Annotated[
    list[State] | None, Query(max_length=len(State), description="Only these; may be repeated.")
]
Accept = Annotated[str, Header(include_in_schema=False)]
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "A row, or a line, for each message.",
        "content": {
            "text/csv": {"schema": {"type": "string"}},
            LINES: {"schema": {"type": "string"}},
        },
    },
    **FINDING,
}


def add_exports(router: APIRouter, store: Store, people: Any) -> None:
    """Add the routes; `people` is the dependency for the caller's token."""

    @router.get(
        "/campaigns/{campaign}/export",
        tags=["campaigns"],
        operation_id="export_campaign",
        summary="Every recipient of a campaign with the outcome",
        response_class=StreamingResponse,
        responses=_STREAM,
    )
    def export(
        campaign: NameOrId,
        caller: Annotated[Token, people],
        state: States = None,
        doubt: Annotated[
            Literal["may_have_two", "may_have_arrived"] | None,
            Query(description="Only those who may have got two, or one that is not told."),
        ] = None,
        code: Annotated[
            list[str] | None, Query(max_length=100, description="Only these, as receipt.1024.")
        ] = None,
        since: Annotated[
            str, Query(max_length=40, description="Only what changed since then; ISO 8601.")
        ] = "",
        columns: Annotated[
            list[str] | None, Query(max_length=100, description="Also of the recipient file.")
        ] = None,
        format: Format = None,
        accept: Accept = "",
    ) -> StreamingResponse:
        """Full numbers included. Ended messages come first, waiting ones after them. An answer that is
        cut off is incomplete."""
        lane, layout = find_lane(store, campaign, caller.may_use), format or _layout(accept)
        try:
            sheet = Sheet(store, lane, columns or ())
            wanted = filter_of(state or (), code or (), since, doubt)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        blocks = export_blocks(layout, sheet, filter(wanted.takes, list_messages(store, lane.id)))
        return StreamingResponse(blocks, media_type=MEDIA[layout])

    @router.get(
        "/campaigns/{campaign}/unconfirmed",
        tags=["campaigns"],
        operation_id="list_unconfirmed",
        summary="Messages that need an operator's decision, as an export",
        response_class=StreamingResponse,
        responses=_STREAM,
    )
    def unknown(
        campaign: NameOrId,
        caller: Annotated[Token, people],
        format: Format = None,
        accept: Accept = "",
    ) -> StreamingResponse:
        """Messages of which it is unknown whether the provider accepted them. `…/unconfirmed/resend` and
        `…/close` decide."""
        lane, layout = find_lane(store, campaign, caller.may_use), format or _layout(accept)
        dead = list_dead_letters(store, lane.id, (State.UNCONFIRMED,))
        return StreamingResponse(
            export_blocks(layout, Sheet(store, lane), dead), media_type=MEDIA[layout]
        )


def _layout(accept: str) -> Layout:
    return "jsonl" if LINES in accept.lower() else "csv"
