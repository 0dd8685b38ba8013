"""`/v1/stops`: an operator's stop of all sending, or of marketing."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from config.sections import SubAccountId
from config.settings import Settings
from dashboard.schemas import StopOut, stop_out
from producer.wake import SendWakeUp, wake
from sendmany.api.pagination import ALL_NEEDED, NO_SUB_ACCOUNT, sub_account_or_all
from store.access.audit import audited
from store.access.tokens import Needs, Scope, Token
from store.client import AsyncStore, Store
from store.lanes.lane import Priority
from store.limits.stops import Stopped, go_on, read_stops, stop_sending
from store.threads import ThreadStore


class StopWord(BaseModel):
    """The scope of a stop."""

    model_config = ConfigDict(extra="forbid")
    what: Stopped
    sub_account: SubAccountId | None = None  # null: all of them


class BeginWord(StopWord):
    """The scope of a stop, with its reason."""

    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"[^\s.]")]


class StopsOut(BaseModel):
    """All stops that affect the caller's sub-accounts."""

    items: list[StopOut]
    changed: bool = False  # False: it was in that state already


def stops_router(
    loop_store: AsyncStore, settings: Settings, needs: Needs, send_wake_up: SendWakeUp
) -> APIRouter:
    """The routes: reading requires the scope `read`, stopping `manage`."""
    router, store = APIRouter(prefix="/v1"), ThreadStore(loop_store)
    read, manage = Depends(needs(Scope.READ)), Depends(needs(Scope.MANAGE))
    answers: dict[int | str, dict[str, Any]] = {
        403: {"description": ALL_NEEDED},
        404: {"description": NO_SUB_ACCOUNT},
    }

    @router.get(
        "/stops", tags=["limits"], operation_id="list_stops", summary="What an operator has stopped"
    )
    def list_stops(caller: Annotated[Token, read]) -> StopsOut:
        return _stops(store, caller)

    @router.post(
        "/stops/begin",
        tags=["limits"],
        operation_id="begin_stop",
        summary="Send nothing more, or no marketing, within a second; what waits is kept",
        responses=answers,
    )
    def begin(word: BeginWord, caller: Annotated[Token, manage]) -> StopsOut:
        name = sub_account_or_all(settings, caller, word.sub_account)
        reason = word.reason.strip().rstrip(".")
        call = stop_sending(word.what, name, reason)
        about = f"{word.what} {name}".strip()
        changed = store.run(audited(call, "stop", about, "", lambda _: reason))
        return _stops(store, caller, changed=changed)

    @router.post(
        "/stops/end",
        tags=["limits"],
        operation_id="end_stop",
        summary="Go on with what was stopped by the same words",
        responses=answers,
    )
    def end(word: StopWord, caller: Annotated[Token, manage]) -> StopsOut:
        name = sub_account_or_all(settings, caller, word.sub_account)
        call, about = go_on(word.what, name), f"{word.what} {name}".strip()
        changed = store.run(audited(call, "go", about, "stopped"))
        if changed:
            for priority in Priority:
                wake(store, send_wake_up, priority)
        return _stops(store, caller, changed=changed)

    return router


def _stops(store: Store, caller: Token, *, changed: bool = False) -> StopsOut:
    found = store.run(read_stops())
    shown = [one for one in found if not one.sub_account or caller.may_use(one.sub_account)]
    return StopsOut(items=[stop_out(one) for one in shown], changed=changed)
