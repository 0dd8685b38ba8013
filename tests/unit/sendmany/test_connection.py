"""The first question to Redis, and what is told when it goes wrong."""

import socket
import threading
from collections.abc import Iterator

import pytest

from config.sections import SettingsError
from config.settings import Settings
from sendmany.connection import connect
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


def test_an_address_that_makes_no_sense_is_told() -> None:
    with pytest.raises(SettingsError, match="no address of a Redis server"):
        connect(Settings(redis_url="nonsense"))
