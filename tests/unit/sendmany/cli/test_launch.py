"""`sendmany campaign launch` once more, on a store without a server: how the campaign stands."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from config.sections import SubAccount
from config.settings import Settings
from producer.errors import NotAgreed
from sendmany.cli.application import app
from sendmany.cli.campaign import launch as launch_command
from sendmany.cli.campaign import plan as plan_command
from store.client import Store
from store.keys import lane_keys
from store.lanes.lane import LaneStatus, find_lane, list_lanes

Launch = Callable[..., Result]


@pytest.fixture
def launch(store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Launch:
    """Launches the same campaign as often as it is called, or one of another name."""
    monkeypatch.chdir(tmp_path)
    message = {"type": "text", "content": {"text": "Hello {{name}}"}}
    Path("offer.json").write_text(json.dumps(message))
    Path("people.csv").write_text("msisdn,name\n+447700900123,Ada\n")
    settings = Settings(sub_accounts={"shop": SubAccount()})
    monkeypatch.setattr(launch_command, "connect", lambda _: store)
    monkeypatch.setattr(launch_command, "load_settings", lambda: settings)
    monkeypatch.setattr(plan_command, "load_settings", lambda: settings)
    monkeypatch.setattr(launch_command, "hint_drain", lambda: None)
    files = ("--recipients", "people.csv", "--message", "offer.json", "--offline")

    def run(name: str = "Spring", *options: str, answer: str = "") -> Result:
        words = ["campaign", "launch", name, *files, *options]
        return CliRunner().invoke(app, words, input=answer)

    return run


def test_a_launch_says_how_to_watch_it(launch: Launch) -> None:
    assert launch().stdout.splitlines() == [
        '"Spring" is launched: 1 recipient.',
        'The numbers are read from the column "msisdn".',
        'Watch it with: sendmany campaign watch "Spring"',
    ]
    assert '"Spring" is complete already: 1 recipient.' in launch().stdout


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


def test_a_launch_tells_the_columns_the_folded_values_and_what_was_launched_before(
    launch: Launch,
) -> None:
    parameters = [{"type": "text", "text": "{{first name}}"}]
    parts = [{"type": "body", "parameters": parameters}]
    content = {"template": {"name": "t", "language": "en", "components": parts}}
    Path("offer.json").write_text(json.dumps({"type": "template", "content": content}))
    Path("people.csv").write_text(
        'Mobile phone ,First_Name,Land\n07700 900123,"A\nB",UK\n+447700900124,a     b,\n'
    )
    told = launch()
    assert told.stdout.splitlines()[1:3] == [
        'The numbers are read from the column "Mobile phone", their country from "Land".',
        "In 2 values, line ends, tabs or more than 4 blanks became one blank: templates take none.",
    ]
    again = launch("summer")
    assert again.stderr == (
        'Note: This file and this message were launched as "Spring" already: everybody in it gets a '
        "second message.\n"
    )
    shown = json.loads(launch("Autumn", "--json").stdout)
    assert [shown[key] for key in ("number_column", "country_column", "folded")] == [
        "Mobile phone", "Land", 2
    ]  # fmt: skip


def test_at_a_terminal_a_launch_tells_who_gets_it_asks_and_can_be_undone(
    store: Store, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"+4474000{n:05d},Ada\n" for n in range(30))
    Path("people.csv").write_text(f"msisdn,name\n{rows}07700900124,Eve\n")
    monkeypatch.setattr(launch_command, "at_terminal", lambda: True)
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    refused = launch(answer="n\n")
    assert (
        "30 of 31 people get it; 1 row (3%) cannot be used, most since: it has no country code. Launch?"
    ) in refused.stderr
    assert (refused.exit_code, waited, list_lanes(store)) == (1, [], [])

    def undo(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", undo)
    undone = launch(answer="y\n")
    assert (undone.exit_code, list_lanes(store)) == (130, [])
    assert "Undone: nothing was launched." in undone.stderr
    monkeypatch.setattr("time.sleep", waited.append)
    assert '"Spring" is launched: 30 recipients.' in launch(answer="y\n").stdout
    assert waited == [10]
    assert "Launch?" not in launch("Summer", "--yes").stderr


def test_too_many_invalid_rows_have_to_be_accepted(store: Store, launch: Launch) -> None:
    Path("people.csv").write_text("msisdn,name\n+447400000001,Ada\n0740000002,Eve\n")
    for options in ((), ("--yes",), ("--send-while-loading",)):
        refused = launch("Spring", *options)
        assert (refused.exit_code, list_lanes(store)) == (1, [])
        assert isinstance(refused.exception, NotAgreed)
        assert "1 of 2 rows (50%) cannot be used" in str(refused.exception)
    files = ["--recipients", "people.csv", "--message", "offer.json", "--offline"]
    planned = CliRunner().invoke(app, ["campaign", "plan", "Spring", *files])
    assert "Note: 1 of 2 rows (50%) cannot be used" in planned.stderr
    assert launch("Spring", "--accept-invalid").exit_code == 0


def test_only_what_was_planned_is_launched(store: Store, launch: Launch) -> None:
    files = ["--recipients", "people.csv", "--message", "offer.json", "--offline", "--json"]
    planned = CliRunner().invoke(app, ["campaign", "plan", "Spring", *files])
    digest = json.loads(planned.stdout)["digest"]
    start = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    later = [*files, "--at", start]
    told_later = json.loads(CliRunner().invoke(app, ["campaign", "plan", "Spring", *later]).stdout)
    assert told_later["ends_at"] == start
    assert told_later["digest"] != digest
    told = CliRunner().invoke(app, ["campaign", "plan", "Spring", *files[:-1]]).stdout
    assert "1 of 1 people get it, marketing; nothing is stored yet." in told
    assert f"--plan {digest}" in told
    Path("people.csv").write_text("msisdn,name\n+447700900123,Ida\n")
    changed = launch("Spring", "--plan", digest)
    assert isinstance(changed.exception, NotAgreed)
    assert "the plan has changed" in str(changed.exception)
    assert list_lanes(store) == []
    Path("people.csv").write_text("msisdn,name\n+447700900123,Ada\n")
    assert launch("Spring", "--plan", digest).exit_code == 0


def test_a_launch_tells_when_it_starts_and_what_it_was_read_from(launch: Launch) -> None:
    at = datetime.now(UTC) + timedelta(days=20)
    Path("people.csv").write_text("msisdn,name\n+447700900123,Zoë Müller\n", encoding="cp1252")
    told = launch("Spring", "--at", f"{at:%Y-%m-%d} 09:00 UTC", "--rate", "5")
    assert told.stdout.splitlines()[:4] == [
        '"Spring" is launched: 1 recipient.',
        "The file is read as windows-1252.",
        'The numbers are read from the column "msisdn".',
        f"It starts at {at:%Y-%m-%d} 09:00 UTC ({at:%Y-%m-%d} 09:00:00 here).",
    ]
    again = launch("Spring", "--at", f"{at:%Y-%m-%d} 10:00 UTC", "--rate", "5")
    assert "was launched with another time or none" in str(again.exception)
    late = launch("Late", "--at", "2020-01-01 09:00 UTC")
    assert "is past: name a later time" in str(late.exception)
    both = launch("Both", "--at", f"{at:%Y-%m-%d} 09:00 UTC", "--send-while-loading")
    assert "Say either --at or --send-while-loading" in str(both.exception)


def test_a_launch_by_local_time_says_so_and_is_scheduled(launch: Launch, store: Store) -> None:
    day = f"{datetime.now(UTC) + timedelta(days=3):%Y-%m-%d}"
    told = launch("Spring", "--at-local", "10:00", "--on", day).stdout
    assert f"It starts at {day} 10:00 by the local time of each person." in told
    lane = find_lane(store, "Spring")
    assert (lane.status, lane.local_start[:16]) == (LaneStatus.SCHEDULED, f"{day}T10:00")
    again = json.loads(launch("Spring", "--at-local", "10:00", "--on", day, "--json").stdout)
    assert (again["resumed"], again["local_start"]) == (True, f"{day}T10:00")
    other = launch("Spring", "--at-local", "11:00", "--on", day)
    assert "launched with another time" in str(other.exception)
