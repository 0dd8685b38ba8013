"""`/v1/quiet-hours`: when marketing may go to people."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from config.settings import Settings
from dashboard.schemas import QuietHoursOut, quiet_hours_out
from producer.campaigns.schedule import set_quiet_hours
from producer.errors import InputError
from producer.wake import SendWakeUp
from sendmany.api.pagination import ALL_NEEDED, sub_account_or_all
from store.access.tokens import Needs, Scope, Token
from store.client import Store
from store.people.quiet_hours import read_live_hours


class HoursWord(BaseModel):
    """Changes of the hours for marketing."""

    model_config = ConfigDict(extra="forbid")
    on: StrictBool | None = None  # null: as the settings say; left out: as it is
    hours: Annotated[
        dict[str, Annotated[str, Field(max_length=200)] | None],
        Field(
            max_length=300,
            description="By country `FR`, state `US-FL`, or `*`; null: no longer changed.",
        ),
    ] = {}


def quiet_hours_router(
    store: Store, settings: Settings, needs: Needs, send_wake_up: SendWakeUp
) -> APIRouter:
    """The routes: reading requires the scope `read`, changing `manage` for all sub-accounts."""
    router = APIRouter(prefix="/v1/quiet-hours", tags=["limits"])
    read, manage = Depends(needs(Scope.READ)), Depends(needs(Scope.MANAGE))

    @router.get(
        "",
        operation_id="read_quiet_hours",
        summary="When marketing may go to people, by their local time",
    )
    def read_hours(_caller: Annotated[Token, read]) -> QuietHoursOut:
        return quiet_hours_out(settings.quiet_hours, store.run(read_live_hours()))

    @router.patch(
        "",
        operation_id="change_quiet_hours",
        summary="Change these hours for all workers, within a second; what waits is looked at anew",
        responses={403: {"description": ALL_NEEDED}},
    )
    def change_hours(word: HoursWord, caller: Annotated[Token, manage]) -> QuietHoursOut:
        sub_account_or_all(settings, caller, None)
        keep = "on" not in word.model_fields_set
        try:
            live = set_quiet_hours(store, word.hours, send_wake_up, word.on, keep_switch=keep)
        except InputError as error:
            raise HTTPException(422, str(error)) from error
        return quiet_hours_out(settings.quiet_hours, live)

    return router
