"""`sendmany doctor` before servers that refuse, that are none, and whose certificates nobody knows."""

import os
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from config.celery_app import create_app
from config.sections import SubAccount, Tls
from config.settings import Settings
from sendmany.doctor import checks, workers
from sendmany.doctor.finding import Check, Verdict
from sendmany.local.embedded_redis import EmbeddedServer
from store.client import Store, ask_server
from store.lanes.lane import note_missing
from store.limits.stops import Stopped, stop_sending
from store.workers.presence import register_worker, unregister_worker
from tests.integration.servers import free_port, made_certificate, redis_program, running

Examine = Callable[..., dict[str, Check]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(tmp_path_factory.mktemp("doctor"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def store(server: EmbeddedServer) -> Iterator[Store]:
    store = Store.connect(server.url)
    store.client.flushall()
    yield store
    store.close()


@pytest.fixture
def examine(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """The doctor's findings with these settings, by name; with a short wait for workers."""
    monkeypatch.setattr(workers, "WORKER_SECONDS", 0.05)

    def run(**settings: object) -> dict[str, Check]:
        found = Settings.model_validate({"redis_url": server.url, **settings})
        monkeypatch.setattr(checks, "load_settings", lambda: found)
        monkeypatch.setattr("config.celery_app._wake_up_app", lambda: create_app(found))
        return {check.name: check for check in checks.examine(offline=False)}

    return run


def allow(store: Store, *rules: str) -> None:
    """Permissions of the user `limited`."""
    words = ("ACL", "SETUSER", "limited", "reset", "on", ">pw", *rules)
    store.run(ask_server(*words, parse=lambda _: None))


def as_limited(server: EmbeddedServer) -> str:
    return server.url.replace("unix://", "unix://limited:pw@")


def test_where_info_and_config_are_forbidden_all_else_is_looked_at(
    server: EmbeddedServer, store: Store, examine: Examine
) -> None:
    allow(store, "~*", "&*", "+@all", "-info", "-config")
    found = examine(redis_url=as_limited(server))
    notes = {name for name, check in found.items() if check.verdict is Verdict.NOTE}
    assert notes == {"redis", "append-only file", "eviction", "listpack limits"}
    assert {"memory", "inbox", "broker", "workers"} <= set(found)
    assert found["memory"].finding.startswith("the server does not show its memory; 0 lanes active")


@pytest.mark.parametrize(
    "forbidden", ["-xinfo", "-zcount", "-hgetall", "-set", "-evalsha", "-@read"]
)
def test_whatever_is_forbidden_is_a_line_and_no_traceback(
    server: EmbeddedServer, store: Store, examine: Examine, forbidden: str
) -> None:
    allow(store, "~*", "&*", "+@all", forbidden)
    found = examine(redis_url=as_limited(server), sub_accounts={"shop": {"api_key": "x"}})
    assert "limits of shop" in found  # the last one
    assert "Traceback" not in str(found)


def test_a_worker_that_runs_is_never_started_beside(store: Store, examine: Examine) -> None:
    store.run(register_worker("loop", lease_ms=60_000, starts=True))
    assert "`sendmany worker`" not in examine()["workers"].remedy
    assert "none has taken a task from the broker" in examine()["workers"].finding
    broken = examine(broker_url="amqp://127.0.0.1:1//")
    assert broken["broker"].verdict is Verdict.PROBLEM
    assert broken["workers"].verdict is Verdict.OK


def test_dedicated_workers_that_serve_all_together_are_enough(
    store: Store, examine: Examine
) -> None:
    store.run(register_worker("a", lease_ms=60_000, starts=True, served="urgent"))
    assert examine()["workers"].remedy == "start one that serves normal and bulk, too"
    store.run(register_worker("b", lease_ms=60_000, starts=True, served="normal-bulk"))
    assert examine()["workers"].verdict is Verdict.OK
    store.run(unregister_worker("a", served="urgent"))
    store.run(unregister_worker("b", served="normal-bulk"))
    assert "start one: `sendmany worker`" in examine()["workers"].remedy


@pytest.mark.parametrize(
    ("url", "finding"),
    [
        ("amqp://user:secret@127.0.0.1:1//", "127.0.0.1:1 cannot be used (connection refused)"),
        ("amqp://user:sec/ret@host//", "cannot be used (the address cannot be read)"),
        ("redis://:secret@127.0.0.1:1/a", "127.0.0.1:1 cannot be used ("),
        (
            "nonsense://user:secret@host",
            "host:6379 cannot be used (there is no such kind of broker)",
        ),
    ],
)
def test_a_broker_that_cannot_be_used_is_told_without_the_password(
    examine: Examine, url: str, finding: str
) -> None:
    found = examine(broker_url=url)["broker"]
    assert found.verdict is Verdict.PROBLEM
    assert finding in found.finding
    assert "sec" not in found.finding


def test_a_lane_that_is_lost_is_told_with_what_had_gone_out(store: Store, examine: Examine) -> None:
    store.run(note_missing("spring-a1b2c3", 900))
    store.run(note_missing("spring-a1b2c3", 300))  # another worker knows less
    assert "900 messages of it had gone out" in examine()["lane spring-a1b2c3"].finding


def test_what_an_operator_has_stopped_is_told(store: Store, examine: Examine) -> None:
    store.run(stop_sending(Stopped.ALL, "", "wrong price"))
    assert examine()["everything"].verdict is Verdict.PROBLEM
    assert "wrong price. `sendmany go --all` ends that." in examine()["everything"].finding


@contextmanager
def talking_tls(home: Path) -> Iterator[int]:
    """A server that shakes hands, with a certificate that it has signed itself; gives its port."""
    certificate, key = made_certificate(home)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def shake_hands() -> None:
            with suppress(OSError):  # it is shut down
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(OSError):  # the client does not trust us
                        context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=shake_hands)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="it makes the certificate")
def test_a_certificate_that_is_not_trusted_is_the_reason_that_is_told(
    examine: Examine, tmp_path: Path
) -> None:
    with talking_tls(tmp_path) as port:
        provider = SubAccount.model_validate(
            {"api_key": "x", "base_url": f"https://127.0.0.1:{port}"}
        )
        found = examine(
            redis_url=f"rediss://:secret@127.0.0.1:{port}/0", sub_accounts={"shop": provider}
        )
        broker = examine(broker_url=f"rediss://:secret@127.0.0.1:{port}/0")["broker"]
    assert "its certificate is not trusted: " in found["redis"].finding
    assert "tls.ca_file" in found["redis"].finding
    assert "CERTIFICATE_VERIFY_FAILED" in found["sub-account shop"].finding
    assert "certifi" in found["sub-account shop"].remedy
    assert "its certificate is not trusted: " in broker.finding
    assert "secret" not in str((found, broker))


def test_a_server_of_our_own_has_an_end_to_its_memory(tmp_path: Path) -> None:
    """Else the system ends it when memory runs out, with all that waits."""
    server = EmbeddedServer(tmp_path / "redis")
    server.start()
    try:
        store = Store.connect(server.url)
        limit = int(store.client.config_get("maxmemory")["maxmemory"] or 0)
        store.close()
    finally:
        server.stop()
    assert 0 < limit < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.skipif(
    redis_program() is None or shutil.which("openssl") is None,
    reason="a server with TLS and openssl are needed",
)
def test_a_server_with_tls_is_used_by_settings_and_each_mistake_is_told(
    examine: Examine, tmp_path: Path
) -> None:
    certificate, key = made_certificate(tmp_path)
    with_tls, without = free_port(), free_port()
    options = {
        "bind": "127.0.0.1",
        "port": str(without),
        "tls-port": str(with_tls),
        "tls-cert-file": str(certificate),
        "tls-key-file": str(key),
        "tls-ca-cert-file": str(certificate),
    }
    tls = Tls(ca_file=certificate, cert_file=certificate, key_file=key)
    url = f"rediss://127.0.0.1:{with_tls}/0"
    with running("redis", tmp_path / "server", options):
        found = examine(redis_url=url, tls=tls)
        assert (found["redis"].verdict, found["broker"].verdict) == (Verdict.OK, Verdict.OK)
        for address, given, told in (
            (url, Tls(ca_file=certificate), "client certificate"),
            (url.replace("rediss", "redis"), tls, "a port with TLS needs rediss://"),
            (f"rediss://localhost:{with_tls}/0", tls, "use a name of the certificate"),
        ):
            for which in ("redis", "broker"):
                finding = examine(**{f"{which}_url": address}, tls=given)[which]
                assert finding.verdict is Verdict.PROBLEM
                assert told in finding.finding, (which, address)
        found = examine(redis_url=f"rediss://127.0.0.1:{without}/0", tls=tls)
        assert "is its port one with TLS?" in found["redis"].finding
