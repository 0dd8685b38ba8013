"""From the worker's counting to what Prometheus reads, on a real server."""

import re
import time

import httpx
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from chatapps.responses import NoAnswer, Refused
from sendmany.api.routes.metrics import metrics_router
from store.access.tokens import Scope, Token
from store.limits.breakers import open_breaker
from store.receipts.inbox import add_to_inbox
from store.states import State
from tests.integration.worker.rig import Rig, refuses

Samples = dict[tuple[str, ...], float]
READER = Token("abcd", "prometheus", frozenset({Scope.READ}), frozenset())


async def scrape(rig: Rig, app: FastAPI | None = None) -> Samples:
    """Prometheus samples by name and sorted `label=value`."""
    text = await scrape_text(app or web(rig))
    return {
        (sample.name, *sorted(f"{label}={value}" for label, value in sample.labels.items())): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scrape_text(app: FastAPI) -> str:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://web") as client:
        answer = await client.get("/metrics")
    assert answer.status_code == 200
    return answer.text


def web(rig: Rig) -> FastAPI:
    """An application that shows the metrics to everybody."""
    app = FastAPI()
    app.include_router(metrics_router(rig.watched, rig.settings, lambda _: lambda: READER))
    return app


async def test_the_figures_of_a_campaign_with_faults_add_up(rig: Rig) -> None:
    retry = {"quick_attempts": 1, "base_delay": 600}  # the delayed ones stay so
    rig.configure(batch={"max_messages": 50}, retry=retry)
    lane = rig.campaign(200, settle_after=60)
    rig.provider.steps = [refuses({3: 1002}), Refused(503), NoAnswer("cut")]
    await rig.drain_until(lambda: rig.report(lane).sent >= 99)
    await rig.meters.flush(rig.watched)
    shown = await scrape(rig)

    counts = rig.counts(lane)
    for state in (State.DELAYED, State.IN_DOUBT, State.IN_FLIGHT, State.QUEUED):
        labels = ("priority=bulk", f"state={state}", "sub_account=shop")
        assert shown["sendmany_messages", *labels] == counts.get(state, 0)
    assert counts[State.DELAYED] == counts[State.IN_DOUBT] == 50
    ended = sum(n for (name, *_), n in shown.items() if name == "sendmany_outcomes_total")
    assert ended == counts[State.ACCEPTED] + counts[State.REJECTED] == 100
    assert shown["sendmany_sent_total", "sub_account=shop"] == counts[State.ACCEPTED]
    requests = sum(n for (name, *_), n in shown.items() if name == "sendmany_request_seconds_count")
    assert requests == len(rig.provider.posts)
    assert shown["sendmany_batch_messages_sum", "priority=bulk"] >= 200
    assert shown["sendmany_in_doubt_total", "sub_account=shop"] == 50
    assert shown["sendmany_lanes", "priority=bulk", "status=sending"] == 1
    assert shown["sendmany_redis_up",] == 1


async def test_unconfirmed_messages_of_a_lane_that_has_ended_are_shown(rig: Rig) -> None:
    lane = rig.campaign(5, on_unconfirmed="hold", settle_after=0)
    rig.provider.steps = [NoAnswer("cut")]
    await rig.drain_until(lambda: bool(rig.counts(lane).get(State.IN_DOUBT)))
    rig.due(lane)
    await rig.sweep()
    assert rig.counts(lane) == {State.UNCONFIRMED: 5}
    shown = await scrape(rig)
    assert shown["sendmany_unconfirmed", "sub_account=shop"] == 5


async def test_no_label_is_a_number_a_lane_or_a_message(rig: Rig) -> None:
    lane = rig.campaign(20)
    rig.provider.steps = [refuses({3: 1002, 4: 447700}), NoAnswer("447700900001 did not answer")]
    await rig.deliver(lane, 10)
    await rig.deliver(lane)
    rig.store.run(open_breaker("shop", "template:for_447700900001:en", "refused", by="worker"))
    rig.store.run(add_to_inbox(b'{"from":"+447700900001"}'))
    await rig.meters.flush(rig.watched)
    text = await scrape_text(web(rig))
    labels = {value for labels in re.findall(r"\{(.*?)\}", text) for value in labels.split(",")}
    assert any('scope="template"' in label for label in labels)
    assert not any(re.search(r"\d{5}", label) for label in labels)
    assert lane not in text
    assert "447700" not in text


async def test_a_queue_that_nobody_serves_grows_older_with_every_scrape(rig: Rig) -> None:
    rig.campaign(20)
    app, place = web(rig), ("sendmany_queue_oldest_seconds", "priority=bulk", "sub_account=shop")
    assert (await scrape(rig, app))[place] == 0
    ages = list[float]()
    give_up = time.monotonic() + 10
    while not ages or ages[-1] < 0.02:
        ages.append((await scrape(rig, app))[place])
        assert time.monotonic() < give_up
    assert ages == sorted(ages)


async def test_however_many_lanes_there_are_a_few_round_trips_read_them(rig: Rig) -> None:
    for i in range(30):
        rig.campaign(3, f"Campaign {i}", sub_account="bank" if i % 2 else "shop")
    rig.watched.ran.clear()
    shown = await scrape(rig)
    labels = ("priority=bulk", "state=queued")
    assert shown["sendmany_messages", *labels, "sub_account=bank"] == 45
    assert shown["sendmany_messages", *labels, "sub_account=shop"] == 45
    assert len(rig.watched.ran) <= 7
