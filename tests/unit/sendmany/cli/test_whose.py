"""Campaigns of several sub-accounts with one name: commands ask whose is meant."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from sendmany.cli.application import app
from store.client import Store
from store.errors import SeveralLanes, UnknownLane
from store.lanes.lane import LaneStatus, find_lane, finish_loading
from store.lanes.open import open_campaign
from tests.conformance import given

COMMANDS = [
    ("campaign", "show", "Spring"),
    ("campaign", "watch", "Spring"),
    ("campaign", "pause", "Spring"),
    ("campaign", "resume", "Spring"),
    ("campaign", "cancel", "Spring", "--yes"),
    ("campaign", "export", "Spring"),
    ("campaign", "verify", "Spring"),
    ("campaign", "unconfirmed", "list", "Spring"),
    ("campaign", "unconfirmed", "resend", "Spring", "--yes"),
    ("campaign", "unconfirmed", "close", "Spring", "--yes"),
    ("message", "show", "--to", "+447700900000", "--campaign", "Spring"),
]


@pytest.fixture
def both(store: Store, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The campaign of each sub-account."""
    for room in ("show", "control", "export", "unconfirmed"):
        monkeypatch.setattr(f"sendmany.cli.campaign.{room}.connect", lambda settings: store)
    monkeypatch.setattr("sendmany.cli.message.connect", lambda settings: store)
    lanes = {"shop": given.loaded(store, 1)}
    lanes["bank"] = open_campaign(store, replace(given.plan(), sub_account="bank"))[0]
    store.run(finish_loading(lanes["bank"]))
    return lanes


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_each_command_asks_whose_campaign_is_meant(
    both: dict[str, str], words: tuple[str, ...]
) -> None:
    asked = CliRunner().invoke(app, words)
    assert isinstance(asked.exception, SeveralLanes)
    assert "(bank, shop): say which with --sub-account" in str(asked.exception)
    nobodys = CliRunner().invoke(app, (*words, "--sub-account", "club"))
    assert isinstance(nobodys.exception, UnknownLane)


def test_a_name_is_found_without_regard_to_case_and_white_space(
    both: dict[str, str], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = open_campaign(store, given.plan("Big one"))[0]
    monkeypatch.setattr("sendmany.cli.campaign.control.hint_drain", lambda: None)
    for word, status in (("pause", LaneStatus.PAUSED), ("resume", LaneStatus.LOADING)):
        said = CliRunner().invoke(app, ("campaign", word, "big  ONE"))
        assert said.exit_code == 0, said.exception
        assert find_lane(store, lane).status is status


def test_what_is_said_about_one_leaves_the_other_alone(both: dict[str, str], store: Store) -> None:
    paused = CliRunner().invoke(app, ("campaign", "pause", "Spring", "--sub-account", "shop"))
    assert paused.exit_code == 0, paused.exception
    assert find_lane(store, both["shop"]).status is LaneStatus.PAUSED
    assert find_lane(store, both["bank"]).status is not LaneStatus.PAUSED
