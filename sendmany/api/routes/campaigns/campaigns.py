"""`/v1/campaigns`, the changing part: launch by a streamed upload, pause, resume, cancel, and an
operator's decision on messages in doubt."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from config.settings import Settings
from dashboard.schemas import moment_out
from producer.campaigns.draft import DraftOut
from producer.campaigns.form import CampaignForm
from producer.campaigns.plans.plan import Plan
from producer.campaigns.schedule import read_time, reschedule
from producer.errors import InputError
from producer.wake import SendWakeUp, call_workers
from sendmany.api.errors import unprocessable
from sendmany.api.pagination import NameOrId
from sendmany.api.routes.campaigns.again import add_again
from sendmany.api.routes.campaigns.drafts import add_drafts
from sendmany.api.uploads.form import TestForm, form_schema
from sendmany.api.uploads.launch import LaunchedOut, TestOut, launch, plan, send_test
from store.access.audit import audited
from store.access.places import Places
from store.access.tokens import Needs, Scope, Token
from store.client import AsyncStore, Store
from store.errors import StoreRefused
from store.lanes.lane import LaneStatus, find_lane, move_lane
from store.queue.dead_letters import Word, settle_dead_letters
from store.states import State
from store.threads import ThreadStore

MOST_UPLOADS: Final = 8
"""Concurrent uploads; each holds a thread and some megabytes."""
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "There is no such campaign, or it is not the caller's."},
    409: {
        "description": "Its status does not allow this; or several sub-accounts of the caller have a "
        "campaign of this name."
    },
}
_NO_EXCLUDED: Final = {"description": "A campaign to exclude does not exist."}
_THERE: Final = {
    "pause": (LaneStatus.PAUSED,),
    "resume": (LaneStatus.SENDING, LaneStatus.LOADING),
    "accept": (LaneStatus.SENDING, LaneStatus.LOADING),
    "cancel": (LaneStatus.CANCELLING, LaneStatus.CANCELLED),
}
"""Statuses in which an action has no effect."""


class MovedOut(BaseModel):
    """A campaign after an action."""

    id: str
    name: str
    status: LaneStatus
    changed: bool  # False: it was in that state already


class ScheduleIn(BaseModel):
    """When a campaign starts."""

    model_config = ConfigDict(extra="forbid", strict=True)

    send_at: Annotated[
        str,
        Field(
            min_length=1,
            max_length=100,
            description="RFC 3339 with an offset, or `2026-12-24 09:00 Europe/London`.",
        ),
    ]


class ScheduledOut(BaseModel):
    """A campaign whose start was changed."""

    id: str
    name: str
    status: LaneStatus
    send_at: str | None
    zone: str | None
    note: str  # what was made of a time that does not exist or exists twice


class SettledOut(BaseModel):
    """Result of a decision on messages in doubt."""

    id: str
    name: str
    status: LaneStatus
    messages: int  # resent, or closed
    settled_meanwhile: int  # a status update has settled them meanwhile


def campaigns_router(
    store: AsyncStore, settings: Settings, needs: Needs, send_wake_up: SendWakeUp
) -> APIRouter:
    """The routes: launching requires the scope `send`, the others `manage`."""
    router = APIRouter(prefix="/v1/campaigns", tags=["campaigns"])
    plans = APIRouter(prefix="/v1", tags=["campaigns"])
    send, manage = Depends(needs(Scope.SEND)), Depends(needs(Scope.MANAGE))
    blocking, uploads = ThreadStore(store), Places(MOST_UPLOADS)

    @plans.post(
        "/tests",
        status_code=202,
        operation_id="test_campaign",
        summary="Send a campaign's message to yourself first",
        responses={404: _NO_EXCLUDED, 422: {"description": "It cannot be sent; nothing was."}},
        openapi_extra={"requestBody": _form(TestForm)},
    )
    async def test_campaign(request: Request, caller: Annotated[Token, send]) -> list[TestOut]:
        """The form of a launch, with `to` (up to five numbers) and `row` (the line of the file whose
        values are filled in). It goes out at once and is not part of a campaign; 20 an hour a token.
        """
        with uploads.place_for(caller):
            return await send_test(request, store, settings, send_wake_up, caller)

    @plans.post(
        "/plans",
        operation_id="plan_campaign",
        summary="Plan a launch; nothing is stored",
        responses={
            404: _NO_EXCLUDED,
            422: {"description": "The message or the file cannot be used."},
        },
        openapi_extra={"requestBody": _form(CampaignForm)},
    )
    async def plan_campaign(request: Request, caller: Annotated[Token, send]) -> Plan:
        """The form is that of a launch. Returns recipients, invalid rows with reasons, requests,
        seconds, cost, and previews. The `digest` identifies rows, message, options and template: a
        launch with it as `plan` is refused if one of them differs."""
        with uploads.place_for(caller):
            return await plan(request, store, settings, caller)

    @router.post(
        "",
        status_code=201,
        operation_id="launch_campaign",
        summary="Launch a campaign; its recipients are stored during the upload",
        responses=_LAUNCH_ANSWERS,
        openapi_extra={"requestBody": _form(CampaignForm)},
    )
    async def launch_campaign(
        request: Request, response: Response, caller: Annotated[Token, send]
    ) -> LaunchedOut | DraftOut:
        """A form of two parts, in this order: `campaign` (JSON) and `recipients` (CSV with a header).

        The rows are stored as they arrive. After an interrupted upload, send the same file again from
        its start: stored rows are skipped, and no recipient gets two messages. With `launch: false` it
        is kept as a draft, and nothing is sent.
        """
        with uploads.place_for(caller):
            launched = await launch(request, store, settings, send_wake_up, caller)
        if isinstance(launched, LaunchedOut) and launched.resumed:
            response.status_code = 200
        return launched

    add_again(router, blocking, settings, send, uploads, send_wake_up)
    people = Depends(needs(Scope.PEOPLE))
    add_drafts(router, blocking, settings, send, manage, people, uploads, send_wake_up)

    @router.post(
        "/{campaign}/pause",
        operation_id="pause_campaign",
        summary="Pause within a second; unsent messages stay queued",
        responses=_ANSWERS,
    )
    def pause(campaign: NameOrId, caller: Annotated[Token, manage]) -> MovedOut:
        return _move(blocking, caller, campaign, "pause", send_wake_up)

    @router.post(
        "/{campaign}/resume",
        operation_id="resume_campaign",
        summary="Resume a campaign that is paused, stopped or halted",
        responses=_ANSWERS,
    )
    def resume(
        campaign: NameOrId,
        caller: Annotated[Token, manage],
        accept: Annotated[bool, Query(description=_ACCEPT)] = False,
    ) -> MovedOut:
        return _move(blocking, caller, campaign, "accept" if accept else "resume", send_wake_up)

    @router.post(
        "/{campaign}/schedule",
        operation_id="schedule_campaign",
        summary="Set when a campaign starts, before its first claim",
        responses=_ANSWERS,
    )
    def schedule(
        campaign: NameOrId, body: ScheduleIn, caller: Annotated[Token, manage]
    ) -> ScheduledOut:
        return _schedule(blocking, caller, campaign, body.send_at, send_wake_up)

    @router.post(
        "/{campaign}/unschedule",
        operation_id="unschedule_campaign",
        summary="Remove a campaign's start time; it is paused",
        responses=_ANSWERS,
    )
    def unschedule(campaign: NameOrId, caller: Annotated[Token, manage]) -> ScheduledOut:
        return _schedule(blocking, caller, campaign, None, send_wake_up)

    @router.post(
        "/{campaign}/cancel",
        operation_id="cancel_campaign",
        summary="Cancel all unsent messages; this cannot be undone",
        responses=_ANSWERS,
    )
    def cancel(campaign: NameOrId, caller: Annotated[Token, manage]) -> MovedOut:
        return _move(blocking, caller, campaign, "cancel", send_wake_up)

    @router.post(
        "/{campaign}/unconfirmed/resend",
        operation_id="resend_unconfirmed",
        summary="Send unconfirmed messages again; who has received one gets two",
        responses=_ANSWERS,
    )
    def resend(campaign: NameOrId, caller: Annotated[Token, manage]) -> SettledOut:
        return _settle(blocking, caller, campaign, Word.RESEND, send_wake_up)

    @router.post(
        "/{campaign}/unconfirmed/close",
        operation_id="close_unconfirmed",
        summary="Close unconfirmed messages; later receipts still settle them",
        responses=_ANSWERS,
    )
    def close(campaign: NameOrId, caller: Annotated[Token, manage]) -> SettledOut:
        return _settle(blocking, caller, campaign, Word.CLOSE, send_wake_up)

    both = APIRouter()
    both.include_router(plans)
    both.include_router(router)
    return both


_ACCEPT: Final = (
    "Also if it was halted since Redis came back from an older copy: what went out after that copy "
    "may go out again."
)


def _form(of: type[CampaignForm]) -> dict[str, Any]:
    return {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["campaign", "recipients"],
                    "properties": {
                        "campaign": form_schema(of),
                        "recipients": {"type": "string", "format": "binary"},
                    },
                },
                "encoding": {
                    "campaign": {"contentType": "application/json"},
                    "recipients": {"contentType": "text/csv"},
                },
            }
        },
    }


_UNUSABLE: Final = (
    "The message or the file cannot be used. Nothing is stored, unless it is for a later line that is "
    "not UTF-8."
)
_LAUNCH_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": LaunchedOut,
        "description": "An earlier upload had begun it; it is complete now.",
    },
    404: _NO_EXCLUDED,
    409: {"description": "The name is taken by something else, or the campaign takes no more."},
    422: {"description": _UNUSABLE},
}


def _move(
    store: Store, caller: Token, name: str, action: str, send_wake_up: SendWakeUp
) -> MovedOut:
    lane = find_lane(store, name, caller.may_use)
    why = f"by {caller.name or 'an operator'}, over HTTP" if action == "pause" else ""
    move = move_lane(lane.id, action, why)
    changed, status = store.run(
        audited(move, f"campaign.{action}", lane.name, lane.status, lambda moved: moved[1])
    )
    if not changed and status not in _THERE[action]:
        raise HTTPException(409, f"The campaign is {status}: it cannot {action}.")
    if changed and action != "pause":
        call_workers(store, lane, send_wake_up)
    return MovedOut(id=lane.id, name=lane.name, status=status, changed=changed)


def _schedule(
    store: Store, caller: Token, name: str, send_at: str | None, send_wake_up: SendWakeUp
) -> ScheduledOut:
    lane = find_lane(store, name, caller.may_use)
    try:
        time = None if send_at is None else read_time(send_at)
        reschedule(store, lane, time, send_wake_up)
    except InputError as error:
        raise unprocessable(str(error), [("send_at", str(error))]) from error
    except StoreRefused as error:
        raise HTTPException(409, str(error)) from error
    lane = find_lane(store, lane.id)
    return ScheduledOut(
        id=lane.id,
        name=lane.name,
        status=lane.status,
        send_at=moment_out(lane.send_at),
        zone=lane.zone or None,
        note=time.sentence if time else "",
    )


def _settle(
    store: Store, caller: Token, name: str, word: Word, send_wake_up: SendWakeUp
) -> SettledOut:
    lane = find_lane(store, name, caller.may_use)
    said = settle_dead_letters(store, lane, word, (State.UNCONFIRMED,))
    if said.refused:
        raise HTTPException(409, f"The campaign is {said.status}: nothing of it is sent again.")
    if said.jobs and word is Word.RESEND:
        call_workers(store, lane, send_wake_up)
    return SettledOut(
        id=lane.id,
        name=lane.name,
        status=said.status,
        messages=said.jobs,
        settled_meanwhile=said.moved_on,
    )
