"""`/v1/limits…` and `/v1/breakers…`."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from config.sections import SubAccountId
from config.settings import Settings
from dashboard.schemas import BreakerOut, breaker_out
from sendmany.api.schemas.limits import (
    BreakersPage,
    LimitsPage,
    RateHistory,
    history_of,
    limits_out,
)
from store.access.audit import audited
from store.access.tokens import Token
from store.client import Store
from store.limits.breakers import close_breaker, open_breaker, read_breakers
from store.limits.learned import forget_rate, pin_rate
from store.reports.waiting import now_ms

Scope = Annotated[
    str,
    Field(
        pattern=r"^(account|server|stall|bulk|template:[^:\s]{1,512}:[A-Za-z_]{2,10})$",
        description="`account`, `server`, `stall`, `bulk`, or `template:NAME:LANGUAGE`.",
    ),
]
_NOT_THEIRS = {"description": "No such sub-account is configured, or it is not the caller's."}


class BreakerWord(BaseModel):
    """The scope of a breaker."""

    model_config = ConfigDict(extra="forbid")

    sub_account: SubAccountId
    scope: Scope = "account"


class OpenWord(BreakerWord):
    """The scope of a breaker, with reason and duration."""

    reason: Annotated[str, Field(min_length=1, max_length=500)]
    probe_after: Annotated[float, Field(gt=0, le=86400, allow_inf_nan=False)] | None = None


class BreakerMoved(BaseModel):
    """A breaker after an action."""

    sub_account: str
    scope: str
    changed: bool  # False: it was in that state already
    breaker: BreakerOut | None  # null: it is closed


class LimitsWord(BaseModel):
    """A sub-account whose learned rate is forgotten."""

    model_config = ConfigDict(extra="forbid")

    sub_account: SubAccountId


class PinWord(LimitsWord):
    """A rate in messages a second, for a sub-account."""

    rate: Annotated[float, Field(ge=0.1, le=1_000_000, allow_inf_nan=False)]


class LimitsMoved(BaseModel):
    """A learned rate after an action."""

    sub_account: str
    changed: bool  # False: nothing was learned, or another decision came first


def add_limits(router: APIRouter, store: Store, settings: Settings, read: Any, manage: Any) -> None:
    """Add the routes; the dependencies give the caller's token."""

    @router.get(
        "/limits",
        tags=["limits"],
        operation_id="list_limits",
        summary="Limits of each sub-account and their present state",
    )
    def list_limits(caller: Annotated[Token, read]) -> LimitsPage:
        return LimitsPage(
            items=[limits_out(store, name, settings) for name in _names(settings, caller)]
        )

    @router.get(
        "/limits/history",
        tags=["limits"],
        operation_id="list_rate_changes",
        summary="Changes of a learned rate, newest first",
        responses={404: _NOT_THEIRS},
    )
    def list_rate_changes(
        sub_account: SubAccountId,
        caller: Annotated[Token, read],
        limit: Annotated[int, Query(ge=1, le=10_000)] = 50,
    ) -> RateHistory:
        _check(settings, caller, sub_account)
        return history_of(store, sub_account, limit)

    @router.post(
        "/limits/pin",
        tags=["limits"],
        operation_id="pin_rate",
        summary="Fix the rate of a sub-account until it is forgotten",
        responses={404: _NOT_THEIRS, 409: {"description": "The rate cannot be pinned; says why"}},
    )
    def pin(word: PinWord, caller: Annotated[Token, manage]) -> LimitsMoved:
        _check(settings, caller, word.sub_account)
        if refusal := settings.sub_accounts[word.sub_account].why_no_pin(word.rate):
            raise HTTPException(409, f"{word.sub_account}: {refusal}.")
        call = pin_rate(word.sub_account, word.rate, store.run(now_ms()) // 1000)
        changed = store.run(audited(call, "limits.pin", word.sub_account, "", lambda _: word.rate))
        return LimitsMoved(sub_account=word.sub_account, changed=changed)

    @router.post(
        "/limits/forget",
        tags=["limits"],
        operation_id="forget_rate",
        summary="Forget the learned rate of a sub-account, and a pinned one",
        responses={404: _NOT_THEIRS},
    )
    def forget(word: LimitsWord, caller: Annotated[Token, manage]) -> LimitsMoved:
        _check(settings, caller, word.sub_account)
        call = audited(forget_rate(word.sub_account), "limits.forget", word.sub_account)
        return LimitsMoved(sub_account=word.sub_account, changed=store.run(call))


def add_breakers(
    router: APIRouter, store: Store, settings: Settings, read: Any, manage: Any
) -> None:
    """Add the routes; the dependencies give the caller's token."""

    @router.get(
        "/breakers",
        tags=["breakers"],
        operation_id="list_breakers",
        summary="List open breakers",
    )
    def list_breakers(caller: Annotated[Token, read]) -> BreakersPage:
        found = [store.run(read_breakers(name)) for name in _names(settings, caller)]
        return BreakersPage(items=[breaker_out(breaker) for some in found for breaker in some])

    @router.post(
        "/breakers/open",
        tags=["breakers"],
        operation_id="open_breaker",
        summary="Hold up a sub-account, or one template of it",
        responses={404: _NOT_THEIRS},
    )
    def open_(word: OpenWord, caller: Annotated[Token, manage]) -> BreakerMoved:
        _check(settings, caller, word.sub_account)
        whose, scope = word.sub_account, word.scope
        call = open_breaker(whose, scope, word.reason, by="operator", probe_after=word.probe_after)
        about = f"{scope} of {whose}"
        changed = store.run(audited(call, "breaker.open", about, "", lambda _: word.reason))
        return _moved(store, word, changed)

    @router.post(
        "/breakers/close",
        tags=["breakers"],
        operation_id="close_breaker",
        summary="Resume a sub-account, or one template of it",
        responses={404: _NOT_THEIRS},
    )
    def close(word: BreakerWord, caller: Annotated[Token, manage]) -> BreakerMoved:
        _check(settings, caller, word.sub_account)
        call = close_breaker(word.sub_account, word.scope)
        about = f"{word.scope} of {word.sub_account}"
        changed = store.run(audited(call, "breaker.close", about))
        return _moved(store, word, changed)


def _names(settings: Settings, caller: Token) -> list[str]:
    return sorted(filter(caller.may_use, settings.sub_accounts))


def _check(settings: Settings, caller: Token, name: str) -> None:
    if name not in _names(settings, caller):
        raise HTTPException(404, "There is no such sub-account.")


def _moved(store: Store, word: BreakerWord, changed: bool) -> BreakerMoved:
    open_ = [one for one in store.run(read_breakers(word.sub_account)) if one.scope == word.scope]
    return BreakerMoved(
        sub_account=word.sub_account,
        scope=word.scope,
        changed=changed,
        breaker=breaker_out(open_[0]) if open_ else None,
    )
