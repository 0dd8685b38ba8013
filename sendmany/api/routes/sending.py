"""`GET /v1/sending` and `GET /v1/doctor`: overall state of sending, and checks with remedies."""

from collections import Counter
from contextlib import suppress
from typing import Annotated, Final

from anyio import to_thread
from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel

from config.settings import Settings
from sendmany.doctor.checks import examine_with
from sendmany.doctor.finding import Check
from store.access.places import Places
from store.access.tokens import Needs, Scope, Token
from store.client import AsyncStore
from store.errors import StoreFault
from store.lanes.lane import Priority
from store.reports.gauges import read_gauges, read_memory

MOST_DOCTORS: Final = 4
"""Examinations at a time; each holds a thread for up to some seconds a sub-account."""


class WorkersOut(BaseModel):
    """Dispatchers of one kind of worker."""

    serves: str  # priorities, such as `urgent` or `normal-bulk`; `all`
    dispatchers: int


class BacklogOut(BaseModel):
    """Unended messages of unfinished lanes."""

    sub_account: str
    priority: Priority
    lanes: int
    messages: int


class ReceiptsOut(BaseModel):
    """Webhook bodies that are not applied yet."""

    waiting: int
    oldest_seconds: float
    applied: int
    unmatched: int


class RedisOut(BaseModel):
    """Memory of Redis; 0: unknown, or no limit."""

    used_bytes: int
    limit_bytes: int


class SendingOut(BaseModel):
    """Overall state of sending."""

    workers: list[WorkersOut]
    backlog: list[BacklogOut]
    receipts: ReceiptsOut | None  # null: the token is restricted to some sub-accounts
    redis: RedisOut | None  # likewise


def sending_router(store: AsyncStore, settings: Settings, needs: Needs) -> APIRouter:
    """The routes; they require the scope `read`."""
    router = APIRouter(prefix="/v1", tags=["limits"])
    read, doctors = Depends(needs(Scope.READ)), Places(MOST_DOCTORS)

    @router.get(
        "/sending",
        operation_id="show_sending",
        summary="Workers, what waits, receipts and Redis, at a glance",
    )
    async def show_sending(caller: Annotated[Token, read]) -> SendingOut:
        found = await read_gauges(store, sorted(filter(caller.may_use, settings.sub_accounts)))
        lanes: Counter[tuple[str, Priority]] = Counter()
        waiting: Counter[tuple[str, Priority]] = Counter()
        for lane in found.lanes:
            if caller.may_use(lane.sub_account):
                lanes[lane.sub_account, lane.priority] += 1
                waiting[lane.sub_account, lane.priority] += sum(lane.open.values())
        inbox, everything = found.inbox, not caller.sub_accounts
        used, limit = 0, 0
        if everything:
            with suppress(StoreFault):  # some servers refuse INFO
                used, limit = await store.run(read_memory())
        return SendingOut(
            workers=[
                WorkersOut(serves=kind or "all", dispatchers=n)
                for kind, n in found.loops.items()
                if n or not kind
            ],
            backlog=[
                BacklogOut(sub_account=one[0], priority=one[1], lanes=n, messages=waiting[one])
                for one, n in sorted(lanes.items())
            ],
            receipts=ReceiptsOut(
                waiting=inbox.waiting,
                oldest_seconds=inbox.oldest_age,
                applied=inbox.applied,
                unmatched=sum(inbox.unmatched.values()),
            )
            if everything
            else None,
            redis=RedisOut(used_bytes=used, limit_bytes=limit) if everything else None,
        )

    @router.get(
        "/doctor",
        operation_id="doctor",
        summary="Check everything that sending needs, with a remedy for each problem",
        responses={403: {"description": "The token is for some sub-accounts only"}},
    )
    async def doctor(
        caller: Annotated[Token, read],
        offline: Annotated[bool, Query(description="Do not contact the provider.")] = False,
    ) -> list[Check]:
        """The checks of `sendmany doctor`, with the settings of this web process and from its host:
        workers on other hosts may have other keys, and reach the provider or not."""
        if caller.sub_accounts:
            raise HTTPException(
                403, "Doctor looks at every sub-account: use a token that is good for all."
            )
        with doctors.place_for(caller):
            return await to_thread.run_sync(lambda: list(examine_with(settings, offline=offline)))

    return router
