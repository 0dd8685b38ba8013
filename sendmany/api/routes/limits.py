"""`/v1/limits` and `/v1/breakers`."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from config.sections import SubAccountId
from config.settings import Settings
from dashboard.schemas import BreakerOut, breaker_out
from sendmany.api.schemas.limits import BreakersPage, LimitsPage, limits_out
from store.access.audit import audited
from store.access.tokens import Token
from store.client import Store
from store.limits.breakers import close_breaker, open_breaker, read_breakers

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


def add_limits(router: APIRouter, store: Store, settings: Settings, read: Any) -> None:
    """Add the route; `read` is the dependency for the caller's token."""

    @router.get(
        "/limits",
        tags=["limits"],
        operation_id="list_limits",
        summary="Limits of each sub-account and their present state",
    )
    def list_limits(caller: Annotated[Token, read]) -> LimitsPage:
        return LimitsPage(
            items=[
                limits_out(store, name, settings.sub_accounts[name])
                for name in _names(settings, caller)
            ]
        )


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
