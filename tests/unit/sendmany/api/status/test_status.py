"""Looking over HTTP: campaigns, messages, limits, breakers; and only at what is the caller's."""

import base64
import csv
import json
from typing import Any

import httpx
import pytest

from config.settings import Settings
from producer import Producer
from store.access.tokens import Scope
from store.client import Store
from store.lanes.lane import find_lane, finish_loading, move_lane
from store.lanes.open import CampaignPlan, open_campaign
from store.limits.breakers import open_breaker, read_breakers
from store.limits.learned import Cause, Learned, keep_learned, read_learned
from store.limits.rate_limit import Limits, acquire_permits, pause_sub_account
from store.limits.stops import Stopped, stop_sending
from store.queue.dead_letters import DeadLetters
from store.records.outcome import Origin
from store.states import State
from tests.conformance import given
from tests.unit.web_client import Door


async def get(door: Door, path: str, **query: Any) -> Any:
    answer = await door.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def settled(store: Store, lane: str, state: State, batch: str = "b1", most: int = 1000) -> None:
    """The next batch ends in this state."""
    claim = given.claim(store, lane, batch, most)
    what = given.ended(state, claim.jobs, (Origin.API, 1010))
    what.dead = [DeadLetters("local:2", claim.jobs)] if state is State.UNCONFIRMED else []
    given.settle(store, lane, claim, what, batch)


def campaign_of(store: Store, sub_account: str, name: str) -> str:
    plan = CampaignPlan(name, sub_account, b"content", "digest", "source")
    lane = open_campaign(store, plan)[0]
    given.add(store, lane, given.numbers(3), 0, 3)
    store.run(finish_loading(lane))
    return lane


async def test_a_campaign_is_shown_with_figures_and_reasons(door: Door, store: Store) -> None:
    lane = given.loaded(store, 10)
    settled(store, lane, State.REJECTED, most=4)
    store.run(move_lane(lane, "pause", "by ann"))
    shown = await get(door, f"/v1/campaigns/{lane}")
    assert shown["id"] == (await get(door, "/v1/campaigns/Spring"))["id"] == lane
    assert shown["counts"] == {"queued": 6, "rejected": 4}
    assert (shown["recipients"], shown["done"], shown["open"]) == (10, 4, 6)
    assert (shown["progress"], shown["status"], shown["balanced"]) == (0.4, "paused", True)
    assert shown["why"][0] == "It is paused: nothing is sent until it is resumed."
    assert shown["file"] == {"bytes": 10, "rows": 10, "resumable": False}


async def test_what_an_operator_has_stopped_is_shown_wherever_it_is_looked_for(
    door: Door, store: Store
) -> None:
    lane = given.loaded(store, 3)
    store.run(stop_sending(Stopped.MARKETING, "", "wrong price"))
    store.run(stop_sending(Stopped.ALL, "bank", "moved"))
    shown = await get(door, f"/v1/campaigns/{lane}")
    assert shown["held"] == "marketing is stopped"
    assert (await get(door, "/v1/campaigns"))["items"][0]["held"] == shown["held"]
    assert shown["waits"]["stopped"].pop("since").endswith("Z")
    assert shown["waits"]["stopped"] == {
        "what": "marketing", "sub_account": None, "reason": "wrong price",
    }  # fmt: skip
    (why,) = [line for line in shown["why"] if "stopped" in line]
    assert why.startswith("3 messages wait: marketing is stopped since ")
    assert why.endswith("wrong price. `sendmany go --marketing` ends that.")
    bank, shop = (await get(door, "/v1/limits"))["items"]
    assert [one["reason"] for one in bank["stops"]] == ["wrong price", "moved"]
    assert [one["reason"] for one in shop["stops"]] == ["wrong price"]


async def test_a_campaign_that_is_held_up_says_until_when(door: Door, store: Store) -> None:
    lane = given.loaded(store, 3)
    store.run(pause_sub_account("shop", 60))
    store.run(open_breaker("shop", "account", "the key is refused", by="operator"))
    shown = await get(door, f"/v1/campaigns/{lane}")
    assert shown["waits"]["blocked_until"].endswith("Z")
    assert [one["scope"] for one in shown["breakers"]] == ["account"]
    assert shown["seconds_left"] is None


