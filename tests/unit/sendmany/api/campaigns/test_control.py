"""Pausing, resuming and cancelling over HTTP, and a word about what is in doubt."""

import pytest

from store.access.tokens import Scope
from store.client import Store
from store.lanes.lane import Lane, LaneStatus, find_lane, move_lane
from store.queue.dead_letters import DeadLetters
from store.reports.lane_report import report
from store.states import State
from tests.conformance import given
from tests.unit.web_client import Door, Wakes


@pytest.fixture
def lane(store: Store) -> Lane:
    return find_lane(store, given.loaded(store, 5))


def ends_unconfirmed(store: Store, lane: Lane, batch: str) -> None:
    claim = given.claim(store, lane.id, batch)
    what = given.ended(State.UNCONFIRMED, claim.jobs)
    what.dead = [DeadLetters("local:2", claim.jobs)]
    given.settle(store, lane.id, claim, what, batch)


async def test_a_campaign_is_paused_resumed_and_cancelled(
    door: Door, store: Store, lane: Lane, wakes: Wakes
) -> None:
    paused = await door.http.post(f"/v1/campaigns/{lane.id}/pause")
    assert paused.json() == {
        "id": lane.id, "name": lane.name, "status": "paused", "changed": True
    }  # fmt: skip
    assert wakes.sent == 0
    again = await door.http.post(f"/v1/campaigns/{lane.id}/pause")
    assert (again.status_code, again.json()["changed"]) == (200, False)
    resumed = await door.http.post(f"/v1/campaigns/{lane.name}/resume")
    assert resumed.json()["status"] == "sending"
    assert wakes.sent == 1
    cancelled = await door.http.post(f"/v1/campaigns/{lane.name}/cancel")
    assert cancelled.json()["status"] == "cancelling"
    assert find_lane(store, lane.id).status is LaneStatus.CANCELLING


async def test_what_its_status_does_not_allow_is_a_conflict(
    door: Door, store: Store, lane: Lane
) -> None:
    store.run(move_lane(lane.id, "halt", "an older copy", known=9))
    assert (await door.http.post(f"/v1/campaigns/{lane.id}/resume")).status_code == 409
    accepted = await door.http.post(f"/v1/campaigns/{lane.id}/resume?accept=true")
    assert accepted.json()["status"] == "sending"
    await door.http.post(f"/v1/campaigns/{lane.id}/cancel")
    refused = await door.http.post(f"/v1/campaigns/{lane.id}/pause")
    assert (refused.status_code, "cancel" in refused.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    "action", ["pause", "resume", "cancel", "unconfirmed/close", "unconfirmed/resend"]
)
async def test_a_caller_cannot_change_a_campaign_of_others(
    door: Door, store: Store, lane: Lane, action: str
) -> None:
    door.comes(Scope.MANAGE, only=["Bank"])
    assert (await door.http.post(f"/v1/campaigns/{lane.id}/{action}")).status_code == 404
    door.comes(Scope.READ, Scope.ENQUEUE)
    assert (await door.http.post(f"/v1/campaigns/{lane.id}/{action}")).status_code == 403
    door.comes(Scope.MANAGE)
    assert (await door.http.post(f"/v1/campaigns/nothing/{action}")).status_code == 404
    assert find_lane(store, lane.id) == lane


async def test_what_is_unknown_is_sent_again_or_put_to_rest(
    door: Door, store: Store, lane: Lane, wakes: Wakes
) -> None:
    ends_unconfirmed(store, lane, "b1")
    resent = await door.http.post(f"/v1/campaigns/{lane.id}/unconfirmed/resend")
    assert (resent.json()["messages"], resent.json()["status"]) == (5, "sending")
    assert wakes.sent == 1
    ends_unconfirmed(store, lane, "b2")
    closed = await door.http.post(f"/v1/campaigns/{lane.id}/unconfirmed/close")
    assert closed.json()["messages"] == 5
    assert report(store, lane.id).counts == {State.UNCONFIRMED: 5}
    again = await door.http.post(f"/v1/campaigns/{lane.id}/unconfirmed/resend")
    assert again.json()["messages"] == 0
