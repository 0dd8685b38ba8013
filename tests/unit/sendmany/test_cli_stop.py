"""`sendmany stop` and `go`, as they are typed, on a store without a server."""

import json

import pytest
from typer.testing import CliRunner, Result

from config.sections import SubAccount
from config.settings import Settings
from producer.errors import InputError
from sendmany.cli.application import app
from sendmany.cli.operations import stop
from store.client import Store
from store.keys import CALLING
from store.limits.stops import read_stops


@pytest.fixture(autouse=True)
def at_this_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(sub_accounts={"Shop": SubAccount(), "Bank": SubAccount()})
    monkeypatch.setattr(stop, "load_settings", lambda: settings)
    monkeypatch.setattr(stop, "connect", lambda _: store)
    monkeypatch.setattr(stop, "hint_drain", lambda: None)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, words)


def test_everything_is_stopped_and_goes_on(store: Store) -> None:
    stopped = run("stop", "--all", "--reason", "wrong price.")
    assert stopped.exit_code == 0
    assert stopped.stdout.startswith("Stopped.\nEverything is stopped since ")
    assert stopped.stdout.endswith(": wrong price. `sendmany go --all` ends that.\n")
    assert run("stop", "--all").stdout.startswith("It was stopped already.\nEverything is stopped")
    assert run("go").stdout == "Everything goes on.\n"
    assert store.run(read_stops()) == []
    assert store.client.exists(CALLING)  # the workers are woken


def test_a_stop_of_one_sub_account_is_told_with_the_command_that_ends_it(store: Store) -> None:
    words = ("--marketing", "--sub-account", "Shop")
    told = run("stop", *words).stdout
    assert "Marketing of Shop is stopped since" in told
    assert "`sendmany go --marketing --sub-account Shop` ends that." in told
    assert run("go", "--marketing").stdout.startswith("That was not stopped.\nMarketing of Shop is")
    assert json.loads(run("go", *words, "--json").stdout) == {"changed": True, "stops": []}


def test_both_kinds_go_on_where_none_is_named(store: Store) -> None:
    run("stop", "--all")
    run("stop", "--marketing")
    assert run("go").stdout == "Everything goes on.\nMarketing goes on.\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["stop"], "Say what to stop: --all or --marketing"),
        (["stop", "--all", "--marketing"], "Give --all or --marketing"),
        (["stop", "--all", "--reason", " ."], "Say why with --reason"),
    ],
)
def test_a_word_that_is_not_clear_stops_nothing(store: Store, words: list[str], told: str) -> None:
    error = run(*words).exception
    assert isinstance(error, InputError)
    assert told in str(error)
    assert store.run(read_stops()) == []
