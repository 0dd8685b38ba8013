"""`/v1/messages`: enqueuing for services. A message answered with 202 is stored."""

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request, Response

from config.settings import Settings
from producer.errors import FORGOTTEN
from producer.messages.enqueue import Enqueuer, Order
from producer.messages.item import NO_TEMPLATES, TOO_MANY_TAGS, Enqueued
from producer.messages.write_coalescer import MessageWrites
from producer.wake import SendWakeUp
from sendmany.api.errors import unprocessable
from sendmany.api.middleware.security import MORE_HEADERS
from sendmany.api.routes.messages.idempotency_key import KEY_HEADER, RawHeaders, key_of, refuse_key
from sendmany.api.routes.messages.message_orders import (
    Asked,
    Refused,
    account_of,
    as_result,
    is_timed,
    order,
    read_item,
    unfit,
)
from sendmany.api.schemas.messages import (
    BATCH_BODY,
    MESSAGE_BODY,
    MOST_ITEMS,
    BatchOut,
    EnqueuedOut,
    Outcome,
)
from store.access.tokens import Needs, Scope, Token, take_quota
from store.client import AsyncStore
from store.errors import StoreError, StoreRefused
from store.lanes.lane import Priority
from store.plans import carry_out_async
from store.queue.enqueue import Taken
from store.reports.waiting import now_ms
from store.templates import Registry

BREATH_SECONDS: Final = 0.01
"""Seconds of checking items of a batch before other requests get their turn."""
MOST_COMMAS: Final = 2_000_000
"""Most commas of a batch; one of the largest size with a hundred members a message has half of them."""
_OUTCOMES: Final = {
    Taken.NEW: Outcome.ACCEPTED,
    Taken.DUPLICATE: Outcome.DUPLICATE,
    Taken.CONFLICT: Outcome.CONFLICT,
}
_CONFLICT: Final = {
    "description": "The key was used for another message or another person; or today's notifications "
    "of this priority were cancelled."
}
_INVALID: Final = {"description": "It does not fit; `problems` names each place."}
_NO_BATCH: Final = {
    "description": "The body is no list of 1 to 10,000 messages; or there is a header "
    "`Idempotency-Key`, while in a batch each item carries its own `key`."
}
_TOO_MANY: Final = {
    "description": "More messages than the limit of the token allows; nothing is stored. `Retry-After` "
    "says when they fit."
}
_FIGURES: Final = {
    "accepted": Outcome.ACCEPTED,
    "duplicates": Outcome.DUPLICATE,
    "conflicts": Outcome.CONFLICT,
    "invalid": Outcome.INVALID,
    "unavailable": Outcome.UNAVAILABLE,
}


class _Batch(msgspec.Struct, forbid_unknown_fields=True):
    messages: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1, max_length=MOST_ITEMS)]


_read_batch: Final = msgspec.json.Decoder(_Batch).decode


def messages_router(
    store: AsyncStore,
    settings: Settings,
    needs: Needs,
    send_wake_up: SendWakeUp,
    intake: "MessageIntake | None" = None,
) -> APIRouter:
    """The routes; both require the scope `enqueue`. `intake` stores the messages."""
    router = APIRouter(prefix="/v1/messages", tags=["messages"])
    enqueue = Depends(needs(Scope.ENQUEUE))
    intake = intake or MessageIntake(store, settings, send_wake_up)

    @router.post(
        "",
        status_code=202,
        operation_id="enqueue_message",
        summary="Send one message to one person",
        responses={409: _CONFLICT, 422: _INVALID, 429: _TOO_MANY},
        response_model=EnqueuedOut,
        openapi_extra={"requestBody": MESSAGE_BODY, "parameters": [KEY_HEADER]},
    )
    async def enqueue_message(request: Request, caller: Annotated[Token, enqueue]) -> Response:
        """A 202 means that the message is stored and will be sent by a worker.

        With a key the request may be repeated: the same key with the same message returns the first id.
        Message and recipient are compared; not priority, expiry, schedule, tag. After a 503, or without
        an answer, the message may be stored or not: repeat it with its key.
        """
        await intake.take_quota(request, caller, 1)
        return await intake.take_one(await request.body(), request.headers.raw, caller)

    @router.post(
        "/batch",
        status_code=202,
        operation_id="enqueue_messages",
        summary="Send many messages, each to one person",
        responses={422: _NO_BATCH, 429: _TOO_MANY},
        response_model=BatchOut,
        response_model_exclude_unset=True,
        openapi_extra={"requestBody": BATCH_BODY},
    )
    async def enqueue_messages(request: Request, caller: Annotated[Token, enqueue]) -> Response:
        """Every item has a result, in the order of the items; a bad one does not affect the others.

        Keys are members of the items; a header `Idempotency-Key` is refused. If Redis fails midway,
        items not known to be stored are `unavailable`; if nothing is stored, the answer is 503.
        """
        try:
            refuse_key(request.headers.raw)
            items = _batch(await request.body())
        except Refused as refused:
            raise refused.answer() from None
        await intake.take_quota(request, caller, len(items))
        return await intake.take_many(items, caller)

    return router


