"""Live events over a real socket: resuming, dropping who does not read, ending at once."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from config.sections import SubAccount
from config.settings import Settings
from dashboard.live_events import Events
from sendmany.api.errors import handle_errors
from sendmany.api.routes.events import events_router
from store.access.tokens import Scope, Token
from store.client import AsyncStore, Store
from store.lanes.lane import move_lane
from store.states import State
from store.workers.presence import forget_active
from tests.conformance import given
from tests.integration.api.given import served


@asynccontextmanager
async def opened(
    url: str, only: frozenset[str] = frozenset()
) -> AsyncIterator[tuple[httpx.AsyncClient, Events]]:
    """The route behind a real socket, a client of it, and what it tells."""
    caller = Token("t1", "tests", frozenset(Scope), only)

    def needs(scope: Scope) -> Callable[[], Token]:
        return lambda: caller

    store, app = AsyncStore.connect(url), FastAPI()
    settings = Settings(sub_accounts={"shop": SubAccount()})
    events = Events(store, ["shop"], every=0.02)
    app.include_router(events_router(store, settings, needs, events))
    handle_errors(app)
    async with served(app) as port:
        base = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=base, timeout=10, trust_env=False) as http:
            yield http, events
        events.close()
    await store.close()


async def told(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream as a browser reads them."""
    event: dict[str, Any] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if not line and "data" in event:
            yield {**event, "data": json.loads(event["data"])}
        event = {**event, name: value} if line else {}


async def test_a_listener_gets_a_snapshot_and_changes(server: str, store: Store) -> None:
    lane = given.loaded(store, 3)
    async with opened(server) as (http, _), http.stream("GET", "/v1/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        events = told(answer)
        first = await anext(events)
        assert first["event"] == "snapshot"
        assert [one["id"] for one in first["data"]["campaigns"]] == [lane]
        store.run(move_lane(lane, "pause"))
        change = await anext(events)
        assert (change["event"], change["data"]["status"]) == ("campaign", "paused")


async def test_who_comes_back_goes_on_after_the_last_event(server: str, store: Store) -> None:
    lane = given.loaded(store, 3)
    async with opened(server) as (http, _):
        async with http.stream("GET", "/v1/events") as others:
            listening = told(others)  # so somebody looks all the time
            await anext(listening)
            async with http.stream("GET", "/v1/events") as answer:
                last = (await anext(told(answer)))["id"]
            store.run(move_lane(lane, "pause"))
            headers = {"Last-Event-ID": last}
            async with http.stream("GET", "/v1/events", headers=headers) as answer:
                missed = await anext(told(answer))
            assert (missed["event"], missed["data"]["status"]) == ("campaign", "paused")
        headers = {"Last-Event-ID": "somewhere-7"}
        async with http.stream("GET", "/v1/events", headers=headers) as answer:
            assert (await anext(told(answer)))["event"] == "snapshot"


async def test_a_campaign_that_is_named_is_told_of_though_it_has_ended(
    server: str, store: Store
) -> None:
    lane, claim = given.claimed_batch(store, 3)
    given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
    store.run(forget_active(lane))
    async with opened(server) as (http, _):
        for words, found in (({}, []), ({"campaign": "Spring"}, ["finished"])):
            async with http.stream("GET", "/v1/events", params=words) as answer:
                first = (await anext(told(answer)))["data"]
                assert [one["status"] for one in first["campaigns"]] == found


async def test_a_token_for_other_sub_accounts_is_told_nothing(server: str, store: Store) -> None:
    given.loaded(store, 3)
    async with opened(server, only=frozenset({"bank"})) as (http, _):
        async with http.stream("GET", "/v1/events") as answer:
            first = await anext(told(answer))
            assert first["data"] == {"campaigns": [], "lanes": [], "breakers": []}
        answer = await http.get("/v1/events", params={"campaign": "Spring"})
        assert answer.status_code == 404


async def test_streams_end_at_once_when_they_are_closed(server: str, store: Store) -> None:
    given.loaded(store, 3)
    async with opened(server) as (http, events), http.stream("GET", "/v1/events") as answer:
        stream = told(answer)
        await anext(stream)
        start = time.perf_counter()
        events.close()
        assert await anext(stream, None) is None
        assert time.perf_counter() - start < 1


async def test_nobody_looks_when_nobody_listens(server: str, store: Store) -> None:
    given.loaded(store, 3)
    async with opened(server) as (http, events):
        async with http.stream("GET", "/v1/events") as answer:
            await anext(told(answer))
            assert events._task is not None
        while events._task is not None:  # noqa: ASYNC110 (the server notices that we left)
            await asyncio.sleep(0.01)
