"""Requests of the page alone: a list with reasons, messages a page at a time, history, stops."""

from dataclasses import asdict
from typing import Any

import pytest

from config.settings import Settings
from sendmany.api.routes import sending
from sendmany.api.routes.quiet_hours import quiet_hours_router
from sendmany.api.routes.sending import sending_router
from sendmany.api.routes.stops import stops_router
from sendmany.api.status import status_router
from sendmany.doctor.finding import Check, ok, problem
from store.access.tokens import Scope
from store.client import AsyncStore, Store
from store.limits.stops import read_stops
from store.queue.dead_letters import DeadLetters
from store.records.outcome import Origin
from store.reports import messages
from store.states import State
from store.threads import ThreadStore
from tests.conformance import given
from tests.unit.web_client import Door, Wakes, web_client


@pytest.fixture
def wakes() -> Wakes:
    return Wakes()


@pytest.fixture
async def door(loop_store: AsyncStore, settings: Settings, wakes: Wakes) -> Any:
    async with web_client(
        lambda needs: [
            status_router(loop_store, settings, needs),
            stops_router(loop_store, settings, needs, wakes),
            quiet_hours_router(ThreadStore(loop_store), settings, needs, wakes),
            sending_router(loop_store, settings, needs),
        ],
        Scope.READ,
        Scope.PEOPLE,
    ) as door:
        yield door


async def get(door: Door, path: str, **query: Any) -> Any:
    answer = await door.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def settled(store: Store, lane: str, state: State, batch: str, most: int) -> None:
    claim = given.claim(store, lane, batch, most)
    what = given.ended(state, claim.jobs, (Origin.API, 1010))
    what.dead = [DeadLetters("local:2", claim.jobs)] if state is State.UNCONFIRMED else []
    given.settle(store, lane, claim, what, batch)


def mixed(store: Store) -> str:
    """Ten messages: 0 to 3 rejected, 4 to 6 accepted, 7 to 9 queued."""
    lane = given.loaded(store, 10)
    settled(store, lane, State.REJECTED, "b1", 4)
    settled(store, lane, State.ACCEPTED, "b2", 3)
    return lane


async def test_the_list_says_how_fast_and_why_and_is_filtered(door: Door, store: Store) -> None:
    lane = mixed(store)
    (one,) = (await get(door, "/v1/campaigns", status="sending", search=" SPRI"))["items"]
    assert one["id"] == lane
    assert one["why"][0] == "It is being sent."
    assert {"progress", "messages_per_second", "seconds_left"} <= one.keys()
    for query in ({"status": "paused"}, {"search": "winter"}):
        assert (await get(door, "/v1/campaigns", **query))["items"] == []


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        ({}, [*range(10)]),
        ({"state": "rejected"}, [0, 1, 2, 3]),
        ({"state": ["accepted", "queued"]}, [4, 5, 6, 7, 8, 9]),
        ({"state": "queued"}, [7, 8, 9]),
        ({"state": "rejected", "origin": "api", "code": 1010}, [0, 1, 2, 3]),
        ({"state": "rejected", "code": 1}, []),
        ({"state": "delayed"}, []),
        ({"doubt": "may_have_two"}, []),
    ],
    ids=str,
)
async def test_every_count_leads_to_exactly_those_people(
    door: Door, store: Store, query: dict[str, Any], indexes: list[int]
) -> None:
    lane = mixed(store)
    for limit in (1, 2, 3, 100):
        found: list[Any] = []
        page: dict[str, Any] = {"next": None}
        while True:
            page = await get(
                door, f"/v1/campaigns/{lane}/messages", **query, limit=limit,
                **({"cursor": page["next"]} if page["next"] else {}),
            )  # fmt: skip
            found += page["items"]
            assert len(page["items"]) <= limit
            assert page["items"] or not indexes  # no empty page after the last one
            if page["next"] is None:
                break
        assert [one["index"] for one in found] == indexes
        assert all(one["number"].startswith("+") and one["id"].startswith(lane) for one in found)


async def test_one_page_looks_into_so_many_records_at_most(
    door: Door, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "LOOKED_INTO", 1)
    lane = given.loaded(store, 2500)
    settled(store, lane, State.ACCEPTED, "b1", 2400)
    page = await get(door, f"/v1/campaigns/{lane}/messages", state="rejected")
    assert page == {"items": [], "next": "1000"}
    page = await get(door, f"/v1/campaigns/{lane}/messages", state="rejected", cursor="2000")
    assert page == {"items": [], "next": None}


@pytest.mark.parametrize("cursor", ["x", "-1", "w", "1e3"])
async def test_a_cursor_that_is_none_is_refused(door: Door, store: Store, cursor: str) -> None:
    lane = mixed(store)
    answer = await door.http.get(f"/v1/campaigns/{lane}/messages", params={"cursor": cursor})
    assert answer.status_code == 422


