"""The broker's address as Celery reads it, and brokers that take no wake-up."""

import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from amqp.exceptions import AccessRefused, NotAllowed
from celery.utils.quorum_queues import detect_quorum_queues
from kombu import Connection
from kombu.exceptions import OperationalError
from kombu.transport.redis import Channel
from pydantic import ValidationError
from structlog.testing import capture_logs

from config import celery_app
from config.sections import Broker, SettingsError, Tls
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
    celery, ours = read_by_celery(Settings(redis_url=url).celery_url), read_by_us(url)
    assert {n: v for n in SAME if (v := celery.get(n)) is not None} == {
        n: v for n in SAME if (v := ours.get(n)) is not None
    }


def test_celery_checks_certificates_as_the_store_does() -> None:
    for url in ("rediss://host/1", "rediss://host/1?ssl_ca_certs=/a/ca.pem"):
        assert read_by_celery(Settings(redis_url=url).celery_url)["ssl_cert_reqs"].name == (
            "CERT_REQUIRED"
        )


@pytest.mark.parametrize("url", ["amqp://user:secret@host//", "sqs://", "redis://[::1/0"])
def test_another_address_is_left_as_it_is(url: str) -> None:
    assert Settings(broker_url=url).celery_url == url


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


@pytest.mark.parametrize(
    ("kind", "arguments"), [("classic", None), ("quorum", {"x-queue-type": "quorum"})]
)
def test_queues_are_declared_with_the_type_that_is_set(kind: Any, arguments: object) -> None:
    settings = Settings(broker_url="amqp://host", broker=Broker(queue_type=kind))
    with celery_app.create_app(settings) as app:
        assert {q.name for q in app.conf.task_queues} == {"sendmany", "sendmany.enqueue"}
        assert [q.queue_arguments for q in app.conf.task_queues] == [arguments] * 2
        assert detect_quorum_queues(app, "amqp")[0] is (kind == "quorum")


def test_transport_options_are_those_of_celery_s_connections() -> None:
    broker = Broker(transport_options={"socket_timeout": 30, "heartbeat": 10})
    found = celery_app.celery_settings(Settings(broker=broker))["broker_transport_options"]
    assert (found["socket_timeout"], found["heartbeat"]) == (30, 10)
    for name in ("socket_timeuot", "global_keyprefix", "unacked_key"):
        with pytest.raises(ValidationError, match=f"'{name}' is none of confirm_publish"):
            Broker(transport_options={name: 1})


def test_certificates_of_a_broker_are_checked_with_its_name() -> None:
    options = Settings(broker_url="amqps://host").broker_use_ssl
    assert options == {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}
    assert Settings(broker_url="amqp://host").broker_use_ssl is None


def test_a_certificate_file_is_named_where_the_address_is_with_tls(tmp_path: Path) -> None:
    missing, no_pem = Tls(ca_file=tmp_path / "none.pem"), tmp_path / "ca.pem"
    no_pem.write_text("none")
    assert Settings(redis_url="redis://host", tls=missing).store_url == "redis://host"
    for url in ("rediss://host", "rediss+sentinel://host/shop"):
        with pytest.raises(
            SettingsError, match=r"tls\.ca_file .*none\.pem cannot be read: No such"
        ):
            _ = Settings(redis_url=url, tls=missing).store_url
    for tls, told in (
        (Tls(ca_file=no_pem), "ca_file .* cannot be used: PEM is expected"),
        (Tls(cert_file=no_pem), "cert_file .* cannot be used: PEM is expected"),
        (Tls(key_file=no_pem), "key_file needs tls.cert_file"),
    ):
        with pytest.raises(SettingsError, match=told):
            _ = Settings(broker_url="amqps://host", tls=tls).broker_use_ssl