class MessageIntake:
    """Stores messages for the routes and the fast path."""

    def __init__(self, store: AsyncStore, settings: Settings, send_wake_up: SendWakeUp) -> None:
        self._store = store
        self._settings = settings
        self._enqueuer = Enqueuer(settings, send_wake_up, lambda: datetime.now(UTC))
        self._writes = MessageWrites(store, self._enqueuer)

    async def take_quota(self, request: Request, caller: Token, messages: int) -> None:
        """Count messages against the limit of the token, if it has one; raises HTTPException."""
        limit = caller.limit
        if limit is None:
            return
        if messages > limit.messages:
            problem = f"the token may hand in at most {limit.messages:,} at once"
            raise unprocessable("The batch is larger than the limit.", [("messages", problem)])
        quota = await self._store.run(take_quota(caller.id, limit, messages))
        more, wait = (-(-ms // 1000) for ms in (quota.more_ms, quota.wait_ms))
        policy = f'"messages";q={limit.messages};qu="messages";w={limit.seconds}'
        request.scope[MORE_HEADERS] = (
            (b"ratelimit-policy", policy.encode()),
            (b"ratelimit", f'"messages";r={quota.left};t={more}'.encode()),
        )
        if not quota.taken:
            detail = f"The limit of this token is {limit} messages; {quota.left:,} are left now."
            raise HTTPException(429, detail, {"Retry-After": str(wait)})

    async def take_one(self, body: bytes, headers: RawHeaders, caller: Token) -> Response:
        """Store one message.

        Args:
            headers: may include an idempotency key.

        Raises:
            HTTPException: it is refused.
            StoreUnavailable, StoreFull: it is not known to be stored.
        """
        try:
            key = key_of(headers)
            given = read_item(msgspec.Raw(body))
            account = account_of(given.sub_account, caller, self._settings)
            now = await self._now() if is_timed(given) else 0
            wanted = order(given, key, account, now, await self._registry(given, account))
        except Refused as refused:
            raise refused.answer() from None
        try:
            stored: Enqueued | StoreRefused = await self._writes.add(*wanted)
        except StoreRefused as error:
            stored = error
        return self.answer(stored, wanted.priority)

    def order_at_once(self, body: bytes, headers: RawHeaders, caller: Token) -> Order | None:
        """As `take_one` reads a message; None for one that needs Redis to be read. Raises Refused."""
        given = read_item(msgspec.Raw(body))
        if is_timed(given) or given.purpose == "authentication":
            return None
        account = account_of(given.sub_account, caller, self._settings)
        return order(given, key_of(headers), account, 0, NO_TEMPLATES)

    def put(self, wanted: Order, told: Callable[[Enqueued | Exception], None]) -> None:
        """Store a message and return its answer; raises StoreUnavailable."""
        self._writes.put(*wanted, told)

    def answer(self, stored: Enqueued | StoreRefused, priority: Priority) -> Response:
        """The answer to one message; raises HTTPException."""
        if isinstance(stored, StoreRefused):
            raise HTTPException(409, _no_lane(priority)) from stored
        if stored.taken is Taken.CONFLICT:
            raise HTTPException(409, f"The key was used for another message, {stored.id}")
        if stored.taken is Taken.TAG_REFUSED:
            raise unprocessable("Its tag does not fit.", [("tag", TOO_MANY_TAGS)])
        if stored.taken is Taken.FORGOTTEN:
            raise HTTPException(422, f"The person {FORGOTTEN}.")
        return _accepted({"id": stored.id, "status": _OUTCOMES[stored.taken]})

    async def take_many(self, items: Sequence[msgspec.Raw], caller: Token) -> Response:
        """Store the valid items; a result for each item."""
        checked = await self._check(items, caller)
        orders = [one for one in checked if isinstance(one, Order)]
        stored = await carry_out_async(self._store, self._enqueuer.put_each(orders))
        _raise_if_away(stored)
        answers = iter(stored)
        results = [
            _result(one, next(answers)) if isinstance(one, Order) else as_result(one)
            for one in checked
        ]
        return _accepted(_report(results))

    async def _check(self, items: Sequence[msgspec.Raw], caller: Token) -> list[Order | Refused]:
        now, found, breath = 0, list[Order | Refused](), time.monotonic() + BREATH_SECONDS
        for item in items:
            try:
                given = read_item(item)
                now = now or (await self._now() if is_timed(given) else 0)
                account = account_of(given.sub_account, caller, self._settings)
                registry = await self._registry(given, account)
                found.append(order(given, None, account, now, registry))
            except Refused as refused:
                found.append(refused)
            if time.monotonic() > breath:
                await asyncio.sleep(0)
                breath = time.monotonic() + BREATH_SECONDS
        return found

    async def _registry(self, given: Asked, account: str) -> Registry:
        """The registered templates, if the message needs them."""
        if given.purpose != "authentication":
            return NO_TEMPLATES
        return await carry_out_async(self._store, self._enqueuer.registry(account))

    async def _now(self) -> int:
        return await self._store.run(now_ms())


def _batch(body: bytes) -> list[msgspec.Raw]:
    """The items of a batch; raises Refused."""
    if body.count(b",") > MOST_COMMAS:  # empty items would cost a hundred bytes each
        raise Refused("The request does not fit.", [{"path": "", "message": "Too many members"}])
    try:
        return _read_batch(body).messages
    except (ValueError, RecursionError) as error:
        raise unfit(error) from None


def _raise_if_away(stored: Sequence[Enqueued | StoreError]) -> None:
    """One error for the whole batch if Redis has failed and nothing is stored."""
    if any(isinstance(one, Enqueued) for one in stored):
        return
    for one in stored:
        if isinstance(one, StoreError) and not isinstance(one, StoreRefused):
            raise one


def _result(wanted: Order, stored: Enqueued | StoreError) -> Mapping[str, Any]:
    if isinstance(stored, StoreRefused):
        problem = {"path": "priority", "message": _no_lane(wanted.priority)}
        return {"status": Outcome.CONFLICT, "problems": [problem]}
    if isinstance(stored, StoreError):
        return {"status": "unavailable"}
    if stored.taken is Taken.TAG_REFUSED:
        problem = {"path": "tag", "message": TOO_MANY_TAGS}
        return {"status": Outcome.INVALID, "problems": [problem]}
    if stored.taken is Taken.FORGOTTEN:
        problem = {"path": "message.user", "message": FORGOTTEN}
        return {"status": Outcome.INVALID, "problems": [problem]}
    return {"status": _OUTCOMES[stored.taken], "id": stored.id}


def _report(results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    tally = Tally(result["status"] for result in results)
    figures = {name: tally[outcome] for name, outcome in _FIGURES.items()}
    return {**figures, "results": results}


def _accepted(content: Mapping[str, Any]) -> Response:
    return Response(msgspec.json.encode(content), 202, media_type="application/json")


def _no_lane(priority: Priority) -> str:
    return f"Today's {priority} notifications were cancelled: use another priority"
