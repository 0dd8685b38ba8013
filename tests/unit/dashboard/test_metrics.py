"""`/metrics` is readable for Prometheus, and names no person."""

import re
from collections.abc import Iterator
from typing import Any

import fakeredis
import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from config.sections import SubAccount
from config.settings import Settings
from dashboard.metrics import (
    HTTP_REQUESTS,
    STANDING,
    Ages,
    Snapshot,
    counted_families,
    standing_families,
)
from sendmany.api.routes.metrics import metrics_router
from store.access.tokens import Scope, Token
from store.client import AsyncStore, Call
from store.errors import StoreUnavailable
from store.lanes.lane import LaneStatus, Priority
from store.limits.breakers import Breaker
from store.limits.learned import Learned
from store.limits.stops import Stop, Stopped
from store.metrics.counters import COUNTED, OUTCOMES, REQUESTS, Tally
from store.receipts.inbox import InboxFigures
from store.reports.gauges import Gauges, LaneNow
from store.scripts import load_scripts
from store.states import OPEN_STATES

PHONE = re.compile(r"\d{7}")
ACCOUNTS = {name: SubAccount(api_key=SecretStr("key")) for name in ("shop", "bank")}
INBOX = InboxFigures(7, 2.5, 40, 5, 2, 1, 3, 1, {"no_id": 4, "no_lane": 6})


