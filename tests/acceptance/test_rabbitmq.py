"""A real RabbitMQ as the broker, where there is one, with either type of queues."""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from celery import Celery

from config.celery_app import create_app
from config.sections import Tls
from config.settings import Settings
from sendmany.console.connection import why_it_refuses
from sendmany.local.processes import start
from store.states import State
from tests.acceptance.command import running, sendmany, until
from tests.acceptance.test_enqueue import Town, recipient, text
from tests.integration.servers import free_port, made_certificate

PROGRAM = shutil.which("rabbitmq-server", path=f"/usr/lib/rabbitmq/bin:{os.environ['PATH']}")
"""Debian's on PATH wants to run as a user of its own."""
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no rabbitmq-server is installed")


CONF = """\
listeners.tcp.1 = 127.0.0.1:{port}
listeners.ssl.1 = 127.0.0.1:{with_tls}
ssl_options.cacertfile = {authority}
ssl_options.certfile = {certificate}
ssl_options.keyfile = {key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
"""


class Rabbit(NamedTuple):
    """A server; its certificate is that of its clients, too."""

    url: str
    url_with_tls: str
    authority: Path
    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rabbit]:
    home, names = tmp_path_factory.mktemp("rabbitmq"), str(free_port())
    port, with_tls = free_port(), free_port()
    authority, _ = made_certificate(home, "authority")
    certificate, key = made_certificate(home, "server", "authority")
    conf = CONF.format(
        port=port, with_tls=with_tls, authority=authority, certificate=certificate, key=key
    )
    (home / "conf").write_text(conf)
    (home / "plugins").write_text("[].\n")
    (home / "env").touch()
    ours = {
        "RABBITMQ_NODENAME": f"n{port}@localhost",
        "RABBITMQ_MNESIA_BASE": f"{home}/data",
        "RABBITMQ_LOG_BASE": f"{home}/log",
        "RABBITMQ_CONFIG_FILE": f"{home}/conf",
        "RABBITMQ_CONF_ENV_FILE": f"{home}/env",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{home}/plugins",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1 -kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": names,
        "HOME": str(home),
    }
    with ExitStack() as stack:  # the server of names would be left behind, if RabbitMQ started it
        epmd = start(["epmd", "-address", "127.0.0.1", "-port", names], home / "epmd.log")
        stack.callback(epmd.stop)
        server = start([str(PROGRAM)], home / "out", env=os.environ | ours)
        stack.callback(server.stop, 20)
        while "completed with" not in (home / "out").read_text():
            assert not server.wait(0.1), (home / "out").read_text()
        at = "guest:guest@127.0.0.1"
        yield Rabbit(
            f"amqp://{at}:{port}//", f"amqps://{at}:{with_tls}//", authority, certificate, key
        )


@pytest.mark.parametrize("kind", ["quorum", "classic"])
def test_messages_are_handed_in_and_sent_over_rabbitmq(
    tmp_path: Path, rabbitmq: Rabbit, kind: str
) -> None:
    with Celery("elsewhere", broker=rabbitmq.url) as app:
        app.conf.task_create_missing_queue_type = kind
        with app.connection_for_write() as connection:
            channel: Any = connection.channel()
            for name in ("sendmany", "sendmany.enqueue"):  # of the other type, by the other test
                channel.queue_delete(name)
        ours = {"broker_url": rabbitmq.url, "broker__queue_type": kind}
        with running(tmp_path, "up", "--sandbox", "--workers", "1", **ours) as up:
            until(up, lambda: "It is up" in (tmp_path / "out").read_text())
            town = Town(tmp_path)
            for number in (1, 2):
                task = "sendmany.enqueue"
                app.send_task(task, kwargs={"message": text(number)}, queue=task)
            town.comes_to(State.ACCEPTED, recipient(1), recipient(2))
            wrong = {**ours, "broker__queue_type": {"quorum": "classic", "classic": "quorum"}[kind]}
            for settings, told in ((ours, "ok       workers: 1"), (wrong, "broker.queue_type")):
                found = sendmany(tmp_path, "doctor", redis_url=town.redis_url, **settings)
                assert told in found.out, found
            assert httpx.get(f"{town.http.base_url}/readyz").is_success
            town.http.close()


def test_a_rabbitmq_with_tls_is_used_by_settings(rabbitmq: Rabbit) -> None:
    files = Tls(ca_file=rabbitmq.authority, cert_file=rabbitmq.certificate, key_file=rabbitmq.key)
    assert answer(rabbitmq.url_with_tls, files) == ""
    elsewhere = rabbitmq.url_with_tls.replace("127.0.0.1", "127.1")  # kombu knows localhost
    for url, tls, told in (
        (rabbitmq.url_with_tls, Tls(), "name its authority in tls.ca_file"),
        (rabbitmq.url_with_tls, Tls(ca_file=rabbitmq.authority), "client certificate"),
        (elsewhere, files, "for another name"),
        (rabbitmq.url_with_tls.replace("amqps", "amqp"), files, "TLS"),
        (rabbitmq.url.replace("amqp", "amqps"), files, "TLS"),
    ):
        assert told in answer(url, tls), (url, tls)


def answer(url: str, tls: Tls) -> str:
    """The reason why the broker cannot be used; empty if it can."""
    with create_app(Settings(broker_url=url, tls=tls)) as app:
        try:
            with app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=5)
        except Exception as error:
            return why_it_refuses(error)
    return ""
