"""Authorizations of the webhook receiver: from the settings, from the environment, or none."""

from pathlib import Path
from typing import Any

import pytest

from config.sections import SettingsError
from config.settings import Settings

SECRET = "Bearer winter-7"


def secrets(**webhooks: Any) -> list[str]:
    found = Settings(webhooks=webhooks).webhooks.secrets()
    return [secret.get_secret_value() for secret in found]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OLD_HOOK", "Bearer old\n")
    monkeypatch.setenv("EMPTY_HOOK", "")


def test_an_authorization_comes_from_the_settings_or_from_a_variable_they_name() -> None:
    assert secrets(authorization=[SECRET]) == [SECRET]
    assert secrets(authorization_env=["OLD_HOOK"]) == ["Bearer old"]
    assert secrets(authorization=[SECRET], authorization_env=["OLD_HOOK"]) == [SECRET, "Bearer old"]


@pytest.mark.parametrize(
    ("webhooks", "hint"),
    [
        ({}, "authorization_env"),
        ({"authorization": [""]}, "authorization_env"),
        ({"authorization": [" "]}, "authorization_env"),
        ({"authorization_env": ["NO_HOOK"]}, "NO_HOOK"),
        ({"authorization_env": ["OLD_HOOK", "EMPTY_HOOK"]}, "EMPTY_HOOK"),
        ({"authorization": [SECRET, "b"], "authorization_env": ["OLD_HOOK"]}, "at most 2"),
    ],
)
def test_what_would_believe_everybody_or_nobody_is_told(
    webhooks: dict[str, Any], hint: str
) -> None:
    with pytest.raises(SettingsError, match=hint) as raised:
        secrets(**webhooks)
    assert "winter" not in str(raised.value)


def test_a_receiver_is_wanted_once_an_authorization_is_configured() -> None:
    assert not Settings().webhooks.wanted
    assert Settings(webhooks={"authorization_env": ["NO_HOOK"]}).webhooks.wanted


def test_an_authorization_is_not_shown() -> None:
    assert "winter" not in repr(Settings(webhooks={"authorization": [SECRET]}))
