"""`POST /v1/campaigns/…/retry` and `…/recipients`: retries a campaign, and adds recipients."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

from anyio import to_thread
from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from chatapps.rendering.compiled import CompiledContent, message_of
from config.settings import Settings
from producer.campaigns.draft import add_rows
from producer.campaigns.form import CampaignName
from producer.campaigns.launch import LISTED_INVALID_ROWS
from producer.campaigns.retry import look_at_retry, run_retry, selection
from producer.campaigns.upload import Upload, receive_more
from producer.files.invalid_rows import InvalidRow
from producer.layout import Layout, ReadOptions, read_map
from producer.wake import SendWakeUp
from sendmany.api.pagination import NameOrId
from sendmany.api.uploads.form import CSV_BODY, Column
from sendmany.api.uploads.launch import InvalidRowOut, http_errors, invalid_rows_out
from sendmany.api.uploads.loader import load_while_receiving
from store.access.places import Places
from store.access.tokens import Token
from store.client import Store
from store.lanes.lane import Lane, LaneStatus, find_lane
from store.states import RECORD_STATES

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "There is no such campaign, or it is not the caller's."},
    409: {"description": "The name is taken, it is cancelled, or another one is being loaded."},
    422: {"description": "No recipient is selected, or values are not kept; nothing is stored."},
}
_COUNTED: Final = tuple(str(row.state) for row in RECORD_STATES if row.counted)


class RetryIn(BaseModel):
    """Selection of a retry, as in `sendmany campaign retry`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    state: Annotated[
        list[Literal[_COUNTED]],  # type: ignore[valid-type]  # a table, not a list of literals
        Field(description="Default: undelivered, failed, rejected."),
    ] = []
    code: Annotated[
        list[Annotated[str, Field(max_length=40, pattern=r"^[a-z]+[.:]\d{1,5}$")]],
        Field(max_length=100, description="Only with these codes, such as receipt.1024."),
    ] = []
    not_read: bool = False
    older: Annotated[str, Field(pattern=r"^\d{1,6}[smhd]$", description="Such as 48h.")] | None = (
        None
    )
    name: Annotated[
        CampaignName | None,
        Field(alias="as", description="Of the new campaign; the same again goes on with it."),
    ] = None
    dry_run: Annotated[bool, Field(description="Count, and store nothing.")] = False


class RetryOut(BaseModel):
    """A retry, stored or as a dry run."""

    dry_run: bool
    name: str
    id: str | None  # null: it is not stored
    status: LaneStatus | None
    parent: str  # id of the campaign that is retried
    people: int
    may_have_arrived: int  # of those, who have received the first message, or may have
    retried_before: int  # left out: recipients of an earlier retry
    forgotten: int  # left out: forgotten people
    recipients: int | None  # in it so far


_MAP = "`phone=COLUMN`: the column of the number, or of a placeholder."


class AddedOut(BaseModel):
    """Result of an addition."""

    id: str
    name: str
    status: LaneStatus
    recipients: int
    added: int
    already_in: int
    invalid_rows: int
    first_invalid_rows: list[InvalidRowOut]
    number_column: str
    country_column: str | None


def add_again(
    router: APIRouter,
    store: Store,
    settings: Settings,
    send: Any,
    uploads: Places,
    wake: SendWakeUp,
) -> None:
    """Add the routes.

    Args:
        send: the dependency for the caller's token.
        uploads: limits concurrent uploads.
    """

    @router.post(
        "/{campaign}/retry",
        operation_id="retry_campaign",
        summary="Retry a campaign for the people it did not reach",
        responses=_ANSWERS,
    )
    def retry(campaign: NameOrId, body: RetryIn, caller: Annotated[Token, send]) -> RetryOut:
        """The same message and values, as a campaign of its own. Without an answer, repeat the request:
        it continues, and no recipient is added twice."""
        lane, status = find_lane(store, campaign, caller.may_use), None
        with http_errors():
            selected = selection(body.state, body.code, body.older or "", not_read=body.not_read)
            found = look_at_retry(store, lane, selected, body.name or "")
            id_, recipients = found.child or None, None
            if not body.dry_run:
                child = run_retry(store, found, wake)
                id_, status, recipients = child.id, child.status, child.next_index
        return RetryOut(
            dry_run=body.dry_run, id=id_, status=status, recipients=recipients, **found.figures()
        )

    @router.post(
        "/{campaign}/recipients",
        operation_id="add_recipients",
        summary="Add people to a campaign; they are stored during the upload",
        responses=_ANSWERS,
        openapi_extra={"requestBody": CSV_BODY},
    )
    async def recipients(
        campaign: NameOrId,
        request: Request,
        caller: Annotated[Token, send],
        map: Annotated[list[str] | None, Query(description=_MAP, max_length=100)] = None,
        country_column: Column = None,
        encoding: Column = None,
        sheet: Column = None,
        default_region: Annotated[str | None, Query(pattern=r"^[A-Z]{2}$")] = None,
    ) -> AddedOut:
        """The body is a CSV file with a header. People in the campaign already are left out. After an
        interrupted upload, send the same file again: it continues. To a draft all rows are added, once
        the body is there; its plan tells which are used."""
        lane = await to_thread.run_sync(find_lane, store, campaign, caller.may_use)
        if lane.kind != "campaign":
            raise HTTPException(404, "There is no such campaign.")
        with http_errors():
            names = read_map(map or ())
        reading = ReadOptions(
            names,
            country_column=country_column,
            region=default_region or settings.default_region,
            encoding=encoding,
            sheet=sheet,
        )
        if lane.status is LaneStatus.DRAFT:
            with uploads.place_for(caller), http_errors():
                more = await load_while_receiving(
                    request.stream(), lambda file: add_rows(store, settings, lane, file, reading)
                )
            return _added(more.lane, more.lane, more.unreadable, more.layout, rows=more.rows)
        message = message_of(CompiledContent.load(lane.content))
        upload = Upload(lane.name, lane.sub_account, message, reading, keep=lane.keep)
        with uploads.place_for(caller), http_errors():
            done = await load_while_receiving(
                request.stream(), lambda file: receive_more(store, lane, upload, file, wake)
            )
        return _added(lane, done.lane, done.invalid_rows, done.layout)


def _added(
    before: Lane, after: Lane, listed: Sequence[InvalidRow], layout: Layout, rows: int = 0
) -> AddedOut:
    draft = after.status is LaneStatus.DRAFT
    return AddedOut(
        id=after.id,
        name=after.name,
        status=after.status,
        recipients=after.next_index,
        added=rows if draft else after.next_index - before.next_index,
        already_in=after.duplicates - before.duplicates,
        invalid_rows=len(listed) if draft else after.invalid_rows - before.invalid_rows,
        first_invalid_rows=invalid_rows_out(listed[:LISTED_INVALID_ROWS]),
        number_column=layout.number_column,
        country_column=layout.country_column,
    )
