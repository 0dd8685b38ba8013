"""Addresses of a Redis that sentinels name."""

from typing import Any

import pytest

from config.addresses import parse_sentinels
from config.celery_app import celery_settings
from config.sections import SettingsError
from config.settings import Settings
from sendmany.console.connection import place
from store.client import AsyncStore, Store

URL = "redis+sentinel://ann:se%40cret@a:1,[::1]:2,b/shop/3?sentinel_password=other&socket_timeout=4"
ASKED = {"socket_timeout": 2.0, "socket_connect_timeout": 2.0, "password": "other"}


def test_the_parts_of_an_address() -> None:
    found = parse_sentinels(URL)
    assert found is not None
    assert found.sentinels == (("a", 1), ("::1", 2), ("b", 26379))
    assert (found.master, found.database, found.own) == ("shop", 3, ASKED)
    assert str(found) == '"shop" of the sentinels a:1, [::1]:2, b:26379'


def test_other_addresses_are_none() -> None:
    assert parse_sentinels("redis://a:1/0") is None


@pytest.mark.parametrize("connect", [Store.connect, AsyncStore.connect])
def test_the_store_asks_the_sentinels_for_the_master(connect: Any) -> None:
    pool = connect(URL).client.connection_pool
    assert pool.service_name == "shop"
    assert pool.connection_kwargs["password"] == "se@cret"
    assert pool.connection_kwargs["username"] == "ann"
    assert (pool.connection_kwargs["db"], pool.connection_kwargs["socket_timeout"]) == (3, 4)
    asked = pool.sentinel_manager.sentinels[1].connection_pool.connection_kwargs
    assert (asked["host"], asked["port"], asked["password"]) == ("::1", 2, "other")


def test_celery_asks_the_same_sentinels() -> None:
    settings = Settings(redis_url=URL)
    login = "ann:se%40cret@"
    assert settings.celery_url == ";".join(
        f"sentinel://{login}{one}/3" for one in ("a:1", "[::1]:2", "b:26379")
    )
    options = celery_settings(settings)["broker_transport_options"]
    assert options["master_name"] == "shop"
    assert (
        options["sentinel_kwargs"] == ASKED
    )  # with a timeout: a host that is away would hold it up


def test_people_are_not_shown_the_login() -> None:
    assert "se" not in place(URL).replace("sentinels", "")


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://a:1",
        "redis+sentinel:///shop",
        "redis+sentinel://a:1/shop/x",
        "redis+sentinel://a:1,/shop",
        "redis+sentinel://a:port/shop",
        "redis+sentinel://ann:port/word@a:1/shop",
        "redis+sentinel://a:1/shop/0?password=x",
        "redis+sentinel://a:1/shop/0?db=2",
        "rediss+sentinel://a:1/shop/0?password=x",
        "redis+sentinel://a:1/shop/0?ssl_ca_certs=/a/ca.pem",
        "redis+sentinel://a:1/shop/0?sentinel_socket_timeout=3",
    ],
)
@pytest.mark.parametrize("name", ["redis_url", "broker_url"])
def test_an_incomplete_address_is_refused_with_its_form(name: str, url: str) -> None:
    given: dict[str, Any] = {name: url}
    with pytest.raises(ValueError, match=r"the form is redis\+sentinel://USER") as refused:
        Settings(**given)
    assert "port" not in str(refused.value)


@pytest.mark.parametrize("connect", [Store.connect, AsyncStore.connect])
@pytest.mark.parametrize(
    "url",
    [
        "redis://a/0?no_such_option=1",
        "redis+sentinel://a/shop/0?no_such_option=1",
        "redis+sentinel://a/shop/0?socket_timeout=soon",
    ],
)
def test_an_option_that_cannot_be_used_is_refused_before_anything_is_sent(
    connect: Any, url: str
) -> None:
    with pytest.raises(SettingsError, match="options that redis-py knows"):
        connect(url)


@pytest.mark.parametrize("connect", [Store.connect, AsyncStore.connect])
def test_sentinels_and_their_master_are_asked_with_tls(connect: Any) -> None:
    url = "rediss+sentinel://a:1/shop/3?ssl_ca_certs=/a/ca.pem&ssl_check_hostname=false"
    pool = connect(url).client.connection_pool
    asked = pool.sentinel_manager.sentinels[0].connection_pool
    for one in (pool, asked):
        assert "SSL" in one.connection_class.__name__
        assert one.connection_kwargs["ssl_ca_certs"] == "/a/ca.pem"
        assert one.connection_kwargs["ssl_check_hostname"] is False
    settings = Settings(redis_url=url)
    assert settings.celery_url == "sentinel://a:1/3"
    assert settings.broker_use_ssl == {"ssl_ca_certs": "/a/ca.pem", "ssl_check_hostname": False}
    assert settings.broker_options["sentinel_kwargs"]["ssl"] is True
