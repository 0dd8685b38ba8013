"""The outcome stream over HTTP: pages by cursor, a clear answer to a gap, numbers only for `people`."""

from config.sections import SubAccount
from config.settings import Settings
from sendmany.api.app import create_app
from store.access.tokens import Scope
from store.client import AsyncStore
from store.lanes.lane import Policies, Priority
from store.lanes.open import opened_notifications
from store.outcomes.stream import collect, read_facts, read_outbox
from store.plans import carry_out_async
from store.queue.enqueue import enqueue_messages
from store.queue.settlement import claim_batch, settle_batch
from store.states import State
from tests.conformance import given
from tests.unit.sendmany.api.given import Trouble, client, new_token

SETTINGS = Settings(sub_accounts={"shop": SubAccount(), "bank": SubAccount()})
WEEK_MS = 7 * 86_400_000
SHOP = {"sub_account": "shop"}


async def sent(store: AsyncStore, n: int, *, most_bytes: int = 1 << 30) -> str:
    """A notification lane whose n messages were accepted, its changes collected."""
    lane = given.NOTIFICATIONS
    await carry_out_async(store, opened_notifications(lane, "shop", Priority.URGENT, Policies()))
    await store.run(enqueue_messages(lane, [given.message(f"no {i}") for i in range(n)]))
    ask = claim_batch(lane, "b1", owner="ann", most=n, most_bytes=1 << 21, lease_ms=60_000)
    claim = await store.run(ask)
    what = given.ended(State.ACCEPTED, claim.jobs)
    await store.run(settle_batch(lane, "b1", n, "ann", what))
    facts, entries = await store.run(read_facts(lane)), await store.run(read_outbox(lane))
    limits = {"keep_ms": WEEK_MS, "most_bytes": most_bytes}
    await store.run(collect(facts, entries, **limits, event=facts.event))
    return lane


async def test_pages_go_on_by_their_cursor_and_show_numbers_only_to_people(store: Trouble) -> None:
    app = create_app(SETTINGS, store, lambda: None)
    async with client(app, await new_token(store, Scope.READ)) as reader:
        begin = (await reader.get("/v1/outcomes", params=SHOP)).json()
        assert begin["items"] == []
        lane = await sent(store, 5)
        cursor, seen = begin["next"], []
        while True:
            ask = {**SHOP, "after": cursor, "limit": 2}
            page = (await reader.get("/v1/outcomes", params=ask)).json()
            if not page["items"]:
                break
            assert len(page["items"]) <= 2
            seen += page["items"]
            cursor = page["next"]
        assert [one["id"] for one in seen] == [f"{lane}.{index}" for index in range(5)]
        assert {(one["type"], one["state"], one["number"]) for one in seen} == {
            ("message.accepted", "accepted", None)
        }
        assert (await reader.get("/v1/outcomes", params={**SHOP, "after": cursor})).json() == {
            "items": [], "next": cursor,
        }  # fmt: skip
    async with client(app, await new_token(store, Scope.READ, Scope.PEOPLE)) as reader:
        page = (await reader.get("/v1/outcomes", params=SHOP)).json()  # all that is kept
        assert {one["number"] for one in page["items"]} == {"+447700900001"}


async def test_a_gap_is_answered_410_with_what_to_do(store: Trouble) -> None:
    app = create_app(SETTINGS, store, lambda: None)
    async with client(app, await new_token(store, Scope.READ)) as reader:
        begin = (await reader.get("/v1/outcomes", params=SHOP)).json()
        await sent(store, 5, most_bytes=1)
        answer = await reader.get("/v1/outcomes", params={**SHOP, "after": begin["next"]})
        assert answer.status_code == 410
        assert "go on without a cursor" in answer.json()["detail"]
        assert (await reader.get("/v1/outcomes", params=SHOP)).status_code == 200


async def test_a_token_reads_only_its_own_sub_accounts(store: Trouble) -> None:
    app = create_app(SETTINGS, store, lambda: None)
    async with client(
        app, await new_token(store, Scope.READ, sub_accounts=frozenset({"bank"}))
    ) as reader:
        assert (await reader.get("/v1/outcomes")).status_code == 200
        assert (await reader.get("/v1/outcomes", params=SHOP)).status_code == 403
        for cursor in ("x", "1-1.", "-", "1-1.9999999"):
            answer = await reader.get("/v1/outcomes", params={"after": cursor})
            assert answer.status_code == 422
    async with client(app, await new_token(store, Scope.READ)) as reader:
        assert (await reader.get("/v1/outcomes")).status_code == 422  # whose?
    async with client(app, await new_token(store, Scope.ENQUEUE)) as sender:
        assert (await sender.get("/v1/outcomes", params=SHOP)).status_code == 403
