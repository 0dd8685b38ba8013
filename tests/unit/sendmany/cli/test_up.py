"""`sendmany up` as it is typed: whose settings it takes, and what it says to do next."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from config.settings import Settings, load_settings
from sendmany.cli.application import app
from sendmany.cli.processes import up
from sendmany.local.signals import Stopped
from sendmany.local.state_dir import claimed, leave_note
from sendmany.local.up import UpPlan

Ran = list[tuple[UpPlan, Settings]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ran:
    """The plan that would run; nothing runs."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SENDMANY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(
        "SENDMANY_STATE_DIR", ""
    )  # and so, whatever it becomes, it is gone at the end
    monkeypatch.delenv("SENDMANY_STATE_DIR")
    load_settings.cache_clear()
    found: Ran = []

    def run(plan: UpPlan, settings: Settings, *_: Any) -> None:
        found.append((plan, settings))
        raise Stopped(signal.SIGINT)

    monkeypatch.setattr(up, "_run", run)
    return found


def test_another_home_is_not_that_of_the_up_that_runs_here(ran: Ran, tmp_path: Path) -> None:
    with claimed(tmp_path / ".sendmany"):
        leave_note(tmp_path / ".sendmany", {"settings": {"redis_url": "unix:///of-the-other"}})
        CliRunner().invoke(app, ["up", "--home", "other"])
    ((plan, settings),) = ran
    assert plan.home == settings.state_dir == tmp_path / "other"
    assert "redis_url" not in settings.model_fields_set  # it starts a server of its own


def test_what_to_do_next_is_true_where_others_do_not_find_it(ran: Ran, tmp_path: Path) -> None:
    CliRunner().invoke(app, ["up"])
    CliRunner().invoke(app, ["up", "--home", "my state"])
    here, elsewhere = [up._what_next(plan) for plan, _ in ran]
    assert here[0] == "In another terminal, in this directory:"
    assert here[-1] == f"Elsewhere, first: export SENDMANY_STATE_DIR={tmp_path}/.sendmany"
    assert elsewhere[:2] == [
        "In another terminal:",
        f"  export SENDMANY_STATE_DIR='{tmp_path}/my state'",
    ]
    assert here[1:-1] == elsewhere[2:]


def test_a_directory_of_the_environment_has_to_be_told_too(
    ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENDMANY_STATE_DIR", "elsewhere")
    CliRunner().invoke(app, ["up"])
    assert up._what_next(ran[0][0])[0] == "In another terminal:"
