"""`sendmany breaker …`, as it is typed, on a store without a server."""

import json
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from config.sections import SubAccount
from config.settings import Settings
from producer.errors import InputError
from sendmany.cli.application import app
from sendmany.cli.operations import breaker
from store.client import Store
from store.limits.breakers import ACCOUNT, SERVER, open_breaker, read_breakers

ACCOUNTS = {name: SubAccount(api_key=SecretStr("key")) for name in ("shop", "bank")}


@pytest.fixture(autouse=True)
def desk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal at an empty store, with two sub-accounts."""
    monkeypatch.setattr(breaker, "connect", lambda settings: store)
    settings = Settings(sub_accounts=ACCOUNTS, default_sub_account="shop")
    monkeypatch.setattr(breaker, "load_settings", lambda: settings)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["breaker", *words])


def as_json(*words: str) -> Any:
    result = run(*words, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def test_what_is_held_up_is_listed_with_its_reason(store: Store) -> None:
    assert run("list").stdout == "Nothing is held up.\n"
    store.run(open_breaker("bank", ACCOUNT, "the key is wrong", by="worker"))
    assert "everything of bank is held up since" in run("list").stdout
    (one,) = as_json("list")
    assert (one["sub_account"], one["scope"], one["by"]) == ("bank", ACCOUNT, "worker")
    assert one["probe_at"] == one["opened_at"] + 15_000
    assert as_json("list", "--sub-account", "shop") == []


def test_a_sub_account_is_held_up_and_let_go_by_hand(store: Store) -> None:
    assert run("open", "--reason", "moving.").stdout == "shop is held up.\n"
    assert run("open", "--reason", "moving").stdout == "shop is held up already.\n"
    (one,) = store.run(read_breakers("shop"))
    assert (one.scope, one.reason, one.by, one.probe_at) == (ACCOUNT, "moving", "operator", 0)
    assert run("close").stdout == "shop goes on.\n"
    assert run("close").stdout == "shop was not held up.\n"


def test_closing_ends_slowness_too(store: Store) -> None:
    store.run(open_breaker("shop", SERVER, "HTTP 503", by="worker"))
    assert as_json("close")["changed"] is True
    assert store.run(read_breakers("shop")) == []


def test_a_template_is_held_up_alone(store: Store) -> None:
    words = ("--template", "order_update", "--language", "en_US", "--sub-account", "bank")
    assert as_json("open", *words) == {
        "sub_account": "bank",
        "scope": "template:order_update:en_US",
        "changed": True,
    }
    assert "the template order_update (en_US) is not sent" in run("list").stdout
    assert run("close", *words).stdout == "The template order_update (en_US) of bank goes on.\n"


@pytest.mark.parametrize("half", [("--template", "a"), ("--language", "en")])
def test_a_template_without_its_language_is_no_template(half: tuple[str, str]) -> None:
    result = run("open", *half)
    assert isinstance(result.exception, InputError)
    assert "both --template and --language" in str(result.exception)
