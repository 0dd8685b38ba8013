"""Addresses of a Redis Cluster."""

import pytest

from config.addresses import parse_cluster
from config.settings import Settings
from sendmany.console.connection import place

URL = "redis+cluster://ann:se%40cret@a:1,[::1]:2,b?socket_timeout=4"
BROKER = "redis://b/0"


def test_the_parts_of_an_address() -> None:
    found = parse_cluster(URL)
    assert found is not None
    assert found.nodes == (("a", 1), ("::1", 2), ("b", 6379))
    assert found.of_node(("::1", 2)) == "redis://ann:se%40cret@[::1]:2/0?socket_timeout=4"
    assert place(URL) == "the cluster of a:1, [::1]:2, b:6379"


def test_other_addresses_are_none() -> None:
    assert parse_cluster("redis://a:1/0") is None


@pytest.mark.parametrize("end", ["", "a:1/3", "a:1?db=3", "a:port", ":1"])
def test_an_incomplete_address_is_refused(end: str) -> None:
    with pytest.raises(ValueError, match=r"the form is redis\+cluster"):
        Settings(redis_url=f"redis+cluster://u:secret@{end}", broker_url=BROKER)


@pytest.mark.parametrize("broker", [None, URL])
def test_the_broker_is_no_cluster(broker: str | None) -> None:
    with pytest.raises(ValueError, match="set broker_url"):
        Settings(redis_url=URL, broker_url=broker)
    assert Settings(redis_url=URL, broker_url=BROKER).store_url == URL
