"""The inbox on real servers: many consumers, and a server without room."""

import pytest

from store.client import Store
from store.errors import StoreFull
from store.receipts.inbox import (
    acknowledge,
    add_to_inbox,
    inbox_length,
    read_inbox,
    reclaim,
)
from tests.integration.store.test_races import at_once


def test_every_entry_is_read_by_one_of_many_consumers(store: Store, server: str) -> None:
    added = [
        store.run(add_to_inbox(*(b'{"n":%d}' % n for n in range(one)))) for one in (1, 2, 30) * 100
    ]

    def take_all(mine: Store, i: int) -> list[str]:
        taken = list[str]()
        while entries := mine.run(read_inbox(f"c{i}", 37 + i)):
            ids = [entry.id for entry in entries]
            taken += ids
            assert mine.run(acknowledge(ids)) == len(ids)
        return list(set(taken))

    taken = at_once(server, 8, take_all)
    assert sorted(id for mine in taken for id in mine) == sorted(added)
    assert store.run(inbox_length()) == 0


def test_entries_of_a_dead_consumer_are_reclaimed_by_one_of_many(store: Store, server: str) -> None:
    added = [store.run(add_to_inbox(b"{}")) for _ in range(500)]
    store.run(read_inbox("dead", 500))

    def reclaim_and_acknowledge(mine: Store, i: int) -> int:
        done = 0
        while entries := mine.run(reclaim(f"c{i}", 0, 50)):
            done += mine.run(acknowledge([entry.id for entry in entries]))
        return done

    assert sum(at_once(server, 4, reclaim_and_acknowledge)) == len(added)


def test_a_full_server_takes_nothing_in_and_lets_everything_out(store: Store) -> None:
    for _ in range(3):
        store.run(add_to_inbox(b"{}"))
    store.run(read_inbox("ann", 1))
    store.client.config_set("maxmemory", "1mb")
    try:
        with pytest.raises(StoreFull):
            store.run(add_to_inbox(b"{}"))
        entries = store.run(reclaim("bob", 0, 1)) + store.run(read_inbox("bob"))
        assert store.run(acknowledge([entry.id for entry in entries])) == 3
        assert store.run(read_inbox("cleo")) == []  # makes a consumer
    finally:
        store.client.config_set("maxmemory", "0")
    assert store.run(inbox_length()) == 0


def test_a_group_can_be_made_on_a_full_server(store: Store) -> None:
    store.client.config_set("maxmemory", "1mb")
    try:
        assert store.run(read_inbox("ann")) == []
    finally:
        store.client.config_set("maxmemory", "0")
