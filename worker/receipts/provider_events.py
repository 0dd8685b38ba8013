"""Applies the provider's events about templates, numbers and accounts to breakers.

An event names the account, not the sub-account: it applies to every sub-account of the account by the
settings. A paused, rejected or disabled template holds up its messages until it is approved again. A
flagged number holds up bulk lanes until it is unflagged. An account that may not send holds up
everything until it is reinstated or the restriction ends. Only an operator closes an operator's breaker.
A tier that an event tells is that of the portfolio, where one is configured.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from chatapps.webhooks import (
    AccountChange,
    BusinessChange,
    NumberChange,
    Restriction,
    TemplateChange,
)
from config.settings import Settings
from store.client import AsyncStore
from store.limits.breakers import ACCOUNT, BULK, close_breaker, open_breaker, template_scope
from store.limits.tier import UNLIMITED, change_tier
from store.receipts.inbox import Entry
from store.templates import keep_quality, template_name
from worker.template_registry import tell_changes

log = structlog.get_logger(__name__)

_FREED = ("REINSTATE", "UNBAN")
_LOST = ("DELETED", "DISABLE", "OFFBOARD")
_DIRECT_SEND = "DIRECT_SEND"
_TOLD = ("status", "reason", "title", "quality", "category", "previous_category")
"""Members of a template's event that subscriptions get."""


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """A breaker to open or to close."""

    scope: str
    closed: bool  # True: sending is allowed again
    reason: str = ""
    ends: int | None = None  # ms since 1970, when it ends by itself


def provider_event_of(event: BusinessChange) -> ProviderEvent | None:
    """The breaker change of an event; None for events without one. Pure."""
    if isinstance(event, TemplateChange):
        return _of_template(event)
    if isinstance(event, NumberChange):
        return _of_number(event)
    return _of_account(event)


def _of_number(event: NumberChange) -> ProviderEvent | None:
    """A number of low quality risks its limits: bulk lanes wait, other lanes go on."""
    if event.event == "UNFLAGGED":
        return ProviderEvent(BULK, closed=True)
    if event.event != "FLAGGED":
        return None
    detail = f" ({event.reason})" if event.reason else ""
    return ProviderEvent(
        BULK, closed=False, reason=f"the provider says that the number is flagged{detail}"
    )


def sub_accounts_of(event: BusinessChange, settings: Settings) -> list[str]:
    """The sub-accounts that belong to an event's account.

    Events name the account by its id or, as in the provider's samples, by a name (provider docs,
    business events). If all sub-accounts belong to one account, an unknown name is that account's.
    """
    named = _bare(event.account_id or "")
    accounts = settings.sub_accounts
    found = [
        name
        for name, account in accounts.items()
        if named and named in (_bare(account.account_id or ""), _bare(account.account_name or ""))
    ]
    ids = {account.account_id or name for name, account in accounts.items()}
    one = len(ids) == 1 and not any(account.account_name for account in accounts.values())
    is_name = named and not re.fullmatch("[0-9a-f]{32}", named)
    return found or (list(accounts) if one and is_name else [])


async def act_on(
    store: AsyncStore, settings: Settings, event: BusinessChange, entry: Entry
) -> bool:
    """Apply an event; False if it is about no sub-account of ours. A repeated event, or one older than
    the last of its scope, changes nothing.

    Args:
        entry: the event's entry.
    """
    ours, news = sub_accounts_of(event, settings), provider_event_of(event)
    if isinstance(event, TemplateChange) and event.name and ours:
        told = {name: getattr(event, name) or "" for name in _TOLD}
        template = template_name(event.name, event.language or "")
        for sub_account in ours if event.quality else ():
            await store.run(keep_quality(sub_account, template, event.quality or ""))
        await tell_changes(store, settings, ours, {template: told})
    if isinstance(event, NumberChange):
        await _note_tier(store, settings, ours, event, entry.moment(event.timestamp))
    if news is None:
        log.info("provider_event", sub_accounts=ours, about=repr(event))
        return bool(ours)
    if not ours:
        log.warning("provider_event_of_unknown_account", account=event.account_id)
    for sub_account in ours:
        await _move(store, sub_account, news, entry.moment(event.timestamp), entry.came_ms)
    return bool(ours)


async def _note_tier(
    store: AsyncStore, settings: Settings, ours: Sequence[str], event: NumberChange, event_ms: int
) -> None:
    tier = UNLIMITED if event.tier == "TIER_UNLIMITED" else event.daily_limit
    for portfolio in dict.fromkeys(map(settings.portfolio_of, ours)):
        configured = settings.tier_of(portfolio)
        if tier is None or configured is None:
            continue
        if await store.run(change_tier(portfolio, tier, configured, event_ms)):
            log.warning(
                "tier_changed", portfolio=portfolio, tier=event.tier, was=event.previous_tier
            )


async def _move(
    store: AsyncStore, sub_account: str, news: ProviderEvent, event_ms: int, came_ms: int
) -> None:
    """Open or close a breaker. The provider's breaker is never probed before its end: messages of a
    paused template or a restricted account are accepted nevertheless, and reported as undelivered
    later."""
    fields = {"sub_account": sub_account, "scope": news.scope}
    if news.closed:
        call = close_breaker(sub_account, news.scope, by="provider", event_ms=event_ms)
        if await store.run(call):
            log.info("breaker_closed", **fields)
        return
    probe = 0.0 if news.ends is None else max(1.0, (news.ends - came_ms) / 1000)
    call = open_breaker(
        sub_account, news.scope, news.reason, by="provider", probe_after=probe, event_ms=event_ms
    )
    if await store.run(call):
        log.warning("breaker_opened", **fields, reason=news.reason)


def _of_template(event: TemplateChange) -> ProviderEvent | None:
    if not event.name or not event.language or event.may_be_sent is None:
        return None
    scope = template_scope(event.name, event.language)
    if event.may_be_sent:
        return ProviderEvent(scope, closed=True)
    what = event.status or f"quality {event.quality}"
    detail = next((word for word in (event.title, event.reason) if word and word != "NONE"), "")
    told = f"the provider says that the template is {what}"
    return ProviderEvent(scope, closed=False, reason=f"{told} ({detail})" if detail else told)


def _of_account(event: AccountChange) -> ProviderEvent | None:
    """Violations of the rules for Direct Send affect nothing else (provider docs, business events)."""
    words = f"{event.event or ''} {event.violation or ''}"
    if any(word in words for word in _FREED) and _DIRECT_SEND not in words:
        return ProviderEvent(ACCOUNT, closed=True)
    stops = [item for item in event.restrictions if _stops_messages(item)]
    lost = _DIRECT_SEND not in words and any(word in words for word in _LOST)
    unsaid = event.event == "ACCOUNT_RESTRICTION" and not event.restrictions and not event.violation
    if not (stops or lost or unsaid):
        return None
    kinds = ", ".join(sorted({item.type or "" for item in stops}))
    what = kinds or event.violation or event.event
    return ProviderEvent(
        ACCOUNT, False, f"the provider says of the account: {what}", _latest_end(stops)
    )


def _stops_messages(item: Restriction) -> bool:
    """True for RESTRICTED_BIZ_INITIATED_MESSAGING and the like; not for
    RESTRICTED_ADD_PHONE_NUMBER_ACTION."""
    return "MESSAGING" in (item.type or "")


def _latest_end(stops: Sequence[Restriction]) -> int | None:
    ends = [item.expires for item in stops]
    return max(end for end in ends if end) if ends and all(ends) else None


def _bare(account_id: str) -> str:
    return account_id.replace("-", "").lower()
