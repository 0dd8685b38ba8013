"""`sendmany campaign launch` once more, on a store without a server: how the campaign stands."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from config.sections import SubAccount
from config.settings import Settings
from sendmany.cli import campaign_launch
from sendmany.cli.application import app
from store.calls import Store
from store.keys import lane_keys
from store.lanes import LaneStatus, find_lane

Launch = Callable[[], Result]


@pytest.fixture
def launch(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Launch:
    """Launches the same campaign as often as it is called."""
    monkeypatch.chdir(tmp_path)
    message = {"type": "text", "content": {"text": "Hello {{name}}"}}
    Path("offer.json").write_text(json.dumps(message))
    Path("people.csv").write_text("msisdn,name\n+447700900123,Ada\n")
    settings = Settings(sub_accounts={"shop": SubAccount()})
    monkeypatch.setattr(campaign_launch, "connect", lambda _: store)
    monkeypatch.setattr(campaign_launch, "load_settings", lambda: settings)
    monkeypatch.setattr(campaign_launch, "send_drain", lambda: None)
    files = ("--recipients", "people.csv", "--message", "offer.json", "--offline")
    return lambda: CliRunner().invoke(app, ["campaign", "launch", "Spring", *files])


def test_a_launch_says_how_to_watch_it(launch: Launch) -> None:
    assert launch().stdout.splitlines() == [
        '"Spring" is launched: 1 recipient.',
        'The numbers are read from the column "msisdn".',
        'Watch it with: sendmany campaign watch "Spring"',
    ]
    assert '"Spring" is complete: 1 recipient.' in launch().stdout


@pytest.mark.parametrize(
    ("status", "how", "next_"),
    [
        (LaneStatus.PAUSED, "is paused", '`sendmany campaign resume "Spring"`'),
        (LaneStatus.STOPPED, "has stopped", "Why: the key is wrong. When that is mended: "),
        (LaneStatus.HALTED, "is halted", '`sendmany campaign show "Spring"`'),
        (LaneStatus.CANCELLED, "is cancelled", "Nothing more goes out."),
    ],
)
def test_a_campaign_that_does_not_go_out_is_not_said_to_be_complete(
    store: Store, launch: Launch, status: LaneStatus, how: str, next_: str
) -> None:
    launch()
    meta = lane_keys(find_lane(store, "Spring").id).meta
    store.client.hset(meta, mapping={"status": status, "reason": "the key is wrong"})
    again = launch()
    assert f'"Spring" {how}: 1 recipient.' in again.stdout
    assert next_ in again.stdout
    assert "Watch it" not in again.stdout
