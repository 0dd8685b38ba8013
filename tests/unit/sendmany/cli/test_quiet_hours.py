"""`sendmany quiet-hours …`, as it is typed, on a store without a server."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from config.sections import QuietHours
from config.settings import Settings
from producer.errors import InputError
from sendmany.cli.application import app
from sendmany.cli.operations import quiet_hours
from store.access.audit import read_audit
from store.client import Store


@pytest.fixture(autouse=True)
def desk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal at an empty store, with hours in the settings."""
    monkeypatch.setattr(quiet_hours, "connect", lambda settings: store)
    monkeypatch.setattr(quiet_hours, "hint_drain", lambda: None)
    settings = Settings(quiet_hours=QuietHours(hours={"GB": "09:00-17:00"}))
    monkeypatch.setattr(quiet_hours, "load_settings", lambda: settings)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["quiet-hours", *words])


def as_json(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def places(told: Any) -> dict[str, tuple[str, str]]:
    return {one["place"]: (one["hours"], one["origin"]) for one in told["places"]}


def test_they_are_off_and_told_with_where_they_are_from() -> None:
    told = as_json("show")
    assert (told["on"], told["timezone"]) == (False, "UTC")
    assert places(told)["GB"] == ("09:00-17:00", "settings")
    assert places(told)["FR"] == ("Mon-Sat 08:00-20:00, not holidays", "shipped")
    assert "Off: marketing goes at any time" in run("show").stdout


def test_a_change_is_kept_and_taken_back_and_written_down(store: Store) -> None:
    told = as_json("set", "--on", "GB=Mon-Fri 10:00-12:00", "*=always")
    assert told["on"]
    assert places(told)["GB"] == ("Mon-Fri 10:00-12:00", "changed")
    assert as_json("show") == told
    told = as_json("set", "GB=", "--as-configured")
    assert (told["on"], places(told)["GB"]) == (False, ("09:00-17:00", "settings"))
    entry = next(read_audit(store))
    assert (entry.act, entry.object) == ("quiet_hours", "GB")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "Say what to change"),
        (["--on", "--as-configured"], "Say either"),
        (["GB"], "names no hours"),
        (["GB=20-8"], "is no hours"),
        (["gb=always"], "is no place with hours"),
        (["--on", "XX=always"], "is no place with hours"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(words: list[str], why: str) -> None:
    before = as_json("show")
    result = run("set", *words)
    assert isinstance(result.exception, InputError)
    assert why in str(result.exception)
    assert as_json("show") == before
