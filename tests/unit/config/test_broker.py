"""The broker's address as Celery reads it, and brokers that take no wake-up."""

from types import SimpleNamespace
from typing import Any

import pytest
import redis
from amqp.exceptions import AccessRefused, NotAllowed
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.transport.redis import Channel
from structlog.testing import capture_logs

from config import celery_app
from config.settings import Settings

SAME = ("host", "port", "db", "path", "username", "password", "ssl_ca_certs")


def read_by_celery(url: str) -> dict[str, Any]:
    """kombu's connection parameters."""
    channel: Any = Channel.__new__(Channel)
    channel.connection = SimpleNamespace(client=Connection(url), default_port=6379)
    found: dict[str, Any] = channel._connparams()
    return found


def read_by_us(url: str) -> dict[str, Any]:
    """redis-py's connection parameters."""
    given = redis.Redis.from_url(url).connection_pool.connection_kwargs
    place = {} if "path" in given else {"port": 6379}
    return {"db": 0, **place, **given}


@pytest.mark.parametrize(
    "url",
    [
        "unix:///run/redis.sock",
        "unix:///run/redis.sock?db=2",
        "unix://user:secret@/run/redis.sock?db=2",
        "unix://:se%40cr%2Fet@/run/redis.sock",
        "unix:///run/redis.sock?password=se/cret&db=1",
        "redis://host",
        "redis://host:1/3",
        "redis://host:1/3/",
        "redis://host:1/3?db=2",
        "redis://user:se%40cret@host?db=3&socket_timeout=3",
        "redis://host/name",
        "redis://[::1]:7/2",
        "rediss://host:1/2?ssl_ca_certs=/a/ca.pem&ssl_cert_reqs=none",
    ],
)
def test_celery_uses_the_database_that_the_store_uses(url: str) -> None:
    celery, ours = read_by_celery(Settings(redis_url=url).broker), read_by_us(url)
    assert {n: v for n in SAME if (v := celery.get(n)) is not None} == {
        n: v for n in SAME if (v := ours.get(n)) is not None
    }


def test_celery_checks_certificates_as_the_store_does() -> None:
    for url in ("rediss://host/1", "rediss://host/1?ssl_ca_certs=/a/ca.pem"):
        assert read_by_celery(Settings(redis_url=url).broker)["ssl_cert_reqs"].name == (
            "CERT_REQUIRED"
        )


@pytest.mark.parametrize("url", ["amqp://user:secret@host//", "sqs://", "redis://[::1/0"])
def test_another_address_is_left_as_it_is(url: str) -> None:
    assert Settings(broker_url=url).broker == url


class Refusing:
    """An application whose broker refuses."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send_task(self, *_: object, **__: object) -> None:
        raise self.error


REFUSALS = [
    OperationalError("away"),
    AccessRefused("secret: login was refused", (0, 0), "0", 403),
    NotAllowed("secret: no such vhost", (0, 0), "0", 530),
    redis.AuthenticationError("secret"),
    redis.exceptions.NoPermissionError("secret"),
    OSError("secret"),
]


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: type(error).__name__)
def test_a_broker_that_refuses_a_wake_up_fails_no_call(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(celery_app, "_wake_up_app", lambda: Refusing(error))
    with capture_logs() as logs:
        celery_app.hint_drain()
    assert [entry["error"] for entry in logs] == [type(error).__name__]
    assert "secret" not in str(logs)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:se/cret@host:1/0",
        "amqp://user:se/cret@host//",
        "nonsense://host",
        "redis://h/a?b=c",
    ],
)
def test_a_broker_whose_address_makes_no_sense_fails_no_call(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = celery_app.create_app(Settings(broker_url=url))
    monkeypatch.setattr(celery_app, "_wake_up_app", lambda: app)
    celery_app.hint_drain()
