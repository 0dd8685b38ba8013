"""`/v1/subscriptions`: endpoints that are sent news of messages and campaigns."""

import time
from datetime import datetime
from typing import Annotated, Any, Final

from anyio import to_thread
from fastapi import APIRouter, Depends, HTTPException, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from config.sections import SettingsError, SubAccountId
from config.settings import Settings
from dashboard.subscriptions import (
    SubscriptionAddedOut,
    SubscriptionOut,
    SubscriptionShownOut,
    facts_of,
    shown,
)
from sendmany.api.errors import UNFIT, unprocessable
from sendmany.api.uploads.launch import choose_sub_account
from store.access.tokens import Needs, Scope, Token
from store.client import AsyncStore
from store.errors import StoreRefused
from store.subscriptions.subscription import (
    Format,
    Subscription,
    add_subscription,
    check_types,
    find_subscription,
    key_of,
    list_subscriptions,
    remove_subscription,
    replay,
    rotate_secret,
)
from store.threads import ThreadStore
from worker.endpoint import MOST_URL, BadEndpoint, check_url
from worker.subscriptions import send_test

SubscriptionId = Annotated[str, Path(pattern="^[a-z0-9]{1,32}$", description="Of the list.")]
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    404: {"description": "There is no such subscription, or it is not the caller's."},
    409: {"description": "It was changed meanwhile, there are too many, or there is no secret."},
}


class SubscriptionIn(BaseModel):
    """An endpoint, and the events it wants."""

    model_config = ConfigDict(extra="forbid")
    url: Annotated[str, Field(min_length=8, max_length=MOST_URL)]
    types: Annotated[list[str], Field(min_length=1, max_length=30)]
    sub_account: SubAccountId | None = None
    with_numbers: bool = False  # numbers of people; takes a token with the scope `people`, too
    format: Format = (
        Format.STANDARD
    )  # slack: a text for chat tools, unsigned; campaign.* types only


class ReplayIn(BaseModel):
    """The time from which on changes are sent again."""

    model_config = ConfigDict(extra="forbid")
    since: AwareDatetime


class SubscriptionsOut(BaseModel):
    """All subscriptions of the caller's sub-accounts."""

    items: list[SubscriptionOut]


class SecretOut(BaseModel):
    """The new secret of a subscription; the old one signs for another day, too."""

    secret: str  # shown once


class TriedOut(BaseModel):
    """The endpoint's answer to a test."""

    taken: bool
    answer: str


class RemovedOut(BaseModel):
    """A removed subscription."""

    removed: str


def subscriptions_router(loop_store: AsyncStore, settings: Settings, needs: Needs) -> APIRouter:
    """The routes; they require the scope `admin`."""
    router, store = APIRouter(prefix="/v1", tags=["subscriptions"]), ThreadStore(loop_store)
    admin = Depends(needs(Scope.ADMIN))

    def found(id: str, caller: Token) -> Subscription:
        one = store.run(find_subscription(id))
        if one is None or not caller.may_use(one.sub_account):
            raise HTTPException(404, "There is no such subscription.")
        return one

    def key() -> bytes:
        try:
            return key_of(settings)
        except SettingsError as error:
            raise HTTPException(409, str(error)) from error

    @router.get(
        "/subscriptions",
        operation_id="list_subscriptions",
        summary="List subscriptions, oldest first",
    )
    def list_all(caller: Annotated[Token, admin]) -> SubscriptionsOut:
        all_ = [one for one in store.run(list_subscriptions()) if caller.may_use(one.sub_account)]
        return SubscriptionsOut(items=[SubscriptionOut(**facts_of(store, one)) for one in all_])

    @router.post(
        "/subscriptions",
        status_code=201,
        operation_id="add_subscription",
        summary="Send changes from now on to an endpoint; its secret is shown once",
        responses={409: _ANSWERS[409]},
    )
    def add(word: SubscriptionIn, caller: Annotated[Token, admin]) -> SubscriptionAddedOut:
        name = choose_sub_account(settings, caller, word.sub_account, "sub_account")
        if word.with_numbers and Scope.PEOPLE not in caller.scopes:
            raise HTTPException(403, "with_numbers takes a token with the scope people, too.")
        path = "url"
        try:
            check_url(word.url, settings.subscriptions.trusted)
            path = "types"
            types = check_types(word.types, word.format, with_numbers=word.with_numbers)
        except (BadEndpoint, ValueError) as error:
            rule = str(error).partition(": there are")[0]
            raise unprocessable(UNFIT, [(path, rule)]) from error
        secret_key, now = key(), int(time.time())
        try:
            one, secret = add_subscription(
                store, secret_key, now, word.url, types, name,
                with_numbers=word.with_numbers, format=word.format,
            )  # fmt: skip
        except StoreRefused as error:
            raise HTTPException(409, str(error)) from error
        return SubscriptionAddedOut(**facts_of(store, one), secret=secret)

    @router.get(
        "/subscriptions/{subscription}",
        operation_id="show_subscription",
        summary="A subscription, with what its endpoint did not take",
        responses={404: _ANSWERS[404]},
    )
    def show(subscription: SubscriptionId, caller: Annotated[Token, admin]) -> SubscriptionShownOut:
        return shown(store, found(subscription, caller))

    @router.delete(
        "/subscriptions/{subscription}",
        operation_id="remove_subscription",
        summary="Send nothing more to an endpoint",
        responses=_ANSWERS,
    )
    def remove(subscription: SubscriptionId, caller: Annotated[Token, admin]) -> RemovedOut:
        _changed(lambda: remove_subscription(store, found(subscription, caller)))
        return RemovedOut(removed=subscription)

    @router.post(
        "/subscriptions/{subscription}/rotate",
        operation_id="rotate_subscription",
        summary="A new secret; the old one signs for another day, too",
        responses=_ANSWERS,
    )
    def rotate(subscription: SubscriptionId, caller: Annotated[Token, admin]) -> SecretOut:
        one, secret_key = found(subscription, caller), key()
        now = int(time.time())
        return SecretOut(secret=_changed(lambda: rotate_secret(store, secret_key, now, one)))

    @router.post(
        "/subscriptions/{subscription}/replay",
        operation_id="replay_subscription",
        summary="Send again what came since a time; a disabled subscription goes on",
        responses=_ANSWERS,
    )
    def replay_(
        subscription: SubscriptionId, word: ReplayIn, caller: Annotated[Token, admin]
    ) -> SubscriptionShownOut:
        since_ms = ms_of(word.since)
        _changed(lambda: replay(store, found(subscription, caller), since_ms))
        return shown(store, found(subscription, caller))

    @router.post(
        "/subscriptions/{subscription}/test",
        operation_id="test_subscription",
        summary="Send an event of type test to an endpoint now",
        responses=_ANSWERS,
    )
    async def send_event(subscription: SubscriptionId, caller: Annotated[Token, admin]) -> TriedOut:
        one = await to_thread.run_sync(found, subscription, caller)
        key()
        answer = await send_test(settings, one)
        return TriedOut(taken=answer.ok, answer=answer.words)

    return router


def ms_of(since: datetime) -> int:
    """A time in ms since 1970, at least 0."""
    return max(0, int(since.timestamp() * 1000))


def _changed(act: Any) -> Any:
    """The result of a change; 409 if another one came first."""
    try:
        return act()
    except StoreRefused as error:
        raise HTTPException(409, str(error)) from error
