"""The check before a launch: its questions, and its texts without an answer."""

import json
from pathlib import Path

import pytest
import typer

from chatapps.management.from_settings import has_templates, template_account, webhook_account
from chatapps.preflight import Finding, Severity
from config.sections import SettingsError, SubAccount
from config.settings import Settings
from producer.campaigns.launch import Launch, Prepared, check
from producer.campaigns.preflight import findings_of, stops
from sendmany.cli.campaign.launch import report

ACCOUNT = "11111111-2222-4333-8444-555555555555"
NO_SERVER = "http://127.0.0.1:9"


def settings(**account: str | None) -> Settings:
    fixed = {"base_url": NO_SERVER, "api_key": "key"} | account
    return Settings(sub_accounts={"Shop": SubAccount.model_validate(fixed)})


@pytest.fixture
def prepared(tmp_path: Path) -> Prepared:
    people, message = tmp_path / "people.csv", tmp_path / "message.json"
    people.write_text("msisdn,name\n+447700900123,Ana\n")
    message.write_text(json.dumps({"type": "text", "content": {"text": "Ahoy {{name}}"}}))
    return check(Launch("Spring", "Shop", people, message))


def test_a_provider_that_cannot_be_reached_is_a_warning(prepared: Prepared) -> None:
    configured = settings(account_id=ACCOUNT, channel_id="pier")
    (found,), _ = findings_of(configured, prepared, offline=False)
    assert found.severity is Severity.WARNING
    assert "could not be looked up" in found.text
    assert not stops([found])


def test_nobody_is_asked_without_account_or_offline(prepared: Prepared) -> None:
    assert findings_of(settings(), prepared, offline=False) == ([], None)
    configured = settings(account_id=ACCOUNT, channel_id="pier")
    assert findings_of(configured, prepared, offline=True) == ([], None)


def test_account_and_channel_are_both_needed_for_templates() -> None:
    assert not has_templates(settings(account_id=ACCOUNT), "Shop")
    for missing in ({}, {"account_id": ACCOUNT}, {"channel_id": "pier"}):
        with pytest.raises(SettingsError, match="Add account_id"):
            template_account(settings(**missing), "Shop")
    account = template_account(settings(account_id=ACCOUNT, channel_id="pier"), "Shop")
    assert account.templates_url == (
        f"{NO_SERVER}/api/v1/accounts/{ACCOUNT}/channels/pier/templates"
    )


def test_webhooks_need_no_channel() -> None:
    account = webhook_account(settings(account_id=ACCOUNT), "Shop")
    assert account.url == f"{NO_SERVER}/api/v1/accounts/{ACCOUNT}"
    with pytest.raises(SettingsError, match="account_id"):
        webhook_account(settings(channel_id="pier"), "Shop")


def test_a_missing_or_broken_key_is_told() -> None:
    with pytest.raises(SettingsError, match="no API key"):
        webhook_account(settings(account_id=ACCOUNT, api_key=None), "Shop")
    with pytest.raises(SettingsError, match="cannot be used") as caught:
        webhook_account(settings(account_id=ACCOUNT, api_key="two words"), "Shop")
    assert "two words" not in str(caught.value)


ERROR = Finding(Severity.ERROR, "content.text", "It is too long.")
NOTE = Finding(Severity.WARNING, "type", "It may not arrive.")


def test_an_error_stops_the_launch_with_a_report(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught:
        report([ERROR, NOTE], force=False, as_json=False)
    assert caught.value.exit_code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "Nothing was launched" in err
    assert "It is too long." in err
    assert "content.text" in err
    assert "It may not arrive." in err
    assert "--force" in err


def test_a_program_gets_the_findings_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        report([ERROR], force=False, as_json=True)
    told = json.loads(capsys.readouterr().out)
    finding = {"severity": "error", "path": "content.text", "text": "It is too long."}
    assert told == {"launched": False, "findings": [finding]}


def test_a_warning_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    report([NOTE], force=False, as_json=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "It may not arrive." in err


def test_force_goes_on_and_still_tells(capsys: pytest.CaptureFixture[str]) -> None:
    report([ERROR], force=True, as_json=False)
    err = capsys.readouterr().err
    assert "It is too long." in err
    assert "Nothing was launched" not in err
