"""`sendmany doctor --accept`, as it is typed, on a store without a server."""

import json

import pytest
from typer.testing import CliRunner, Result

from producer.errors import InputError
from sendmany.cli.application import app
from store.client import Store
from store.lanes.lane import LaneStatus, find_lane, move_lane
from store.workers.presence import ready_lanes
from tests.conformance import given


@pytest.fixture(autouse=True)
def woken(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A terminal at this store; who is woken."""
    found: list[str] = []
    monkeypatch.setattr("sendmany.cli.campaign.control.connect", lambda settings: store)
    monkeypatch.setattr(
        "sendmany.cli.campaign.control.hint_drain", lambda: found.append("send_wake_up")
    )
    monkeypatch.setattr("sendmany.cli.operations.doctor.examine", lambda *, offline: [])
    return found


def accept(name: str, *words: str) -> Result:
    return CliRunner().invoke(app, ["doctor", "--accept", name, *words])


def test_a_lane_that_was_halted_goes_on(store: Store, woken: list[str]) -> None:
    lane = given.loaded(store, 3)
    store.run(move_lane(lane, "halt", "Redis came back from an older copy", known=500))
    result = accept(lane, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["status"] == "sending"
    assert find_lane(store, lane).status is LaneStatus.SENDING
    assert store.run(ready_lanes()) == [(lane, 2)]
    assert woken == ["send_wake_up"]
    assert accept("Spring").stdout == '"Spring" is sending already.\n'


def test_a_lane_that_is_given_up_is_not_accepted(store: Store, woken: list[str]) -> None:
    lane = given.loaded(store, 3)
    store.run(move_lane(lane, "cancel"))
    error = accept(lane).exception
    assert isinstance(error, InputError)
    assert "it cannot accept" in str(error)
    assert woken == []


def test_without_it_nothing_is_accepted(store: Store) -> None:
    lane = given.loaded(store, 3)
    store.run(move_lane(lane, "halt", "Redis came back from an older copy", known=500))
    assert CliRunner().invoke(app, ["doctor"]).exit_code == 0
    assert find_lane(store, lane).status is LaneStatus.HALTED
