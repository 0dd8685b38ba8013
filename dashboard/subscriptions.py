"""Subscriptions as the command line and the HTTP API show them."""

from typing import Any

from pydantic import BaseModel

from dashboard.explain import iso
from dashboard.schemas import moment_out
from store.client import Store
from store.subscriptions.subscription import Format, Subscription, read_dead, read_progress


class SubscriptionOut(BaseModel):
    """A subscription, and how far it is. Times are UTC."""

    id: str
    url: str
    types: list[str]
    sub_account: str
    with_numbers: bool
    format: Format
    made_at: str
    disabled: str  # why nothing is sent; empty: it is active
    cursor: str  # position in the outcome stream
    events: int  # taken so far
    failures: int  # in a row
    failing_since: str | None
    next_try: str | None  # after a failure
    answer: str  # the endpoint's last one
    answered_at: str | None
    dead: int  # batches that were given up


class SubscriptionAddedOut(SubscriptionOut):
    """A new subscription."""

    secret: str  # shown once


class SubscriptionShownOut(SubscriptionOut):
    """A subscription with its newest dead letters."""

    dead_letters: list[dict[str, Any]]  # after, to: positions; events, why


def facts_of(store: Store, one: Subscription) -> dict[str, Any]:
    """The members of `SubscriptionOut`."""
    now = store.run(read_progress(one.id))
    return {
        "id": one.id,
        "url": one.url,
        "types": list(one.types),
        "sub_account": one.sub_account,
        "with_numbers": one.with_numbers,
        "format": one.format,
        "made_at": iso(one.made_at),
        "disabled": one.disabled,
        "cursor": now.cursor,
        "events": now.events,
        "failures": now.failures,
        "failing_since": moment_out(now.failing_since),
        "next_try": moment_out(now.due) if now.failures else None,
        "answer": now.answer,
        "answered_at": moment_out(now.answered_at),
        "dead": now.dead,
    }


def shown(store: Store, one: Subscription) -> SubscriptionShownOut:
    """A subscription with its newest dead letters."""
    return SubscriptionShownOut(**facts_of(store, one), dead_letters=store.run(read_dead(one.id)))
