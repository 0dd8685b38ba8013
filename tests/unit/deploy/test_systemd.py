"""The units run commands of ours, confined, and give a worker its time."""

from pathlib import Path

import pytest

from tests.unit.deploy.product import DEPLOY, check_command, settings_of

FOLDER = DEPLOY / "systemd"
UNITS = sorted(path.name for path in FOLDER.glob("*.service"))
COMMON = "sendmany-.service.d/common.conf"
Unit = dict[str, list[str]]


def read(name: str) -> Unit:
    """The lines of a file: `Section.Key` → values."""
    found, section = Unit(), ""
    for line in (FOLDER / name).read_text("utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(f"{section}.{key}", []).append(value)
    return found


def unit(name: str) -> Unit:
    """A unit with the lines of all, which systemd adds by the beginning of its name."""
    own, common = read(name), read(COMMON)
    assert name.startswith(COMMON.partition(".")[0])
    return {key: common.get(key, []) + own.get(key, []) for key in common | own}


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_runs_a_command_of_ours_with_settings_that_there_are(
    name: str, tmp_path: Path
) -> None:
    found = unit(name)
    (command,) = found["Service.ExecStart"]
    program, *words = command.split()
    assert Path(program).is_absolute()
    assert check_command(words) in name
    pairs = (pair for line in found["Service.Environment"] for pair in line.split())
    given = dict(pair.split("=", 1) for pair in pairs)
    assert given.pop("SENDMANY_CONFIG") == "/etc/sendmany/sendmany.toml"
    assert settings_of(given, "", tmp_path).log_format == "json"


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_is_confined_and_starts_again(name: str) -> None:
    found = unit(name)
    assert found["Service.User"] == ["sendmany"]
    assert found["Service.CapabilityBoundingSet"] == [""]
    assert found["Service.Restart"] == ["always"]
    for key in (
        "NoNewPrivileges",
        "PrivateTmp",
        "ProtectHome",
        "PrivateDevices",
        "LockPersonality",
    ):
        assert found[f"Service.{key}"] == ["yes"]
    assert found["Service.ProtectSystem"] == ["strict"]


def test_a_worker_keeps_its_state_and_gets_the_time_to_settle(tmp_path: Path) -> None:
    found = unit("sendmany-worker@.service")
    (folder,) = found["Service.StateDirectory"]
    assert any(line.endswith(f"%S/{folder}") for line in found["Service.Environment"])
    assert (
        int(found["Service.TimeoutStopSec"][0]) >= settings_of({}, "", tmp_path).http.deadline + 10
    )
    assert found["Service.KillMode"] == ["mixed"]
