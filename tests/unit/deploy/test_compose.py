"""The Compose files give each service what it needs and no more; its variants fit the main file."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.deploy.product import DEPLOY, ROOT, check_command, settings_of


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The services of a file."""
    found: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text("utf-8"))["services"]
    return found


def merged(variant: Path) -> dict[str, dict[str, Any]]:
    """The services of the main file with those of a variant, as Compose joins them."""
    found = read(ROOT / "docker-compose.yml")
    for name, service in read(variant).items():
        before = found.setdefault(name, {})
        for key, value in service.items():
            both = isinstance(value, dict) and isinstance(before.get(key), dict)
            before[key] = {**before[key], **value} if both else value
    return found


SERVICES = read(ROOT / "docker-compose.yml")
VARIANTS = sorted((DEPLOY / "compose").glob("*.yml"))
ASK_THE_PROVIDER = {"worker", "web", "cli"}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    for port in service.get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_are_only_where_they_are_needed(name: str) -> None:
    given = SERVICES[name].get("environment", {})
    assert ("CHATAPPS_API_KEY" in given) == (name in ASK_THE_PROVIDER)
    assert ("WEBHOOK_AUTHORIZATION" in given) == (name == "receiver")
    assert ("SENDMANY_REDIS_URL" in given) == (name not in ("redis", "sandbox"))


def test_redis_asks_for_a_password_and_its_memory_is_bounded() -> None:
    assert "--requirepass" in SERVICES["redis"]["command"]
    assert "redis://:${REDIS_PASSWORD:?" in SERVICES["worker"]["environment"]["SENDMANY_REDIS_URL"]
    lines = (ROOT / "config/redis.conf").read_text("utf-8").splitlines()
    assert any(line.startswith("maxmemory ") for line in lines)


def test_what_workers_remember_outlives_them() -> None:
    for name in ASK_THE_PROVIDER:
        assert "state:/var/lib/sendmany" in SERVICES[name]["volumes"]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda path: path.stem)
def test_the_services_of_a_variant_are_confined_and_start_in_an_order_that_there_is(
    variant: Path,
) -> None:
    services = merged(variant)
    text = variant.read_text("utf-8")
    volumes = {*yaml.safe_load(text)["volumes"], "redis-data", "state"}
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        for other, needed in service.get("depends_on", {}).items():
            assert needed["condition"] == "service_healthy"
            assert "healthcheck" in services[other]
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in volumes or source.startswith((".", "${"))
    assert f"-f deploy/compose/{variant.name}" in text


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", ["worker", "web", "receiver"])
def test_ours_run_a_command_that_there_is_and_reach_services_of_the_variant(
    variant: Path, name: str, tmp_path: Path
) -> None:
    services = merged(variant)
    service = services[name]
    assert check_command(service["command"]) == name
    given = {
        key: re.sub(r"\$\{\w+(?::[?-]([^}]*))?\}", lambda found: found[1] or "false", value)
        for key, value in service["environment"].items()
    }
    given.pop("SENDMANY_CONFIG")
    found = settings_of(given, (ROOT / "config/compose.toml").read_text("utf-8"), tmp_path)
    for url in (found.redis_url, found.broker_url or ""):
        hosts = re.findall(r"[@,]([\w-]+):\d+", url.replace(" ", ""))
        assert hosts
        assert set(hosts) <= services.keys()
    assert found.broker
