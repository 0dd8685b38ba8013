"""`GET /v1/sending`: overall state of sending: workers, backlog, receipts, Redis."""

from collections import Counter
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from config.settings import Settings
from store.access.tokens import Needs, Scope, Token
from store.client import AsyncStore
from store.errors import StoreRefused
from store.lanes.lane import Priority
from store.reports.gauges import read_gauges, read_memory


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
    """The route; it requires the scope `read`."""
    router = APIRouter(prefix="/v1", tags=["limits"])

    @router.get(
        "/sending",
        operation_id="show_sending",
        summary="Workers, what waits, receipts and Redis, at a glance",
    )
    async def show_sending(caller: Annotated[Token, Depends(needs(Scope.READ))]) -> SendingOut:
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
            with suppress(StoreRefused):  # some servers refuse INFO
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

    return router
