"""Response models of limits."""

from pydantic import BaseModel

from config.sections import SubAccount
from dashboard.schemas import (
    BreakerOut,
    StopOut,
    breaker_out,
    moment_out,
    stop_out,
)
from store.client import Store
from store.limits.breakers import read_breakers
from store.limits.rate_limit import Limits, read_limiter
from store.limits.stops import read_stops
from store.reports.waiting import now_ms


class LimitsOut(BaseModel):
    """Limits of a sub-account, shared by all workers, and their present state."""

    sub_account: str
    messages_per_second: float  # 0: no limit
    requests_per_second: float
    burst: int
    urgent_reserve: int
    max_in_air: int  # requests per worker process
    free: int | None  # messages that may be sent at once; null: no limit, or no recent sending
    blocked_until: str | None  # until then the provider asked for a pause
    breakers: list[BreakerOut]
    stops: list[StopOut]  # an operator's, of this sub-account and of all


class LimitsPage(BaseModel):
    """All sub-accounts of the caller, by name."""

    items: list[LimitsOut]


class BreakersPage(BaseModel):
    """All open breakers of the caller's sub-accounts."""

    items: list[BreakerOut]


def limits_out(store: Store, name: str, account: SubAccount) -> LimitsOut:
    """The limits of a sub-account and their state."""
    now, limiter = store.run(now_ms()), store.run(read_limiter(name))
    limits = Limits(
        account.messages_per_second,
        account.burst_messages,
        account.urgent_reserve,
        account.requests_per_second,
    )
    blocked = limiter.blocked_until // 1000
    return LimitsOut(
        sub_account=name,
        messages_per_second=limits.messages_per_second,
        requests_per_second=limits.requests_per_second,
        burst=limits.burst,
        urgent_reserve=limits.urgent_reserve,
        max_in_air=account.max_in_air,
        free=limiter.free(limits, now * 1000),
        blocked_until=moment_out(blocked) if blocked > now else None,
        breakers=[breaker_out(breaker) for breaker in store.run(read_breakers(name))],
        stops=[
            stop_out(stop) for stop in store.run(read_stops()) if stop.sub_account in ("", name)
        ],
    )
