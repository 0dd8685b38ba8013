"""The inbox: read_inbox, reclaim_inbox, acknowledge_inbox and the adding."""

from typing import Any

import pytest

from store.client import Store, text
from store.errors import StoreFault
from store.keys import ASIDE, INBOXES, inbox
from store.receipts.inbox import (
    GROUP,
    Entry,
    acknowledge,
    add_to_inbox,
    forget_aside,
    inbox_length,
    inbox_numbers,
    keep_unmatched,
    read_inbox,
    read_inbox_figures,
    reclaim,
    take_inbox,
)


def filled(store: Store, n: int) -> list[Entry]:
    """An inbox with n bodies, and its entries as they must come."""
    bodies = [b'{"n":%d}' % i for i in range(n)]
    return [Entry(store.run(add_to_inbox(body)), body) for body in bodies]


def ids(entries: list[Entry]) -> list[str]:
    return [entry.id for entry in entries]


def consumers(store: Store) -> set[bytes]:
    return {row["name"] for row in store.client.xinfo_consumers(inbox(0), GROUP)}


class TestInbox:
    def test_what_was_added_is_read_in_order_and_as_it_came(self, store: Store) -> None:
        body = b'\x00\xff "quoted"\r\n' + "Zoë".encode()
        added = store.run(add_to_inbox(body))
        assert store.run(read_inbox("ann")) == [Entry(added, body)]

    def test_bodies_that_come_together_share_an_entry_and_are_read_in_order(
        self, store: Store
    ) -> None:
        bodies = [b"{}", b"", b"\x00\xff,7\r\n", "Zoë".encode(), b"[1]" * 5000]
        added = store.run(add_to_inbox(*bodies))
        alone = store.run(add_to_inbox(b"last"))
        assert store.client.xlen(inbox(0)) == 2
        assert store.run(inbox_length()) == 6
        expected = [*(Entry(added, body) for body in bodies), Entry(alone, b"last")]
        assert store.run(read_inbox("ann")) == expected
        assert store.run(reclaim("ann", 0)) == expected
        assert store.run(acknowledge([added] * 5)) == 5
        assert store.run(inbox_length()) == 1

    def test_nothing_makes_no_entry(self, store: Store) -> None:
        assert store.run(add_to_inbox()) == ""
        assert store.run(inbox_length()) == 0

    def test_an_entry_from_before_entries_were_shared_is_read(self, store: Store) -> None:
        id_ = text(store.client.xadd(inbox(0), {"body": "12,3"}))
        store.run(add_to_inbox(b"{}", b"[]"))
        assert [entry.body for entry in store.run(read_inbox("ann"))] == [b"12,3", b"{}", b"[]"]
        assert store.run(acknowledge([id_])) == 1

    def test_one_read_brings_a_megabyte_and_not_all_that_fits_its_number(
        self, store: Store
    ) -> None:
        for _ in range(40):
            store.run(add_to_inbox(*[b"x" * 10_000] * 10))
        read = [len(store.run(read_inbox("ann", 1000))) for _ in range(4)]
        assert read == [160, 160, 80, 0]
        again = store.run(reclaim("ann", 0, 1000))
        assert len(again) == 160
        store.run(acknowledge(entry.id for entry in again))
        assert len(store.run(reclaim("bob", 0, 1000))) == 160

    def test_each_entry_goes_to_one_consumer(self, store: Store) -> None:
        entries = filled(store, 5)
        assert store.run(read_inbox("ann", 2)) == entries[:2]
        assert store.run(read_inbox("bob", 2)) == entries[2:4]
        assert store.run(read_inbox("ann")) == entries[4:]
        assert store.run(read_inbox("bob")) == []

    def test_what_is_acknowledged_is_gone_and_the_rest_is_not(self, store: Store) -> None:
        entries = filled(store, 3)
        store.run(read_inbox("ann"))
        assert store.run(acknowledge(ids(entries[:2]))) == 2
        assert store.run(inbox_length()) == 1
        assert store.run(reclaim("bob", 0)) == entries[2:]

    def test_acknowledging_again_does_nothing(self, store: Store) -> None:
        entries = filled(store, 2)
        store.run(read_inbox("ann"))
        assert store.run(acknowledge(ids(entries))) == 2
        assert store.run(acknowledge(ids(entries))) == 0
        assert store.run(reclaim("ann", 0)) == []

    def test_what_a_dead_consumer_took_comes_back(self, store: Store) -> None:
        entries = filled(store, 4)
        store.run(read_inbox("ann", 3))
        assert store.run(reclaim("bob", 60_000)) == []  # ann may still be at it
        assert store.run(reclaim("bob", 0, 2)) == entries[:2]
        store.run(acknowledge(ids(entries[:2])))
        assert store.run(reclaim("bob", 0)) == entries[2:3]
        assert store.run(read_inbox("bob")) == entries[3:]

    def test_what_one_has_left_oneself_comes_first_and_at_once(self, store: Store) -> None:
        entries = filled(store, 4)
        store.run(read_inbox("ann", 1))
        assert store.run(read_inbox("bob", 2)) == entries[1:3]
        assert store.run(reclaim("bob", 60_000)) == entries[1:3]
        assert store.run(reclaim("bob", 0, 1)) == entries[1:2]
        store.run(acknowledge(ids(entries[1:3])))
        assert store.run(reclaim("bob", 60_000)) == []

    def test_every_call_works_before_anything_was_added(self, store: Store) -> None:
        assert store.run(inbox_length()) == 0
        assert store.run(acknowledge(["1-1"])) == 0
        assert store.run(acknowledge([])) == 0
        assert not store.client.exists(inbox(0))
        assert store.run(read_inbox("ann")) == []
        store.client.delete(inbox(0))
        assert store.run(reclaim("ann", 0)) == []

    def test_what_was_added_before_the_group_was_made_is_read(self, store: Store) -> None:
        entries = filled(store, 2)
        assert store.run(reclaim("ann", 0)) == []
        assert store.run(read_inbox("ann")) == entries

    def test_entries_can_be_deleted_without_having_been_read(self, store: Store) -> None:
        entries = filled(store, 2)
        assert store.run(acknowledge(ids(entries[:1]))) == 1
        assert store.run(read_inbox("ann")) == entries[1:]

    def test_entries_that_were_deleted_after_they_were_taken_do_not_come_back(
        self, store: Store
    ) -> None:
        entries = filled(store, 3)
        store.run(read_inbox("ann"))
        store.client.xdel(inbox(0), entries[1].id)
        assert store.run(reclaim("bob", 0)) == [entries[0], entries[2]]

    def test_consumers_are_forgotten_once_they_hold_nothing(self, store: Store) -> None:
        filled(store, 3)
        for consumer in ("ann", "bob"):
            store.run(read_inbox(consumer, 1))
        (entry,) = store.run(read_inbox("cleo", 1))
        store.run(acknowledge([entry.id]))
        store.run(reclaim("dan", 60_000))
        assert {b"ann", b"bob", b"cleo"} <= consumers(store)
        store.run(reclaim("dan", 60_000, forget_ms=0))
        assert consumers(store) - {b"dan"} == {b"ann", b"bob"}

    def test_a_key_of_another_kind_is_a_fault(self, store: Store) -> None:
        store.client.set(inbox(0), "what")
        with pytest.raises(StoreFault, match="WRONGTYPE"):
            store.run(read_inbox("ann"))

    def test_figures_are_counted_with_the_entries_and_once(self, store: Store) -> None:
        entries = filled(store, 3)
        store.run(read_inbox("ann"))
        figures = {"applied": 2, "replies": 1, "opt_outs": 0, "unmatched:no_id": 4}
        store.run(acknowledge(ids(entries[:2]), figures))
        store.run(acknowledge(ids(entries[:2]), figures))
        found = store.run(read_inbox_figures())
        assert (found.applied, found.replies, found.opt_outs) == (2, 1, 0)
        assert found.unmatched == {"no_id": 4}
        assert found.waiting == 1

    def test_the_age_of_the_oldest_entry_is_told(self, store: Store) -> None:
        assert store.run(read_inbox_figures()).oldest_age == 0
        store.client.xadd(inbox(0), {"body": "{}"}, id="1000-1")
        found = store.run(read_inbox_figures())
        assert found.oldest_age > 1_000_000_000 / 1000


