"""Retries and further people over HTTP."""

from typing import Any

import pytest

from store.access.tokens import Scope
from store.client import Store
from store.lanes.lane import Lane, find_lane
from store.records.outcome import Origin
from store.states import State
from tests.conformance import given
from tests.unit.sendmany.api.campaigns.test_launching import campaign, lines_of, people, post
from tests.unit.web_client import Door

N = 1500


@pytest.fixture
async def lane(door: Door, store: Store) -> Lane:
    """Of fifteen hundred every one was undelivered whose name ends with a zero."""
    await post(door, campaign(keep=[]), "msisdn,name\n" + people(N))
    id_ = find_lane(store, "Spring").id
    for batch in ("b1", "b2"):
        claim = given.claim(store, id_, batch)
        what = given.ended(State.DELIVERED, [job for job in claim.jobs if job.index % 10])
        lost = [job for job in claim.jobs if not job.index % 10]
        what.records += given.records(State.UNDELIVERED, lost, (Origin.RECEIPT, 1024))
        what.add(State.UNDELIVERED, len(lost))
        given.settle(store, id_, claim, what, batch)
    return find_lane(store, id_)


async def retry(door: Door, lane: Lane, **body: Any) -> Any:
    return await door.http.post(f"/v1/campaigns/{lane.id}/retry", json=body)


async def test_a_retry_is_counted_then_stored_and_asked_for_again(
    door: Door, store: Store, lane: Lane
) -> None:
    tried = (await retry(door, lane, code=["receipt.1024"], dry_run=True)).json()
    assert tried == {
        "dry_run": True, "name": "Spring (retry 1)", "id": None, "status": None, "parent": lane.id,
        "people": 150, "may_have_arrived": 0, "retried_before": 0, "forgotten": 0, "recipients": None,
    }  # fmt: skip
    answer = await retry(door, lane, **{"as": "Once more"})
    assert answer.status_code == 200
    found = answer.json()
    assert (found["name"], found["recipients"], found["status"]) == ("Once more", 150, "sending")
    assert lines_of(store, "Once more")[1] == b"493023125000010\tName 10"
    again = (await retry(door, lane, **{"as": "Once more"})).json()
    assert (again["id"], again["recipients"]) == (found["id"], 150)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"state": ["queued"]}, 422),
        ({"state": ["cancelled"]}, 422),  # nobody
        ({"code": ["receipt"]}, 422),
        ({"older": "soon"}, 422),
        ({"not_read": True, "state": ["failed"]}, 422),
        ({"states": []}, 422),
        ({"as": "Spring"}, 409),
    ],
)
async def test_what_cannot_be_retried_stores_nothing(
    door: Door, store: Store, lane: Lane, body: dict[str, Any], status: int
) -> None:
    answer = await retry(door, lane, **body)
    assert (answer.status_code, bool(answer.json()["detail"])) == (status, True)
    assert find_lane(store, lane.id).children == ()


@pytest.mark.parametrize("path", ["retry", "recipients"])
async def test_a_caller_cannot_send_again_a_campaign_of_others(
    door: Door, lane: Lane, path: str
) -> None:
    door.comes(Scope.SEND, only=["Bank"])
    answer = await door.http.post(f"/v1/campaigns/{lane.id}/{path}", json={})
    assert answer.status_code == 404
    door.comes(Scope.READ, Scope.ENQUEUE, Scope.MANAGE)
    answer = await door.http.post(f"/v1/campaigns/{lane.id}/{path}", json={})
    assert answer.status_code == 403


async def test_people_are_added_while_they_arrive(door: Door, store: Store, lane: Lane) -> None:
    rows = "msisdn,name\n" + people(1100, N - 100) + "nobody,Ana\n"
    path = f"/v1/campaigns/{lane.id}/recipients"
    answer = await door.http.post(path, content=rows.encode())
    assert answer.status_code == 200, answer.json()
    found = answer.json()
    assert (found["added"], found["already_in"], found["invalid_rows"]) == (1000, 100, 1)
    assert (found["recipients"], found["status"]) == (N + 1000, "sending")
    assert found["first_invalid_rows"][0]["line"] == 1102
    assert len(lines_of(store, lane.id)) == 1000
    again = (await door.http.post(path, content=rows.encode())).json()
    assert (again["added"], again["already_in"]) == (0, 1100)


async def test_an_addition_that_was_cut_goes_on(
    door: Door, store: Store, lane: Lane, trouble: Any
) -> None:
    rows = ("msisdn,name\n" + people(2500, N)).encode()
    path = f"/v1/campaigns/{lane.id}/recipients"
    trouble.chunks_left = 1
    assert (await door.http.post(path, content=rows)).status_code == 503
    trouble.chunks_left = 99
    other = await door.http.post(path, content=b"number,name\n" + rows)
    assert other.status_code == 409
    assert (await door.http.post(path, content=rows)).status_code == 200
    assert find_lane(store, lane.id).next_index == N + 2500
    assert given.balanced(store, lane.id)


async def test_a_file_without_the_columns_is_refused(door: Door, store: Store, lane: Lane) -> None:
    answer = await door.http.post(
        f"/v1/campaigns/{lane.id}/recipients", content=b"msisdn,town\n+493023125999999,Ulm\n"
    )
    assert (answer.status_code, "name" in answer.json()["detail"]) == (422, True)
    assert find_lane(store, lane.id) == lane
