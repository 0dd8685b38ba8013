"""`/v1/campaigns/…` of drafts: change, replace, plan, test, launch, clone, delete."""

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Annotated, Any, Final, TypeVar

from anyio import to_thread
from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, create_model
from starlette.types import Receive, Scope, Send

from chatapps.preflight import Finding, Severity
from config.sections import SubAccount
from config.settings import Settings
from dashboard.schemas import moment_out
from producer.campaigns.draft import (
    OF_THE_LAUNCH,
    DraftOut,
    RecipientsOut,
    clone,
    edit,
    first_recipients,
    list_invalid_rows,
    prepared_draft,
)
from producer.campaigns.form import CampaignForm, CampaignName
from producer.campaigns.launch import run
from producer.campaigns.plans.plan import Plan, plan_file
from producer.campaigns.preflight import stops
from producer.campaigns.schedule import read_finish, read_rate, set_pace, why_late
from producer.campaigns.trial import message_of_row
from producer.campaigns.upload import Uploaded
from producer.errors import NotAgreed
from producer.files.invalid_rows import InvalidRow
from producer.wake import SendWakeUp
from sendmany.api.pagination import NameOrId
from sendmany.api.uploads.form import CSV_BODY, Column, Row, To
from sendmany.api.uploads.launch import (
    LaunchedOut,
    LaunchStopped,
    TestOut,
    draft_answer,
    http_errors,
    launched_out,
    plan_answer,
    send_tests,
)
from sendmany.api.uploads.loader import load_while_receiving
from store.access.places import Places
from store.access.tokens import Token
from store.client import Store
from store.lanes.drafts import delete_draft
from store.lanes.lane import (
    SPREAD,
    Lane,
    LaneStatus,
    Pace,
    find_lane,
    rate_out,
    read_counts,
    still_open,
)

T = TypeVar("T")
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "There is no such campaign, or it is not the caller's."},
    409: {"description": "It is no draft, was changed meanwhile, or the name is taken."},
    422: {"description": "It does not fit; nothing is changed."},
}
_LIST: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Its line, the reason, and its cells, for each row.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    },
    **_ANSWERS,
}
_CHANGES: Any = {
    name: (
        Annotated[one.annotation, *one.metadata, Field(description=one.description)] | None,
        None,
    )
    for name, one in CampaignForm.model_fields.items()
    if name == "name" or name not in OF_THE_LAUNCH
}
ChangesIn = create_model(
    "ChangesIn",
    __config__=ConfigDict(extra="forbid", strict=True),
    __doc__="Changes of a draft's form; null resets a member. Else: rate, spread, weight, finish_by.",
    **_CHANGES,
)


class PaceOut(BaseModel):
    """The pace of a campaign."""

    id: str
    name: str
    rate: float
    spread: bool
    weight: int
    finish_by: str | None
    zone: str | None
    warning: str  # why it cannot be finished by then


class LaunchIn(BaseModel):
    """How a draft is launched."""

    model_config = ConfigDict(extra="forbid", strict=True)

    plan: Annotated[
        str, Field(description="Digest of a plan: what differs from it is not launched.")
    ] = ""
    send_at: Annotated[
        str | None,
        Field(min_length=1, max_length=100, description="When it starts, instead of the draft's."),
    ] = None
    force: Annotated[bool, Field(description="Launch even if messages would be refused.")] = False
    accept_invalid: Annotated[
        bool, Field(description="Launch although too many rows cannot be used.")
    ] = False


class TestIn(BaseModel):
    """A test of a draft."""

    __test__ = False  # nothing of pytest's
    model_config = ConfigDict(extra="forbid", strict=True)

    to: To
    row: Row = None


