"""The settings page and the example file say what the code says."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from config.sections import SubAccount
from config.settings import Settings, load_settings

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/reference/settings.md"
COMPOSE = ROOT / "docker-compose.yml"
EXAMPLE = ROOT / "config/sendmany.example.toml"
# Secrets do not belong in a file that is copied.
NOT_IN_EXAMPLE = {"secret", "sub_accounts.NAME.api_key", "webhooks.authorization"}


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting that holds a value, with its default."""
    for name, field in model.model_fields.items():
        default = field.get_default(call_default_factory=True)
        if name == "sub_accounts":
            yield from _settings(SubAccount, "sub_accounts.NAME.")
        elif isinstance(default, BaseModel):
            yield from _settings(type(default), f"{prefix}{name}.")
        else:
            yield prefix + name, default


ALL = dict(_settings(Settings))


def _rows() -> dict[str, list[str]]:
    """The cells of the page's tables by the setting; those of sub-accounts get their prefix."""
    rows: dict[str, list[str]] = {}
    prefix = ""
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("## "):
            prefix = "sub_accounts.NAME." if "sub_accounts" in line else ""
        elif line.startswith("| `"):
            cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
            rows[prefix + cells[0].strip("`")] = cells
    return rows


ROWS = _rows()


def test_the_page_lists_every_setting_and_no_other() -> None:
    assert set(ROWS) == set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_the_page_gives_the_default(name: str) -> None:
    default = ALL[name]
    shown = json.dumps(default) if isinstance(default, list | tuple) else str(default)
    assert ROWS[name][1] == ("none" if default in (None, "") else f"`{shown}`")


@pytest.mark.parametrize("name", [name for name in ALL if not name.startswith("sub_accounts.")])
def test_the_page_gives_the_environment_variable(name: str) -> None:
    assert ROWS[name][3] == f"`SENDMANY_{name.upper().replace('.', '__')}`"


@pytest.mark.parametrize("name", sorted(ALL.keys() - NOT_IN_EXAMPLE))
def test_the_example_file_has_the_setting(name: str) -> None:
    *tables, key = name.split(".")
    table = ".".join(tables).replace("NAME", "Demo_Campaigns")
    text = EXAMPLE.read_text("utf-8")
    section = text.split(f"[{table}]")[1] if table else text
    lines = re.split(r"^\[", section, maxsplit=1, flags=re.MULTILINE)[0]
    assert re.search(rf"^(# )?{key} = ", lines, re.MULTILINE)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("SENDMANY_CONFIG", str(EXAMPLE))
    load_settings.cache_clear()
    yield load_settings()
    load_settings.cache_clear()


def test_the_example_file_loads_and_equals_the_defaults(example: Settings) -> None:
    defaults = {name: field.get_default() for name, field in Settings.model_fields.items()}
    given = {name: getattr(example, name) for name in defaults}
    sub_accounts = given.pop("sub_accounts")
    del defaults["sub_accounts"]
    assert given == defaults
    assert sub_accounts == {"Demo_Campaigns": SubAccount(api_key_env="CHATAPPS_API_KEY")}


def test_what_the_example_leaves_commented_out_fits_when_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = re.sub(r"^# (?=\w+ = )", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE)
    assert "api_key_file" in tomllib.loads(text)["sub_accounts"]["Demo_Campaigns"]
    (tmp_path / "all.toml").write_text(text, "utf-8")
    monkeypatch.setenv("SENDMANY_CONFIG", str(tmp_path / "all.toml"))
    load_settings.cache_clear()
    assert load_settings().default_region == "GB"
    load_settings.cache_clear()


def test_the_settings_of_every_container_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]
    for name, service in services.items():
        for variable, value in service.get("environment", {}).items():
            monkeypatch.setenv(variable, re.sub(r"\$\{\w+:-(.*)\}", r"\1", value))
        monkeypatch.setenv("SENDMANY_CONFIG", str(COMPOSE.parent / "config" / "compose.toml"))
        load_settings.cache_clear()
        expected = ["WEBHOOK_AUTHORIZATION"] if name == "receiver" else []
        assert load_settings().webhooks.authorization_env == expected, name
        monkeypatch.undo()
    load_settings.cache_clear()
