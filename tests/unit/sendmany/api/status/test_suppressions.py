"""`/v1/suppressions`: adding, listing, checking and removing, and who may."""

from typing import Any

import pytest

from store.access.audit import read_audit
from store.access.tokens import Scope
from store.client import Store
from store.keys import PEOPLE_SHARDS
from store.people.suppressions import EVERYWHERE, all_suppressions, count_suppressions
from tests.unit.web_client import Door

ANN, BOB = "+442079460123", "+442079460124"


@pytest.fixture(autouse=True)
def everything(door: Door) -> None:
    door.comes(Scope.PEOPLE, Scope.MANAGE)


async def post(door: Door, path: str, status: int = 200, **body: Any) -> Any:
    answer = await door.http.post(f"/v1/suppressions{path}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def check(door: Door, person: str, sub_account: str = "shop") -> list[dict[str, str]]:
    found = await post(door, "/check", person=person, sub_account=sub_account)
    return list(found["suppressed"])


async def test_who_is_added_is_suppressed_until_removed_and_the_trail_tells(
    door: Door, store: Store
) -> None:
    added = await post(door, "", people=[ANN, BOB], sub_account="shop", purposes=["all"])
    assert added == {"scope": "shop", "new": 2, "known": 0, "invalid": []}
    (one,) = await check(door, ANN)
    assert (one["scope"], one["reason"], one["purposes"]) == ("shop", "operator", "all")
    assert await check(door, ANN, "bank") == []
    again = await post(door, "", people=["020 7946 0123"], sub_account="shop", region="gb")
    assert (again["new"], again["known"]) == (0, 1)
    removed = await post(door, "/remove", people=[ANN], sub_account="shop")
    assert (removed["released"], removed["not_suppressed"]) == (1, 0)
    assert await check(door, ANN) == []
    acts = [(one.act, one.object) for one in read_audit(store)]
    assert acts == [
        ("suppress.remove", "44…23 of shop"),
        ("suppress.add", "44…23 of shop"),
        ("suppress.add", "2 people of shop"),
    ]


async def test_without_a_sub_account_it_holds_for_all_and_takes_a_token_for_all(
    door: Door, store: Store
) -> None:
    added = await post(door, "", people=[ANN], source="import", purposes=["marketing"])
    assert added["scope"] == EVERYWHERE
    (one,) = await check(door, ANN, "bank")
    assert (one["scope"], one["reason"], one["purposes"]) == ("*", "import", "marketing")
    door.comes(Scope.PEOPLE, Scope.MANAGE, only=["shop"])
    for path in ("", "/remove"):
        await post(door, path, 403, people=[ANN])
        await post(door, path, 404, people=[ANN], sub_account="bank")
    assert (await door.http.get("/v1/suppressions")).status_code == 403
    assert store.run(count_suppressions(EVERYWHERE)) == 1


async def test_one_bad_number_refuses_all_unless_bad_ones_are_to_be_skipped(
    door: Door, store: Store
) -> None:
    people = [ANN, "+44 12", BOB]
    refused = await post(door, "", 422, people=people)
    (problem,) = refused["problems"]
    assert problem["path"] == "people.1"
    assert "12" not in problem["message"]
    assert store.run(count_suppressions(EVERYWHERE)) == 0
    taken = await post(door, "", people=people, skip_invalid=True)
    assert (taken["new"], [one["path"] for one in taken["invalid"]]) == (2, ["people.1"])
    none = await post(door, "/remove", people=["+44 12"], skip_invalid=True)
    assert (none["released"], len(none["invalid"])) == (0, 1)


async def test_pages_hold_every_suppressed_person_once(door: Door, store: Store) -> None:
    numbers = [f"+4477009{n:05d}" for n in range(40)]
    await post(door, "", people=numbers, sub_account="shop")
    seen: list[str] = []
    query: dict[str, str] = {"sub_account": "shop", "limit": "1"}
    pages = 0
    while pages == 0 or "cursor" in query:
        page = (await door.http.get("/v1/suppressions", params=query)).json()
        seen += [one["number"] for one in page["items"]]
        query, pages = {**query, "cursor": page["next"]} if page["next"] else {}, pages + 1
    assert sorted(seen) == numbers
    assert pages >= PEOPLE_SHARDS
    assert len(list(all_suppressions(store, "shop"))) == 40
    for cursor in ("5.0", "0", "x.1"):
        answer = await door.http.get("/v1/suppressions", params={"cursor": cursor})
        assert answer.status_code == 422
