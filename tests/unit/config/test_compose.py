"""The Compose file gives each service what it needs and no more."""

from pathlib import Path
from typing import Any

import pytest
import yaml

COMPOSE: dict[str, Any] = yaml.safe_load(
    Path(__file__).parents[3].joinpath("docker-compose.yml").read_text("utf-8")
)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
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
    lines = Path(__file__).parents[3].joinpath("config/redis.conf").read_text("utf-8").splitlines()
    assert any(line.startswith("maxmemory ") for line in lines)


def test_what_workers_remember_outlives_them() -> None:
    for name in ASK_THE_PROVIDER:
        assert "state:/var/lib/sendmany" in SERVICES[name]["volumes"]
