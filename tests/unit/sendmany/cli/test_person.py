"""`sendmany person …` as it is typed, on a store without a server."""

import json
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from config.sections import SettingsError, SubAccount
from config.settings import Settings
from producer.errors import InputError
from sendmany.cli.application import app
from store.client import Store
from store.errors import StoreFault
from store.people.suppressions import Why, suppress
from tests.conformance import given

ADA, DIGITS = "+44 7700 900005", "447700900005"


class Desk:
    """A terminal."""

    def __init__(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = store
        self.settings = Settings(sub_accounts={"shop": SubAccount()}, default_region="GB")
        self.use_secret("a secret of the settings")
        monkeypatch.setattr("sendmany.cli.people.person.connect", lambda _: store)
        monkeypatch.setattr("sendmany.cli.people.person.load_settings", lambda: self.settings)
        monkeypatch.setattr("dashboard.person.rewrite_files", lambda *_: None)
        monkeypatch.setattr("dashboard.person.replicas", lambda _: 0)
        monkeypatch.setattr("dashboard.person.NOTICED_SECONDS", 0)
        monkeypatch.setattr("dashboard.person.ROUND_SECONDS", 0)

    def use_secret(self, secret: str | None) -> None:
        update = {"secret": SecretStr(secret) if secret else None}
        self.settings = self.settings.model_copy(update=update)

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(app, ["person", *words])


@pytest.fixture
def desk(store: Store, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(store, monkeypatch)


def shown(desk: Desk) -> Any:
    return json.loads(desk.run("show", "07700 900005").stdout)


def test_everything_is_shown_as_one_document(desk: Desk) -> None:
    lane = given.loaded(desk.store, 8)
    desk.store.run(suppress("shop", [(DIGITS, None)], Why.REPLY))
    found = shown(desk)
    assert (found["person"], found["messages"][0]["id"]) == (f"+{DIGITS}", f"{lane}.5")
    assert found["suppressions"][0]["reason"] == "reply"


def test_a_person_is_forgotten_and_that_is_told(desk: Desk) -> None:
    given.loaded(desk.store, 8)
    desk.store.run(suppress("shop", [(DIGITS, None)], Why.REPLY))
    done = desk.run("forget", ADA, "--yes")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "Erased: 1 message, 0 webhooks, 1 entry of lists, 0 rows of drafts.",
        "Redis has written its files anew.",
        "Not covered: backups, and files that were exported or given to a launch.",
    ]
    assert DIGITS not in done.output.replace("+", "")
    found = shown(desk)
    assert found["forgotten_at"]
    assert (found["messages"], found["suppressions"]) == ([], [])


def test_programs_are_told_in_json(desk: Desk) -> None:
    found = json.loads(desk.run("forget", ADA, "--yes", "--json").stdout)
    assert (found["state"], found["erased"]["messages"]) == ("done", 0)


def test_without_a_secret_nobody_is_forgotten(desk: Desk) -> None:
    desk.use_secret(None)
    desk.store.run(suppress("shop", [(DIGITS, None)], Why.REPLY))
    refused = desk.run("forget", ADA, "--yes")
    assert isinstance(refused.exception, SettingsError)
    assert "set SENDMANY_SECRET, or secret_file" in str(refused.exception)
    assert shown(desk)["suppressions"] != []


def test_another_secret_than_before_is_refused(desk: Desk) -> None:
    desk.run("forget", ADA, "--yes")
    desk.use_secret("another secret than that")
    refused = desk.run("forget", "+447700900006", "--yes")
    assert isinstance(refused.exception, SettingsError)
    assert "by another secret" in str(refused.exception)


def test_nobody_is_forgotten_without_a_word_from_a_script(desk: Desk) -> None:
    given.loaded(desk.store, 8)
    refused = desk.run("forget", ADA)
    assert isinstance(refused.exception, InputError)
    assert "Say --yes" in str(refused.exception)
    assert len(shown(desk)["messages"]) == 1


def test_what_is_no_person_is_told_without_its_digits(desk: Desk) -> None:
    refused = desk.run("show", "+44 7700")
    assert isinstance(refused.exception, InputError)
    assert "is no phone number" in str(refused.exception)


def test_what_is_left_to_be_done_is_told_and_the_exit_code_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_allowed(*_: object) -> None:
        raise StoreFault("unknown command")

    monkeypatch.setattr("dashboard.person.rewrite_files", not_allowed)
    monkeypatch.setattr("dashboard.person.replicas", lambda _: 2)
    done = desk.run("forget", ADA, "--yes")
    assert done.exit_code == 1
    assert "Not done: Redis did not write its files anew (unknown command)" in done.stdout
    assert "the files of 2 replicas, until they are written anew" in done.stdout