class CloneIn(BaseModel):
    """A clone."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[CampaignName, Field(alias="as", description="Of the new draft.")]
    missed: Annotated[
        bool, Field(description="Without those whom it and its retries reached, or may have.")
    ] = False


class _ClosedStream(StreamingResponse):
    """CSV from a generator that holds a place: it is closed when the client leaves, since an idle
    thread may keep it alive."""

    def __init__(self, header: str, blocks: Generator[str]) -> None:
        super().__init__(chain((header,), blocks), media_type="text/csv; charset=utf-8")
        self._blocks = blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._blocks.close()


class DeletedOut(BaseModel):
    """A draft that is gone."""

    id: str
    name: str
    deleted: bool


def _paced(store: Store, settings: Settings, lane: Lane, pace: Pace) -> PaceOut:
    account = settings.sub_accounts.get(lane.sub_account, SubAccount())
    counts = store.run(read_counts(lane.id))
    return PaceOut(
        id=lane.id,
        name=lane.name,
        **rate_out(pace.rate),
        weight=pace.weight,
        finish_by=moment_out(pace.finish_by),
        zone=pace.zone or None,
        warning=why_late(account, still_open(counts), pace.finish_by, lane.send_at),
    )


def add_drafts(
    router: APIRouter,
    store: Store,
    settings: Settings,
    send: Any,
    manage: Any,
    people: Any,
    uploads: Places,
    wake: SendWakeUp,
) -> None:
    """Add the routes.

    Args:
        send, manage, people: the dependencies for the caller's token.
        uploads: limits concurrent readers of recipients.
    """

    def out(lane: Lane) -> DraftOut:
        return draft_answer(store, settings, lane)

    async def in_thread(caller: Token, campaign: str, use: Callable[[Lane], T]) -> T:
        def found() -> T:
            return use(find_lane(store, campaign, caller.may_use))

        with uploads.place_for(caller), http_errors():
            return await to_thread.run_sync(found)

    @router.patch(
        "/{campaign}",
        operation_id="change_campaign",
        summary="Change a draft; of another campaign how fast it goes, or its share beside others",
        responses=_ANSWERS,
    )
    def change(
        campaign: NameOrId,
        body: ChangesIn,
        caller: Annotated[Token, manage],
    ) -> DraftOut | PaceOut:
        changes = body.model_dump(mode="json", exclude_unset=True)
        lane = find_lane(store, campaign, caller.may_use)
        with http_errors():
            if lane.status is LaneStatus.DRAFT:
                return out(edit(store, settings, lane, changes))
        if lane.kind != "campaign":
            raise HTTPException(404, "There is no such campaign.")
        if changes.keys() - {"rate", "spread", "weight", "finish_by"}:
            raise HTTPException(
                409, f"It is {lane.status}: only rate, spread, weight and finish_by can be changed."
            )
        with http_errors():
            rate, spread = changes.get("rate"), changes.get("spread")
            if rate is None and spread is False and lane.rate == SPREAD:
                rate = 0
            rate = read_rate(settings, lane.sub_account, rate, spread=spread)
            finish = read_finish(changes.get("finish_by"), rate=rate)
            paced = set_pace(store, lane, rate, changes.get("weight"), finish)
        if paced is None:
            raise HTTPException(404, "There is no such campaign.")
        return _paced(store, settings, lane, paced)

    @router.delete(
        "/{campaign}",
        operation_id="delete_draft",
        summary="Delete a draft and its recipients; its name is free then",
        responses=_ANSWERS,
    )
    def delete(campaign: NameOrId, caller: Annotated[Token, manage]) -> DeletedOut:
        lane = find_lane(store, campaign, caller.may_use)
        with http_errors():
            delete_draft(store, lane)
        return DeletedOut(id=lane.id, name=lane.name, deleted=True)

    @router.put(
        "/{campaign}/recipients",
        operation_id="replace_recipients",
        summary="Replace the recipients of a draft",
        responses=_ANSWERS,
        openapi_extra={"requestBody": CSV_BODY},
    )
    async def recipients(
        campaign: NameOrId,
        request: Request,
        caller: Annotated[Token, send],
        encoding: Column = None,
        sheet: Column = None,
    ) -> DraftOut:
        """The body is a CSV file with a header, or a workbook. Until it has come whole, the draft stays
        as it was."""
        lane = await to_thread.run_sync(find_lane, store, campaign, caller.may_use)
        changes = {"encoding": encoding, "sheet": sheet}
        with uploads.place_for(caller), http_errors():
            return await load_while_receiving(
                request.stream(), lambda file: out(edit(store, settings, lane, changes, file))
            )

    @router.get(
        "/{campaign}/recipients",
        operation_id="show_recipients",
        summary="The first recipients of a draft, as its file is read",
        responses=_ANSWERS,
    )
    async def show_recipients(
        campaign: NameOrId,
        caller: Annotated[Token, people],
        limit: Annotated[int, Query(ge=1, le=100)] = 5,
    ) -> RecipientsOut:
        return await in_thread(
            caller, campaign, lambda lane: first_recipients(store, settings, lane, limit)
        )

    @router.get(
        "/{campaign}/invalid-rows",
        operation_id="export_invalid_rows",
        summary="Every row of a draft that cannot be used, with the reason",
        response_class=StreamingResponse,
        responses=_LIST,
    )
    def invalid_rows(campaign: NameOrId, caller: Annotated[Token, people]) -> StreamingResponse:
        """Full numbers included. Corrected, the list can be added as a further file. An answer that is
        cut off is incomplete."""
        lane = find_lane(store, campaign, caller.may_use)

        def text() -> Generator[str]:
            with uploads.place_for(caller):
                yield from list_invalid_rows(store, settings, lane)

        blocks = text()
        with http_errors():
            header = next(blocks)  # takes the place, and raises before the answer begins
        return _ClosedStream(header, blocks)

    @router.get(
        "/{campaign}/plan",
        operation_id="plan_draft",
        summary="Plan the launch of a draft; nothing is sent",
        responses=_ANSWERS,
    )
    async def plan(campaign: NameOrId, caller: Annotated[Token, send]) -> Plan:
        def planned(lane: Lane) -> Plan:
            return plan_answer(plan_file(store, settings, prepared_draft(store, settings, lane)))

        return await in_thread(caller, campaign, planned)

    @router.post(
        "/{campaign}/launch",
        operation_id="launch_draft",
        summary="Launch a draft",
        responses=_ANSWERS,
    )
    async def launch(
        campaign: NameOrId, body: LaunchIn, caller: Annotated[Token, send]
    ) -> LaunchedOut:
        """Without an answer, repeat the request: an interrupted launch continues, and no recipient is
        added twice."""
        return await in_thread(caller, campaign, partial(_launch, store, settings, body, wake))

    @router.post(
        "/{campaign}/test",
        status_code=202,
        operation_id="test_draft",
        summary="Send the message of a draft to yourself first",
        responses=_ANSWERS,
    )
    async def test(
        campaign: NameOrId, body: TestIn, caller: Annotated[Token, send]
    ) -> list[TestOut]:
        def sent(lane: Lane) -> list[TestOut]:
            prepared = prepared_draft(store, settings, lane)
            file, launch = prepared.file, prepared.launch
            filled = message_of_row(file.layout, prepared.message, file.records(), body.row)
            return send_tests(store, settings, wake, caller, body.to, launch, filled)

        return await in_thread(caller, campaign, sent)

    @router.post(
        "/{campaign}/clone",
        status_code=201,
        operation_id="clone_campaign",
        summary="Make a draft of a draft, or of a campaign that has ended",
        responses=_ANSWERS,
    )
    async def clone_(campaign: NameOrId, body: CloneIn, caller: Annotated[Token, send]) -> DraftOut:
        def cloned(lane: Lane) -> DraftOut:
            return out(clone(store, settings, lane, body.name, missed=body.missed))

        return await in_thread(caller, campaign, cloned)


def _launch(
    store: Store, settings: Settings, body: LaunchIn, wake: SendWakeUp, lane: Lane
) -> LaunchedOut:
    prepared = prepared_draft(store, settings, lane, body.send_at)
    findings: list[Finding] = []
    if lane.status is LaneStatus.DRAFT:
        planned = plan_answer(plan_file(store, settings, prepared))
        if stops(planned.problems) and not body.force:
            raise LaunchStopped(planned.problems)
        if why_not := planned.why_not(body.plan, accept_invalid=body.accept_invalid):
            raise NotAgreed(f"Nothing was launched: {why_not}")
        warnings = [Finding(Severity.WARNING, "", one) for one in planned.warnings]
        findings = [*planned.problems, *warnings]
        prepared = replace(prepared, digest=planned.digest)
    listed: list[InvalidRow] = []
    done = run(store, prepared, wake, listed=listed)
    layout = prepared.file.layout
    return launched_out(
        Uploaded(done.lane, done.resumed, listed, layout, "", done.folded), findings
    )
