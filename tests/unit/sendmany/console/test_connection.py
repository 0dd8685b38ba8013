"""The first question to Redis, and what is told when it goes wrong."""

import socket
import threading
from collections.abc import Iterator

import pytest
import structlog

from config.sections import SettingsError
from config.settings import Settings
from sendmany.console.connection import connect, place, why_it_refuses
from store.errors import StoreUnavailable


@pytest.fixture
def web_server() -> Iterator[str]:
    """URL of a server that answers, but not as Redis does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"redis://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(5)


def test_a_server_that_is_no_redis_is_told(web_server: str) -> None:
    with pytest.raises(SettingsError, match="is no Redis: check redis_url"):
        connect(Settings(redis_url=web_server))


def test_a_server_that_is_away_is_told_without_the_password() -> None:
    with pytest.raises(StoreUnavailable, match=r"No Redis answers at 127\.0\.0\.1:1") as refused:
        connect(Settings(redis_url="redis://:secret@127.0.0.1:1"))
    assert "secret" not in str(refused.value)


def test_a_socket_that_is_not_there_is_told() -> None:
    with pytest.raises(StoreUnavailable, match=r"No Redis answers at the socket /no/such\.sock"):
        connect(Settings(redis_url="unix:///no/such.sock"))


@pytest.mark.parametrize(
    "url", ["nonsense", "redis://:pa/ss@host:6379/0", "redis://host:70000", "redis://[::1/0", ""]
)
def test_an_address_that_makes_no_sense_is_told_without_the_password(url: str) -> None:
    with pytest.raises(SettingsError, match="no address of a Redis server") as refused:
        connect(Settings(redis_url=url))
    assert "pa" not in str(refused.value).replace("password", "")


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("redis://:secret@host/2", "host:6379"),
        ("amqp://user:secret@host/vhost", "host:5672"),
        ("amqps://user:secret@host", "host:5671"),
        ("amqp://u:secret@one//;amqp://u:secret@two:5673//", "one:5672, two:5673"),
        ("sentinel://:secret@host", "host:26379"),
        ("redis+socket://:secret@/run/redis.sock?virtual_host=2", "the socket /run/redis.sock"),
        ("amqp://user:sec/ret@host", "an address that cannot be read"),
    ],
)
def test_a_place_is_told_with_its_port_and_without_the_password(url: str, where: str) -> None:
    assert place(url) == where


def test_what_is_logged_meanwhile_does_not_mix_with_the_result(
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = structlog.get_config()
    structlog.reset_defaults()
    try:
        with pytest.raises(StoreUnavailable):
            connect(Settings(redis_url="redis://127.0.0.1:1"))
        structlog.get_logger().warning("workers_not_woken")
    finally:
        structlog.configure(**before)
    said = capsys.readouterr()
    assert said.out == ""
    assert "workers_not_woken" in said.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("certificate verify failed: self-signed certificate (_ssl.c:1)", "is not trusted: self"),
        ("certificate verify failed: Hostname mismatch, certificate is (_ssl.c:1)", "another name"),
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert", "set tls.cert_file"),
        ("Error 8 while writing to socket. EOF occurred in violation", "needs rediss://"),
        ("(104, 'Connection reset by peer')", "needs rediss://"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version", "does not speak TLS"),
    ],
)
def test_a_mistake_about_tls_is_told(text: str, told: str) -> None:
    text = f"[SSL: CERTIFICATE_VERIFY_FAILED] {text}" if "verify" in text else text
    assert told in why_it_refuses(ConnectionError(text))