async def test_a_cut_upload_is_said_to_be_resumable(door: Door, store: Store) -> None:
    lane = given.campaign(store)
    given.add(store, lane, given.numbers(5), 0, 150)
    shown = await get(door, f"/v1/campaigns/{lane}")
    assert (shown["status"], shown["loaded"]) == ("loading", False)
    assert shown["file"] == {"bytes": 150, "rows": 150, "resumable": True}
    assert "send the same file again" in " ".join(shown["why"])


async def test_failures_are_told_by_code_with_their_meaning(door: Door, store: Store) -> None:
    lane = given.loaded(store, 10)
    settled(store, lane, State.REJECTED, most=4)
    (found,) = (await get(door, f"/v1/campaigns/{lane}/failures"))["items"]
    assert (found["state"], found["origin"], found["code"]) == ("rejected", "api", 1010)
    assert found["messages"] == 4
    assert found["meaning"]


async def test_lists_go_on_where_the_page_before_ended(door: Door, store: Store) -> None:
    lanes = [campaign_of(store, "shop", f"C{n}") for n in range(7)]
    for n, lane in enumerate(lanes):
        store.client.zadd("sm:lanes", {lane: 1000 + n // 2})  # some at the same moment
    given.notifications(store)
    seen, cursor, pages = [], None, 0
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = await get(door, "/v1/campaigns", **query)
        assert len(page["items"]) <= 3
        seen += [one["id"] for one in page["items"]]
        pages, cursor = pages + 1, page["next"]
        if pages == 1:  # one comes, and the one that the cursor names goes
            campaign_of(store, "shop", "later")
            store.client.zrem("sm:lanes", seen[-1])
        if cursor is None:
            break
    assert sorted(seen) == sorted(set(lanes))
    kinds = {one["kind"] for one in (await get(door, "/v1/lanes"))["items"]}
    assert kinds == {"campaign", "notifications"}


@pytest.mark.parametrize(
    "cursor", ["", "nonsense", "MTox", "Og", "%%%", "eA==", "MTp4=", "é", "AAAAAAAAAAAAAAAAMTp4"]
)
@pytest.mark.parametrize("path", ["/v1/campaigns", "/v1/lanes", "/v1/messages?number=447700900001"])
async def test_a_cursor_that_was_never_given_is_refused(door: Door, path: str, cursor: str) -> None:
    url = httpx.URL(path).copy_merge_params({"cursor": cursor})
    answer = await door.http.get(url)
    assert answer.status_code == 422
    assert [one["path"] for one in answer.json()["problems"]] == ["query.cursor"]


async def test_a_cursor_is_for_those_it_was_given_to(door: Door, store: Store) -> None:
    for n in range(3):
        campaign_of(store, "shop", f"C{n}")
    cursor = (await get(door, "/v1/campaigns", limit=1))["next"]
    raw = base64.urlsafe_b64decode(cursor + "==")
    for forged in (raw[:-1], raw[:-1] + b"x", bytes([raw[0] ^ 1]) + raw[1:]):
        text = base64.urlsafe_b64encode(forged).decode().rstrip("=")
        answer = await door.http.get("/v1/campaigns", params={"cursor": text})
        assert answer.status_code == 422
    assert (await get(door, "/v1/campaigns", cursor=cursor))["items"]
    door.comes(Scope.READ, Scope.PEOPLE, only=["shop"])
    assert (await door.http.get("/v1/campaigns", params={"cursor": cursor})).status_code == 422


async def test_a_caller_cannot_see_what_is_of_others(door: Door, store: Store) -> None:
    shop, bank = campaign_of(store, "shop", "Spring"), campaign_of(store, "bank", "Loans")
    store.run(open_breaker("bank", "account", "closed", by="operator"))
    door.comes(Scope.READ, Scope.PEOPLE, only=["shop"])
    for path in ("", "/failures", "/export", "/unconfirmed"):
        assert (await door.http.get(f"/v1/campaigns/{bank}{path}")).status_code == 404
        assert (await door.http.get(f"/v1/campaigns/Loans{path}")).status_code == 404
    assert (await door.http.get(f"/v1/messages/{bank}.0")).status_code == 404
    assert [one["id"] for one in (await get(door, "/v1/lanes"))["items"]] == [shop]
    found = await get(door, "/v1/messages", number="447700900001")
    assert [one["lane"] for one in found["items"]] == [shop]
    assert [one["sub_account"] for one in (await get(door, "/v1/limits"))["items"]] == ["shop"]
    assert (await get(door, "/v1/breakers"))["items"] == []
    door.comes(Scope.MANAGE, only=["shop"])
    word = {"sub_account": "bank", "scope": "account", "reason": "x"}
    assert (await door.http.post("/v1/breakers/open", json=word)).status_code == 404
    assert (await door.http.get("/v1/lanes")).status_code == 403


async def test_a_message_tells_what_became_of_it(door: Door, store: Store) -> None:
    lane = given.loaded(store, 10)
    settled(store, lane, State.ACCEPTED, most=4)
    shown = await get(door, f"/v1/messages/{lane}.2.1")
    assert (shown["id"], shown["state"], shown["number"]) == (
        f"{lane}.2", "accepted", "+447700900002"
    )  # fmt: skip
    assert (shown["campaign"], shown["sub_account"], shown["attempts"]) == ("Spring", "shop", 1)
    waits = await get(door, f"/v1/messages/{lane}.7")
    assert (waits["state"], waits["number"], waits["attempts"]) == ("queued", "+447700900007", 0)
    assert "no worker is sending" in waits["why"][0]


async def test_many_messages_are_told_at_once_and_those_that_are_not_there_are_named(
    door: Door, store: Store
) -> None:
    lane, bank = given.loaded(store, 10), campaign_of(store, "bank", "Loans")
    settled(store, lane, State.ACCEPTED, most=4)
    door.comes(Scope.READ, only=["shop"])
    ids = [f"{lane}.7", f"{lane}.2.1", f"{lane}.99", f"{bank}.0", "nothing-1.0"]
    answer = await door.http.post("/v1/statuses", json={"ids": ids})
    told = answer.json()
    assert [(one["id"], one["state"], one["number"]) for one in told["items"]] == [
        (f"{lane}.7", "queued", None), (f"{lane}.2", "accepted", None)
    ]  # fmt: skip
    assert told["unknown"] == ids[2:]
    for wrong in ([], ["nonsense"], [f"{lane}.1"] * 1001):
        refused = await door.http.post("/v1/statuses", json={"ids": wrong})
        assert refused.status_code == 422


async def test_messages_are_told_by_the_keys_they_were_given(
    door: Door, store: Store, settings: Settings
) -> None:
    producer = Producer(store, settings, send_wake_up=lambda: None)

    def send(key: str, account: str = "shop") -> str:
        text = {"user": {"msisdn": "+447700900101"}, "type": "text", "content": {"text": "Hi"}}
        return producer.enqueue(text, key=key, sub_account=account).id

    first, second = send("order-1"), send("order-2")
    theirs = send("loan-1", "bank")
    door.comes(Scope.READ, only=["shop"])
    asked: dict[str, Any] = {"ids": [first], "keys": ["order-2", "loan-1", "order-1", "none"]}
    told = (await door.http.post("/v1/statuses", json=asked)).json()
    assert [one["id"] for one in told["items"]] == [first, second, first]
    assert told["keys"] == {"order-1": first, "order-2": second}
    assert (told["unknown"], told["unknown_keys"]) == ([], ["loan-1", "none"])
    refused = await door.http.post("/v1/statuses", json={"keys": ["loan-1"], "sub_account": "bank"})
    assert (refused.status_code, theirs in refused.text) == (403, False)
    door.comes(Scope.READ)
    vague = await door.http.post("/v1/statuses", json={"keys": ["loan-1"]})
    assert (vague.status_code, vague.json()["problems"]) == (
        422, [{"path": "sub_account", "message": "say which: there is no default"}]
    )  # fmt: skip
    asked = {"keys": ["loan-1"], "sub_account": "bank"}
    told = (await door.http.post("/v1/statuses", json=asked)).json()
    assert told["keys"] == {"loan-1": theirs}


async def test_ids_and_keys_are_a_thousand_together(door: Door) -> None:
    asked = {"ids": ["n-a1b2c3-u250615.0"] * 600, "keys": ["k"] * 401}
    refused = await door.http.post("/v1/statuses", json=asked)
    assert refused.status_code == 422
    assert "give 1 to 1,000 ids and keys together" in refused.text


async def test_a_message_that_waits_says_until_when(door: Door, store: Store) -> None:
    lane = given.loaded(store, 3)
    store.run(pause_sub_account("shop", 60))
    shown = await get(door, f"/v1/messages/{lane}.1")
    assert shown["waits_until"] is not None
    assert "asked for a pause" in shown["why"][0]


@pytest.mark.parametrize("message", ["{lane}.99", "nothing-1.0", "x.1"])
async def test_a_message_that_is_not_there_is_not_found(
    door: Door, store: Store, message: str
) -> None:
    lane = given.loaded(store, 3)
    path = f"/v1/messages/{message.format(lane=lane)}"
    assert (await door.http.get(path)).status_code == 404


async def test_an_id_that_is_none_is_refused(door: Door) -> None:
    assert (await door.http.get("/v1/messages/nonsense")).status_code == 422


async def test_messages_are_found_by_number_in_every_campaign(door: Door, store: Store) -> None:
    lanes = [campaign_of(store, "shop", name) for name in ("One", "Two", "Three")]
    for number in ("+447700900001", "447700900001"):
        found = await get(door, "/v1/messages", number=number)
        assert sorted(one["id"] for one in found["items"]) == sorted(f"{x}.1" for x in lanes)
    one = await get(door, "/v1/messages", number="447700900001", campaign="Two")
    assert [found["campaign"] for found in one["items"]] == ["Two"]
    none = await get(door, "/v1/messages", number="447700900999", campaign="Two")
    assert none == {"items": [], "next": None}
    answer = await door.http.get("/v1/messages", params={"number": "12"})
    assert answer.status_code == 422


async def test_an_export_is_rows_or_lines(door: Door, store: Store) -> None:
    lane = given.loaded(store, 1300)
    settled(store, lane, State.ACCEPTED, most=1000)
    answer = await door.http.get(f"/v1/campaigns/{lane}/export")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert [row["number"] for row in rows] == [f"+{447700900000 + i}" for i in range(1300)]
    assert {row["state"] for row in rows[:1000]} == {"accepted"}
    assert {row["state"] for row in rows[1000:]} == {"queued"}
    by_format = await door.http.get(f"/v1/campaigns/{lane}/export", params={"format": "jsonl"})
    by_accept = await door.http.get(
        f"/v1/campaigns/{lane}/export", headers={"Accept": "application/x-ndjson"}
    )
    assert by_format.text == by_accept.text
    lines = [json.loads(line) for line in by_accept.text.splitlines()]
    assert [line["index"] for line in lines] == list(range(1300))


async def test_an_export_of_nothing_is_a_header(door: Door, store: Store) -> None:
    lane = given.loaded(store, 0)
    answer = await door.http.get(f"/v1/campaigns/{lane}/export")
    assert answer.text.startswith("index,number,state")
    assert answer.text.count("\n") == 1


async def test_what_is_unknown_is_listed(door: Door, store: Store) -> None:
    lane = given.loaded(store, 5)
    settled(store, lane, State.UNCONFIRMED, most=2)
    answer = await door.http.get(f"/v1/campaigns/{lane}/unconfirmed", params={"format": "jsonl"})
    assert [json.loads(line)["index"] for line in answer.text.splitlines()] == [0, 1]


async def test_limits_tell_what_is_free_and_what_is_blocked(door: Door, store: Store) -> None:
    bank, shop = (await get(door, "/v1/limits"))["items"]
    assert (bank["sub_account"], bank["free"], shop["free"]) == ("bank", None, None)
    limits = Limits(200, 50, 0, 100)
    store.run(acquire_permits("shop", limits, 50, op="1", urgent=False, horizon=1))
    shop = (await get(door, "/v1/limits"))["items"][1]
    assert (shop["burst"], shop["messages_per_second"]) == (50, 200)
    assert 0 <= shop["free"] < 50
    assert shop["blocked_until"] is None
    store.run(pause_sub_account("shop", 60))
    shop = (await get(door, "/v1/limits"))["items"][1]
    assert (shop["free"], shop["blocked_until"] is None) == (0, False)


async def test_a_learned_rate_is_told_pinned_and_forgotten(door: Door, store: Store) -> None:
    learned = Learned(78.26, Cause.THROTTLED, 1_700_000_000, share=0.04, code=1009, lag=5)
    store.run(keep_learned("shop", store.run(read_learned("shop")), learned))
    door.comes(Scope.READ, Scope.MANAGE)
    shop = (await get(door, "/v1/limits"))["items"][1]["learned"]
    assert (shop["rate"], shop["cause"], shop["lag"], shop["in_force"]) == (
        78.3,
        "throttled",
        5,
        False,
    )
    assert "receipt code 1009" in shop["explanation"]
    of_shop = {"sub_account": "shop"}
    changes = (await door.http.get("/v1/limits/history", params=of_shop)).json()["items"]
    assert [(one["was"], one["rate"]) for one in changes] == [(0, 78.3)]
    word = {"sub_account": "shop", "rate": 40}
    answer = await door.http.post("/v1/limits/pin", json=word)
    assert answer.status_code == 409
    assert "its rate is not learned (learn_rate is observe)" in answer.text
    answer = await door.http.post("/v1/limits/forget", json={"sub_account": "shop"})
    assert answer.json() == {"sub_account": "shop", "changed": True}
    assert (await get(door, "/v1/limits"))["items"][1]["learned"] is None


async def test_breakers_are_opened_and_closed_by_hand(door: Door, store: Store) -> None:
    door.comes(Scope.READ, Scope.MANAGE)
    word = {"sub_account": "shop", "scope": "template:offer:en", "reason": "a typo"}
    opened = (await door.http.post("/v1/breakers/open", json=word)).json()
    assert (opened["changed"], opened["breaker"]["by"]) == (True, "operator")
    assert opened["breaker"]["probe_at"] is None
    assert (await get(door, "/v1/breakers"))["items"] == [opened["breaker"]]
    del word["reason"]
    closed = (await door.http.post("/v1/breakers/close", json=word)).json()
    assert (closed["changed"], closed["breaker"]) == (True, None)
    assert store.run(read_breakers("shop")) == []
    again = (await door.http.post("/v1/breakers/close", json=word)).json()
    assert again["changed"] is False


async def test_reading_is_not_enough_to_move_a_breaker(door: Door, store: Store) -> None:
    word = {"sub_account": "shop", "scope": "account", "reason": "x"}
    assert (await door.http.post("/v1/breakers/open", json=word)).status_code == 403
    assert (await door.http.post("/v1/breakers/close", json=word)).status_code == 403


async def test_a_campaign_that_is_not_there_is_not_found(door: Door, store: Store) -> None:
    for path in ("", "/failures", "/export", "/unconfirmed"):
        assert (await door.http.get(f"/v1/campaigns/nothing{path}")).status_code == 404
    assert find_lane(store, given.loaded(store, 1)).name == "Spring"


async def test_an_export_may_be_of_some_states_only(door: Door, store: Store) -> None:
    lane = given.loaded(store, 10)
    settled(store, lane, State.REJECTED, most=4)
    settled(store, lane, State.ACCEPTED, "b2", most=3)
    for states, n in ((["rejected"], 4), (["rejected", "queued"], 7), (["read"], 0)):
        answer = await door.http.get(f"/v1/campaigns/{lane}/export", params={"state": states})
        rows = list(csv.DictReader(answer.text.splitlines()))
        assert (len(rows), {row["state"] for row in rows} <= set(states)) == (n, True)
    answer = await door.http.get(f"/v1/campaigns/{lane}/export", params={"state": "lost"})
    assert (answer.status_code, answer.json()["problems"][0]["path"]) == (422, "query.state.0")


@pytest.mark.parametrize("path", ["/v1/campaigns", "/v1/lanes"])
async def test_a_list_may_be_of_some_statuses_only(door: Door, store: Store, path: str) -> None:
    lanes = [campaign_of(store, "shop", name) for name in ("One", "Two", "Three")]
    store.run(move_lane(lanes[0], "pause"))
    for status, found in (("paused", lanes[:1]), ("finished", [])):
        page = await get(door, path, status=status)
        assert [one["id"] for one in page["items"]] == found


async def test_whom_a_message_is_for_is_told_to_those_who_may_see_people(
    door: Door, store: Store
) -> None:
    lane = given.loaded(store, 3)
    settled(store, lane, State.ACCEPTED, most=1)
    for index in (0, 1):
        known = await get(door, f"/v1/messages/{lane}.{index}")
        assert known["number"] == f"+{447700900000 + index}"
    door.comes(Scope.READ)
    for index in (0, 1):
        shown = await door.http.get(f"/v1/messages/{lane}.{index}")
        assert shown.json()["number"] is None
        assert "4477009" not in shown.text