def read(text: str) -> dict[tuple[str, ...], float]:
    """All samples: name and `label=value`, sorted, as key."""
    return {
        (
            sample.name,
            *sorted(f"{name}={value}" for name, value in sample.labels.items()),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def written(families: Iterator[Metric]) -> dict[tuple[str, ...], float]:
    """Families, written and read back."""
    return read(generate_latest(Snapshot(families)).decode())


def lane(id_: str, status: LaneStatus = LaneStatus.SENDING, **open_: int) -> LaneNow:
    """A lane of the shop that has taken 100 jobs."""
    found = {state: open_.get(state, 0) for state in OPEN_STATES}
    return LaneNow(id_, "shop", Priority.BULK, status, 100, found)


def gauges(*lanes: LaneNow, now_ms: int = 0, **more: Any) -> Gauges:
    """Gauges at one moment."""
    return Gauges(
        learned={"shop": Learned(78.5, in_force=True)},
        now_ms=now_ms,
        lanes=lanes,
        loops=more.get("loops", {"": 2, "urgent": 1, "bulk": 0}),
        blocked_until_ms=more.get("blocked", {"shop": now_ms + 1500, "bank": 0}),
        breakers=more.get("breakers", []),
        stops=more.get("stops", []),
        inbox=INBOX,
        unconfirmed=more.get("unconfirmed", {}),
        lags=more.get("lags", {}),
    )


def standing(found: Gauges, ages: Ages | None = None) -> dict[tuple[str, ...], float]:
    """Its rendering."""
    return written(standing_families(found, ages or Ages(), ["bank", "shop"]))


def test_messages_are_summed_over_lanes_and_stay_at_zero_where_there_are_none() -> None:
    shown = standing(gauges(lane("a", queued=5, in_doubt=1), lane("b", queued=7)))
    place = ("sendmany_messages", "priority=bulk")
    assert shown[*place, "state=queued", "sub_account=shop"] == 12
    assert shown[*place, "state=in_doubt", "sub_account=shop"] == 1
    assert shown[*place, "state=queued", "sub_account=bank"] == 0
    assert shown["sendmany_lanes", "priority=bulk", "status=sending"] == 2


def test_the_oldest_job_of_lanes_that_are_sending_counts() -> None:
    ages, lanes = Ages(), (lane("a", queued=5), lane("b", LaneStatus.PAUSED, queued=7))
    standing(gauges(lanes[1]), ages)
    standing(gauges(*lanes, now_ms=10_000), ages)
    shown = standing(gauges(*lanes, now_ms=15_000), ages)
    assert shown["sendmany_queue_oldest_seconds", "priority=bulk", "sub_account=shop"] == 5
    assert shown["sendmany_queue_oldest_seconds", "priority=urgent", "sub_account=bank"] == 0


def test_loops_pauses_and_the_inbox_are_shown() -> None:
    shown = standing(gauges())
    assert shown["sendmany_dispatchers", "serves=all"] == 2
    assert shown["sendmany_dispatchers", "serves=urgent"] == 1
    assert ("sendmany_dispatchers", "serves=bulk") not in shown
    assert shown["sendmany_blocked_seconds", "sub_account=shop"] == 1.5
    assert shown["sendmany_blocked_seconds", "sub_account=bank"] == 0
    assert shown["sendmany_inbox_webhooks",] == 7
    assert shown["sendmany_inbox_oldest_seconds",] == 2.5
    assert shown["sendmany_webhooks_total", "kind=receipt"] == 40
    assert shown["sendmany_webhooks_total", "kind=unmatched"] == 10
    assert shown["sendmany_opt_words_total", "word=out"] == 2


def test_unconfirmed_messages_and_late_subscriptions_are_shown() -> None:
    shown = standing(gauges(unconfirmed={"shop": 4}, lags={("shop", "a1b2"): 61.5}))
    assert shown["sendmany_unconfirmed", "sub_account=shop"] == 4
    assert shown["sendmany_unconfirmed", "sub_account=bank"] == 0
    place = ("sendmany_subscription_lag_seconds", "sub_account=shop", "subscription=a1b2")
    assert shown[place] == 61.5


def test_breakers_are_shown_by_what_they_are_about_and_not_by_their_template() -> None:
    found = [
        Breaker("shop", scope, "refused", "worker", 0, 0, 1)
        for scope in ("account", "template:order_4477009001234:en", "template:other:de")
    ]
    shown = standing(gauges(breakers=found))
    assert shown["sendmany_breakers_open", "scope=account", "sub_account=shop"] == 1
    assert shown["sendmany_breakers_open", "scope=template", "sub_account=shop"] == 2
    assert shown["sendmany_breakers_open", "scope=server", "sub_account=shop"] == 0
    assert not any(PHONE.search(label) for labels in shown for label in labels)


def test_buckets_are_cumulative_and_end_with_all() -> None:
    tally = Tally()
    for seconds in (0.003, 0.03, 0.03, 99):
        tally.observe(REQUESTS, seconds, "shop", "2xx")
    shown = written(counted_families(tally.counts))
    labels = ("status=2xx", "sub_account=shop")
    bucket = "sendmany_request_seconds_bucket"
    assert shown[bucket, "le=0.005", *labels] == 1
    assert shown[bucket, "le=0.05", *labels] == 3
    assert shown[bucket, "le=30", *labels] == 3
    assert shown[bucket, "le=+Inf", *labels] == 4
    assert shown["sendmany_request_seconds_count", *labels] == 4
    assert shown["sendmany_request_seconds_sum", *labels] == pytest.approx(99.063)


def test_what_another_version_wrote_is_left_out() -> None:
    fields = {
        "sendmany_outcomes|shop|accepted|none": 3,
        "sendmany_outcomes|shop|accepted": 9,
        "sendmany_outcomes|shop|accepted|none|more": 9,
        "sendmany_request_seconds|shop|2xx": 9,
        "sendmany_request_seconds|shop|2xx|7": 9,
        "what": 1,
        "": 1,
    }
    shown = written(counted_families(fields))
    assert shown["sendmany_outcomes_total", "cause=none", "state=accepted", "sub_account=shop"] == 3
    assert shown["sendmany_request_seconds_count", "status=2xx", "sub_account=shop"] == 0
    assert 9 not in shown.values()


_word = st.text('abcdefghijklmnopqrstuvwxyz0123456789-._&+ "\\\n{}/é', max_size=60)


@given(st.dictionaries(st.lists(_word, max_size=5).map("|".join), st.integers(0, 1 << 60)))
def test_whatever_stands_in_the_store_can_be_written_and_read(fields: dict[str, int]) -> None:
    written(counted_families({**fields, **{f"{OUTCOMES.name}|{name}|a|b": 1 for name in fields}}))


# The route


class Away(AsyncStore):
    """A store that is unreachable."""

    async def run(self, call: Call[Any]) -> Any:
        raise StoreUnavailable("away")


def caller(*sub_accounts: str) -> Token:
    """A caller with the scope `read`."""
    return Token("abcd", "prometheus", frozenset({Scope.READ}), frozenset(sub_accounts))


async def scrape(
    token: Token, requests: Tally | None = None, *, away: bool = False
) -> httpx.Response:
    """Answer to this caller."""
    redis = fakeredis.FakeAsyncRedis(server=fakeredis.FakeServer())
    store = (Away if away else AsyncStore)(redis, load_scripts(flags=False))
    app = FastAPI()

    def needs(scope: Scope) -> Any:
        assert scope is Scope.READ
        return lambda: token

    app.include_router(metrics_router(store, Settings(sub_accounts=ACCOUNTS), needs, requests))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://web") as client:
        return await client.get("/metrics")


async def test_an_empty_store_shows_every_figure_that_stands() -> None:
    answer = await scrape(caller())
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    shown = read(answer.text)
    assert shown["sendmany_redis_up",] == 1
    assert shown["sendmany_inbox_webhooks",] == 0
    assert sum(name == "sendmany_messages" for name, *_ in shown) == 2 * 3 * len(OPEN_STATES)


async def test_without_redis_it_says_so_and_shows_what_the_process_knows_itself() -> None:
    requests = Tally()
    requests.observe(HTTP_REQUESTS, 0.02, "POST", "/v1/messages", "202")
    answer = await scrape(caller(), requests, away=True)
    assert answer.status_code == 200
    shown = read(answer.text)
    assert shown["sendmany_redis_up",] == 0
    labels = ("method=POST", "route=/v1/messages", "status=202")
    assert shown["sendmany_http_request_seconds_count", *labels] == 1
    assert {name for name, *_ in shown} == {
        "sendmany_redis_up",
        *(f"sendmany_http_request_seconds_{part}" for part in ("bucket", "count", "sum")),
    }


async def test_a_token_for_some_sub_accounts_does_not_see_the_others() -> None:
    answer = await scrape(caller("shop"))
    assert answer.status_code == 403
    assert "sub-account" in answer.json()["detail"]


def test_no_two_figures_share_a_name() -> None:
    names = [figure.name for figure in (*COUNTED, *STANDING, HTTP_REQUESTS)]
    assert len(set(names)) == len(names)


def test_what_an_operator_has_stopped_is_shown_and_else_is_zero() -> None:
    everything = ("sendmany_stopped", "sub_account=", "what=all")
    assert standing(gauges())[everything] == 0
    shown = standing(gauges(stops=[Stop(Stopped.MARKETING, "shop", "wrong price", 1)]))
    assert shown["sendmany_stopped", "sub_account=shop", "what=marketing"] == 1
    assert shown[everything] == 0