async def test_history_adds_up_to_the_messages_that_have_ended(door: Door, store: Store) -> None:
    lane = mixed(store)
    found = await get(door, f"/v1/campaigns/{lane}/history")
    assert (found["messages_per_second"], found["sampled"]) == (200, 1)
    reached: dict[str, int] = {}
    for step in found["steps"]:
        for state, n in step["reached"].items():
            reached[state] = reached.get(state, 0) + n
    assert reached == {"rejected": 4, "accepted": 3}


async def test_a_stop_is_begun_and_ended(door: Door, store: Store, wakes: Wakes) -> None:
    door.comes(Scope.READ, Scope.MANAGE)
    word = {"what": "marketing", "reason": "wrong price."}
    answer = (await door.http.post("/v1/stops/begin", json=word)).json()
    assert (answer["changed"], answer["items"][0]["reason"]) == (True, "wrong price")
    assert (await get(door, "/v1/stops"))["items"] == answer["items"]
    assert (await door.http.post("/v1/stops/begin", json=word)).json()["changed"] is False
    assert (await door.http.post("/v1/stops/begin", json={"what": "all"})).status_code == 422
    ended = (await door.http.post("/v1/stops/end", json={"what": "marketing"})).json()
    assert (ended, wakes.sent > 0) == ({"changed": True, "items": []}, True)


async def test_who_has_some_sub_accounts_stops_only_those(door: Door, store: Store) -> None:
    door.comes(Scope.READ, Scope.MANAGE, only=["shop"])
    for whose, status in ((None, 403), ("bank", 404), ("none", 404), ("shop", 200)):
        word = {"what": "all", "reason": "moved", "sub_account": whose}
        assert (await door.http.post("/v1/stops/begin", json=word)).status_code == status
    assert [one.sub_account for one in store.run(read_stops())] == ["shop"]
    door.comes(Scope.READ, only=["bank"])
    assert (await get(door, "/v1/stops"))["items"] == []
    assert (await door.http.post("/v1/stops/end", json={"what": "all"})).status_code == 403


async def test_sending_is_told_at_a_glance_and_others_are_left_out(
    door: Door, store: Store
) -> None:
    given.loaded(store, 10)
    found = await get(door, "/v1/sending")
    assert found["backlog"] == [
        {"sub_account": "shop", "priority": "bulk", "lanes": 1, "messages": 10}
    ]
    assert found["workers"] == [{"serves": "all", "dispatchers": 0}]
    assert found["receipts"]["waiting"] == 0
    door.comes(Scope.READ, only=["bank"])
    found = await get(door, "/v1/sending")
    assert (found["backlog"], found["receipts"], found["redis"]) == ([], None, None)


async def test_doctor_tells_what_its_command_tells_but_not_to_some_sub_accounts(
    door: Door, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    found = [ok("redis", "Valkey 8.1"), problem("workers", "none has answered", "start one")]
    asked: list[Any] = []

    def examine(*given: Any, **how: Any) -> list[Check]:
        asked.append((given, how))
        return found

    monkeypatch.setattr(sending, "examine_with", examine)
    assert await get(door, "/v1/doctor", offline=True) == [asdict(one) for one in found]
    assert asked == [((settings,), {"offline": True})]
    door.comes(Scope.READ, only=["shop"])
    assert (await door.http.get("/v1/doctor")).status_code == 403


async def test_quiet_hours_are_read_and_changed_and_workers_woken(door: Door, wakes: Wakes) -> None:
    door.comes(Scope.READ, Scope.MANAGE)
    assert (await get(door, "/v1/quiet-hours"))["on"] is False
    word = {"on": True, "hours": {"GB": "10:00-12:00"}}
    told = (await door.http.patch("/v1/quiet-hours", json=word)).json()
    assert (told["on"], wakes.sent > 0) == (True, True)
    assert (await get(door, "/v1/quiet-hours")) == told
    told = (await door.http.patch("/v1/quiet-hours", json={"hours": {"GB": None}})).json()
    assert (told["on"], [one for one in told["places"] if one["place"] == "GB"]) == (True, [])
    bad = await door.http.patch("/v1/quiet-hours", json={"hours": {"GB": "20-8"}})
    assert (bad.status_code, "is no hours" in bad.text) == (422, True)
    nothing = await door.http.patch("/v1/quiet-hours", json={"hours": {}})
    assert (nothing.status_code, "Say what to change" in nothing.text) == (422, True)
    door.comes(Scope.READ, Scope.MANAGE, only=["shop"])
    assert (await door.http.patch("/v1/quiet-hours", json=word)).status_code == 403
