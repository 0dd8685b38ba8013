"""`sendmany audit`: each act of an operator is told by one entry."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from config.sections import SubAccount
from config.settings import Settings
from producer.errors import InputError
from sendmany.cli.application import app
from store.access.audit import read_audit
from store.client import Store
from tests.conformance import given

WHO = "+447700900123"
SETTINGS = Settings(sub_accounts={"shop": SubAccount()}, secret="a secret of some length")


@pytest.fixture
def desk(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    given.loaded(store, 3)
    rooms = (
        "campaign.control", "campaign.unconfirmed", "people.suppress", "people.person",
        "operations.stop", "operations.breaker", "operations.token", "operations.audit",
    )  # fmt: skip
    for room in rooms:
        where = f"sendmany.cli.{room}"
        monkeypatch.setattr(f"{where}.connect", lambda settings: store)
        monkeypatch.setattr(f"{where}.load_settings", lambda: SETTINGS)
    monkeypatch.setattr(store, "close", lambda: None)
    monkeypatch.setattr("sendmany.cli.campaign.control.hint_drain", lambda: None)
    monkeypatch.setattr("sendmany.cli.operations.stop.hint_drain", lambda: None)
    monkeypatch.setattr("sendmany.cli.people.person.forget_person", _forgotten)
    return store


def _forgotten(*_: Any) -> Any:
    raise InputError("not here")


ACTS = {
    "campaign.pause": "campaign pause Spring",
    "campaign.resume": "campaign resume Spring",
    "campaign.cancel": "campaign cancel Spring",
    "campaign.unschedule": "campaign unschedule Spring",
    "campaign.pace": "campaign pace Spring --rate 5",
    "campaign.unconfirmed.close": "campaign unconfirmed close Spring",
    "suppress.add": f"suppress add {WHO}",
    "suppress.remove": f"suppress remove {WHO}",
    "suppress.import": "suppress import people.csv",
    "stop": "stop --marketing",
    "go": "go --marketing",
    "breaker.open": "breaker open",
    "breaker.close": "breaker close",
    "token.create": "token create ci --scope read",
    "token.revoke": "token revoke abcd1234",
    "person.show": f"person show {WHO}",
    "person.forget": f"person forget {WHO} --yes",
}


@pytest.mark.parametrize("act", ACTS)
def test_each_act_is_told(
    desk: Store, act: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text(f"number\n{WHO}\n")
    CliRunner().invoke(app, ACTS[act].split())
    told = [one for one in read_audit(desk) if one.act != "campaign.launch"]
    assert {one.act for one in told} == {act}
    assert all("7700900123" not in one.object and one.who.startswith("cli:") for one in told)


def test_the_trail_is_listed_and_searched(desk: Store) -> None:
    for words in (ACTS["campaign.pause"], ACTS["stop"]):
        assert CliRunner().invoke(app, words.split()).exit_code == 0
    found = CliRunner().invoke(app, ["audit", "--json"])
    assert [one["act"] for one in json.loads(found.stdout)] == [
        "stop",
        "campaign.pause",
        "campaign.launch",
    ]
    one = CliRunner().invoke(app, ["audit", "--act", "campaign", "--about", "Spri", "--limit", "1"])
    assert "campaign.pause" in one.stdout
    assert "campaign.launch" not in one.stdout
    none = CliRunner().invoke(app, ["audit", "--since", "2099-01-01"])
    assert "no such entry" in none.stdout
    assert isinstance(CliRunner().invoke(app, ["audit", "--since", "soon"]).exception, InputError)
