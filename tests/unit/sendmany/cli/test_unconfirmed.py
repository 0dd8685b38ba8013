"""`sendmany campaign unconfirmed …`, as it is typed, on a store without a server."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from producer.errors import InputError
from sendmany.cli.application import app
from store.client import Store
from store.errors import StoreUnavailable
from store.lanes.lane import LaneStatus, find_lane, move_lane
from store.queue.dead_letters import count_entries
from store.receipts.status_updates import StatusUpdate, apply_status_updates
from store.states import State
from store.workers.presence import active_lanes, forget_active, forget_ready, ready_lanes
from tests.conformance import given
from tests.conformance.retry_dead_letters import dead, ended


class Desk:
    """A terminal with a campaign called Spring."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.woken = 0
        self._patch = monkeypatch
        where = "sendmany.cli.campaign.unconfirmed"
        monkeypatch.setattr(f"{where}.connect", lambda settings: store)
        monkeypatch.setattr("sendmany.cli.campaign.show.connect", lambda settings: store)
        monkeypatch.setattr("sendmany.cli.message.connect", lambda settings: store)
        monkeypatch.setattr(f"{where}.hint_drain", self._wake)

    def sit_down(self) -> None:
        """From now on a person is there to be asked."""
        self._patch.setattr("sendmany.cli.campaign.unconfirmed.at_terminal", lambda: True)

    def run(self, *words: str, types: str = "") -> Result:
        return CliRunner().invoke(app, ["campaign", *words], input=types)

    def json(self, *words: str) -> Any:
        result = self.run(*words, "--json")
        assert result.exit_code == 0, result.exception
        return json.loads(result.stdout)

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def desk(store: Store, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(store, monkeypatch)


def test_those_who_wait_for_a_word_are_listed(desk: Desk) -> None:
    lane = ended(desk.store, 3, (State.UNCONFIRMED, State.FAILED, State.ACCEPTED))
    (one,) = desk.json("unconfirmed", "list", "Spring")
    assert (one["id"], one["number"], one["state"]) == (f"{lane}.0", "+447700900000", "unconfirmed")
    shown = desk.run("unconfirmed", "list", "Spring").stdout
    assert f"{lane}.0" in shown
    assert 'sendmany campaign unconfirmed resend "Spring"' in shown


def test_a_long_list_is_cut_for_people(desk: Desk) -> None:
    ended(desk.store, 60)
    shown = desk.run("unconfirmed", "list", "Spring").stdout
    assert "… and 10 more messages: --json lists them all." in shown
    assert len(desk.json("unconfirmed", "list", "Spring")) == 60


def test_a_campaign_without_doubt_says_so(desk: Desk) -> None:
    given.loaded(desk.store, 1)
    assert "No message" in desk.run("unconfirmed", "list", "Spring").stdout
    assert desk.json("unconfirmed", "list", "Spring") == []
    assert "No message" in desk.run("unconfirmed", "resend", "Spring").stdout
    assert desk.woken == 0


def test_show_speaks_of_what_is_unknown_and_names_the_command(desk: Desk) -> None:
    ended(desk.store, 2)
    assert '`sendmany campaign unconfirmed list "Spring"`' in desk.run("show", "Spring").stdout
    desk.json("unconfirmed", "close", "Spring")
    shown = desk.run("show", "Spring").stdout
    assert "2 messages are unconfirmed" in shown
    assert "sendmany campaign unconfirmed" not in shown


def test_show_names_the_command_for_what_failed(desk: Desk) -> None:
    ended(desk.store, 2, (State.FAILED,))
    assert '`sendmany campaign retry "Spring"`' in desk.run("show", "Spring").stdout


def test_nothing_is_sent_again_before_somebody_agrees(desk: Desk) -> None:
    lane = ended(desk.store, 3)
    result = desk.run("unconfirmed", "resend", "Spring")
    assert isinstance(result.exception, InputError)
    assert "3 of them may have arrived: who has got one gets it twice." in str(result.exception)
    desk.sit_down()
    assert desk.run("unconfirmed", "resend", "Spring", types="n\n").exit_code == 1
    assert given.counts(desk.store, lane) == {State.UNCONFIRMED: 3}
    agreed = desk.run("unconfirmed", "resend", "Spring", types="y\n")
    assert agreed.exit_code == 0
    assert "3 of them may have arrived: who has got one gets it twice." in agreed.stderr
    assert "3 messages go out again." in agreed.stdout
    assert given.counts(desk.store, lane) == {State.QUEUED: 3}


def test_a_finished_campaign_goes_on_and_the_workers_are_woken(desk: Desk) -> None:
    lane = ended(desk.store, 3)
    desk.store.run(forget_active(lane))
    desk.store.run(forget_ready(lane))
    desk.store.run(apply_status_updates(lane, [StatusUpdate(1, 1, State.FORWARDED, given.NOW)]))
    assert desk.json("unconfirmed", "resend", "Spring", "--yes") == {
        "name": "Spring", "id": lane, "status": "sending", "resent": 2, "settled_meanwhile": 1,
    }  # fmt: skip
    assert desk.woken == 1
    assert desk.store.run(active_lanes()) == [lane]
    assert desk.store.run(ready_lanes()) == [(lane, 2)]
    assert given.balanced(desk.store, lane)


def test_what_failed_is_not_sent_again_with_it(desk: Desk) -> None:
    lane = ended(desk.store, 4, (State.UNCONFIRMED, State.FAILED))
    assert desk.json("unconfirmed", "resend", "Spring", "--yes")["resent"] == 2
    assert given.counts(desk.store, lane) == {State.QUEUED: 2, State.FAILED: 2}


def test_a_paused_campaign_says_when_they_go_out(desk: Desk) -> None:
    lane = given.loaded(desk.store, 4)
    dead(desk.store, lane, "b1", (State.UNCONFIRMED,), most=2)
    desk.store.run(move_lane(lane, "pause"))
    shown = desk.run("unconfirmed", "resend", "Spring", "--yes").stdout
    assert "2 messages go out again." in shown
    assert '"Spring" is paused; it is sent after it is resumed.' in shown


def test_what_was_cancelled_stays_so(desk: Desk) -> None:
    lane = given.loaded(desk.store, 4)
    dead(desk.store, lane, "b1", (State.UNCONFIRMED,), most=2)
    desk.store.run(move_lane(lane, "cancel"))
    result = desk.run("unconfirmed", "resend", "Spring", "--yes")
    assert isinstance(result.exception, InputError)
    assert "nothing of it is sent again" in str(result.exception)
    assert "campaign unconfirmed" not in desk.run("show", "Spring").stdout


def test_what_is_closed_stays_unknown(desk: Desk) -> None:
    lane = ended(desk.store, 3)
    desk.sit_down()
    asked = desk.run("unconfirmed", "close", "Spring", types="y\n")
    assert "Let 3 unconfirmed messages rest?" in asked.stderr
    assert "3 messages put to rest." in asked.stdout
    assert desk.store.run(count_entries(lane)) == 0
    assert given.counts(desk.store, lane) == {State.UNCONFIRMED: 3}
    assert find_lane(desk.store, lane).status is LaneStatus.FINISHED
    assert desk.json("unconfirmed", "close", "Spring")["closed"] == 0


def test_a_store_that_goes_away_leaves_a_word_on_how_to_go_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(desk.store, 3)

    def away(*_: Any) -> None:
        raise StoreUnavailable("Redis cannot serve at the moment.")

    monkeypatch.setattr("sendmany.cli.campaign.unconfirmed.settle_dead_letters", away)
    result = desk.run("unconfirmed", "resend", "Spring", "--yes")
    assert isinstance(result.exception, StoreUnavailable)
    assert "Run this again for the rest" in str(result.exception)


def test_the_story_of_a_message_tells_who_had_it_sent_again(desk: Desk) -> None:
    lane = ended(desk.store, 1)
    desk.json("unconfirmed", "resend", "Spring", "--yes")
    result = CliRunner().invoke(app, ["message", "show", f"{lane}.0"])
    assert "after attempt 1, at " in result.stdout
    assert "an operator resent it" in result.stdout
