"""The outcome stream as server-sent events, over a real socket."""

from collections.abc import Callable

import httpx
from fastapi import FastAPI

from config.sections import SubAccount
from config.settings import Settings
from dashboard.live_events import Events
from sendmany.api.errors import handle_errors
from sendmany.api.routes.messages.outcomes import outcomes_router
from store.access.tokens import Scope, Token
from store.client import AsyncStore, Store
from store.outcomes.stream import collect, read_facts, read_outbox
from store.states import State
from tests.conformance import given
from tests.integration.api.given import served
from tests.integration.api.test_events import told

CALLER = Token("t1", "tests", frozenset(Scope), frozenset())


def accepted(store: Store, n: int, *, most_bytes: int = 1 << 30) -> str:
    """A campaign whose n messages were accepted, its changes in the stream."""
    lane, claim = given.claimed_batch(store, n)
    given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
    facts, entries = store.run(read_facts(lane)), store.run(read_outbox(lane))
    limits = {"keep_ms": 604_800_000, "most_bytes": most_bytes}
    store.run(collect(facts, entries, **limits, event=facts.event))
    return lane


async def test_a_listener_goes_on_after_the_id_it_saw_and_learns_of_a_gap(
    server: str, store: Store
) -> None:
    def needs(scope: Scope) -> Callable[[], Token]:
        return lambda: CALLER

    loop_store, app = AsyncStore.connect(server), FastAPI()
    settings = Settings(sub_accounts={"shop": SubAccount()})
    events = Events(loop_store, ["shop"])
    app.include_router(outcomes_router(loop_store, settings, needs, events))
    handle_errors(app)
    path = "/v1/outcomes/events"
    async with (
        served(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10, trust_env=False) as http,
    ):
        async with http.stream("GET", path) as answer:
            lane = accepted(store, 3)  # the stream has begun when the answer has
            read = told(answer)
            first = await anext(read)
            assert (first["event"], first["data"]["id"]) == ("outcome", f"{lane}.0")
            assert first["data"]["number"] == "+447700900000"
        async with http.stream("GET", path, headers={"Last-Event-ID": first["id"]}) as answer:
            read = told(answer)
            ids = [(await anext(read))["data"]["id"] for _ in range(3)]
            assert ids == [f"{lane}.1", f"{lane}.2", lane]
        facts = store.run(read_facts(lane))
        store.run(collect(facts, (), keep_ms=1000, most_bytes=1, event=None))
        async with http.stream("GET", path, headers={"Last-Event-ID": first["id"]}) as answer:
            assert [event["event"] async for event in told(answer)] == ["gap"]
    events.close()
    await loop_store.close()
