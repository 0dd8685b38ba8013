"""Response models of limits."""

from typing import Literal

from pydantic import BaseModel

from config.settings import Settings
from dashboard.explain import explain_rate
from dashboard.schemas import (
    BreakerOut,
    StopOut,
    breaker_out,
    moment_out,
    stop_out,
)
from store.client import Store
from store.limits.breakers import read_breakers
from store.limits.learned import Cause, Learned, read_changes, read_learned
from store.limits.rate_limit import Limits, read_limiter
from store.limits.stops import read_stops
from store.limits.tier import read_tiers, read_used
from store.people.service_windows import count_unreachable
from store.reports.waiting import now_ms


class LearnedOut(BaseModel):
    """The learned rate of a sub-account: messages a second, cause, and the figures behind it."""

    rate: float
    cause: Cause
    in_force: bool  # false: it is only observed
    since: str | None
    until: str | None  # the earliest next rise; null: none is due by time
    estimate: float  # messages a second that went through at the last limit; 0: none was met
    throttled_share: float  # at the last cut
    lag: int | None  # median seconds from posting to the first receipt; null: unknown
    usual_lag: int | None
    pinned: bool
    explanation: str


class RateChangeOut(BaseModel):
    """A change of the learned rate."""

    at: str | None
    rate: float
    was: float  # 0: nothing was learned before
    cause: Cause
    estimate: float
    throttled_share: float
    lag: int | None


class RateHistory(BaseModel):
    """Changes of the learned rate of a sub-account, newest first; kept for 30 days."""

    sub_account: str
    items: list[RateChangeOut]


class TierOut(BaseModel):
    """The tier of the portfolio of a sub-account."""

    portfolio: str
    people: int  # to whom it may write outside service windows in 24 hours; 0: unlimited
    for_campaigns: int
    used: int
    told: bool  # by the provider; false: configured


class LimitsOut(BaseModel):
    """Limits of a sub-account, shared by all workers, and their present state."""

    sub_account: str
    messages_per_second: float  # 0: no limit
    requests_per_second: float
    burst: int
    urgent_reserve: int
    max_in_air: int  # requests per worker process
    tier: TierOut | None  # null: none is configured
    learn_rate: Literal["off", "observe", "on"]
    learned: LearnedOut | None  # null: nothing is learned yet
    free: int | None  # messages that may be sent at once; null: no limit, or no recent sending
    blocked_until: str | None  # until then the provider asked for a pause
    breakers: list[BreakerOut]
    unreachable: (
        int  # people who get no marketing for a time: a receipt said that they cannot be reached
    )
    stops: list[StopOut]  # an operator's, of this sub-account and of all


class LimitsPage(BaseModel):
    """All sub-accounts of the caller, by name."""

    items: list[LimitsOut]


def learned_out(known: Learned | None, now: int) -> LearnedOut | None:
    """The learned rate for programs."""
    if known is None:
        return None
    return LearnedOut(
        rate=round(known.rate, 1),
        cause=known.cause,
        in_force=known.in_force,
        since=moment_out(known.since * 1000),
        until=moment_out((known.until(now) or 0) * 1000),
        estimate=round(known.estimate, 1),
        throttled_share=known.share,
        lag=None if known.lag < 0 else known.lag,
        usual_lag=known.base,
        pinned=known.pinned > 0,
        explanation=explain_rate(known, now),
    )


def history_of(store: Store, name: str, most: int) -> RateHistory:
    """The latest changes of the learned rate."""
    items = [
        RateChangeOut(
            at=moment_out(one.at * 1000),
            rate=round(one.rate, 1),
            was=round(one.was, 1),
            cause=one.cause,
            estimate=round(one.estimate, 1),
            throttled_share=one.share,
            lag=None if one.lag < 0 else one.lag,
        )
        for one in store.run(read_changes(name, most))
    ]
    return RateHistory(sub_account=name, items=items)


def tier_out(store: Store, name: str, settings: Settings, now: int) -> TierOut | None:
    """The tier in force of a sub-account, and the places that are taken."""
    budget = store.run(read_tiers()).budget(settings, name)
    if budget is None:
        return None
    return TierOut(
        portfolio=budget.portfolio,
        people=budget.tier,
        for_campaigns=budget.for_campaigns,
        used=store.run(read_used(budget.portfolio, now)).people,
        told=budget.told,
    )


class BreakersPage(BaseModel):
    """All open breakers of the caller's sub-accounts."""

    items: list[BreakerOut]


def limits_out(store: Store, name: str, settings: Settings) -> LimitsOut:
    """The limits of a sub-account and their state."""
    account = settings.sub_accounts[name]
    now, limiter = store.run(now_ms()), store.run(read_limiter(name))
    limits = Limits(
        account.messages_per_second,
        account.burst_messages,
        account.urgent_reserve,
        account.requests_per_second,
    )
    blocked, known = limiter.blocked_until // 1000, store.run(read_learned(name)).learned
    return LimitsOut(
        sub_account=name,
        messages_per_second=limits.messages_per_second,
        requests_per_second=limits.requests_per_second,
        burst=limits.burst,
        urgent_reserve=limits.urgent_reserve,
        max_in_air=account.max_in_air,
        tier=tier_out(store, name, settings, now // 1000),
        learn_rate=account.learn_mode,
        learned=learned_out(known, now // 1000),
        free=limiter.free(
            limits.learned(known.rate if known and known.in_force else 0), now * 1000
        ),
        blocked_until=moment_out(blocked) if blocked > now else None,
        breakers=[breaker_out(breaker) for breaker in store.run(read_breakers(name))],
        unreachable=store.run(count_unreachable(name, now)),
        stops=[
            stop_out(stop) for stop in store.run(read_stops()) if stop.sub_account in ("", name)
        ],
    )