class TestInboxes:
    def test_each_process_gets_one_of_its_own_and_keeps_it(self, store: Store) -> None:
        assert [store.run(take_inbox()) for _ in range(3)] == [0, 1, 2]
        assert store.run(take_inbox(1)) == 1
        assert store.run(inbox_numbers()) == [0, 1, 2]

    def test_one_that_its_process_has_left_is_given_away(self, store: Store) -> None:
        for _ in range(3):
            store.run(take_inbox())
        store.client.zadd(INBOXES, {"1": 1000})
        assert store.run(take_inbox()) == 1
        assert store.run(take_inbox()) == 3

    def test_the_first_one_is_read_before_any_process_has_taken_it(self, store: Store) -> None:
        assert store.run(inbox_numbers()) == [0]

    def test_what_lies_in_one_is_not_in_another(self, store: Store) -> None:
        number = [store.run(take_inbox()) for _ in range(2)][-1]
        added = [store.run(add_to_inbox(body, number=number)) for body in (b"{}", b"[1]")]
        assert store.run(read_inbox("ann")) == []
        assert [entry.id for entry in store.run(read_inbox("ann", 100, number))] == added
        assert store.run(reclaim("bob", 0, 1, number))[0].id == added[0]
        assert store.run(acknowledge(added)) == 0
        assert store.run(acknowledge(added, {"replies": 2}, number)) == 2

    def test_figures_are_those_of_all_of_them(self, store: Store) -> None:
        for number in (store.run(take_inbox()) for _ in range(2)):
            id_ = store.run(add_to_inbox(b"{}", number=number))
            figures = {"applied": 2, "unmatched:no_id": number}
            store.run(acknowledge([id_], figures, number))
            store.run(add_to_inbox(b"{}", number=number))
        store.client.xadd(inbox(1), {"body": "{}"}, id="*")
        found = store.run(read_inbox_figures())
        assert (found.waiting, found.applied, found.unmatched) == (3, 4, {"no_id": 1})
        assert store.run(inbox_length()) == 3


class TestAside:
    def test_what_is_kept_aside_is_deleted_after_some_days(self, store: Store) -> None:
        store.client.xadd(ASIDE, {"body": "old"}, id="1000-1")
        store.run(keep_unmatched([b"new"]))
        assert store.run(forget_aside(30)) == 1
        entries: Any = store.client.xrange(ASIDE)
        assert [fields[b"body"] for _, fields in entries] == [b"new"]
        assert store.run(forget_aside(30)) == 0
