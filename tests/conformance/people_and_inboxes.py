"""The step that spreads people over shards and gives each receiver an inbox: nothing is lost on the
way."""

from store.client import Store, command
from store.keys import ASIDE
from store.migrations.people_and_inboxes import spread_people_and_inboxes
from store.people.service_windows import (
    SUPPRESSED,
    SUPPRESSED_EVERYWHERE,
    UNMARKETED,
    WINDOWS,
    channels_with_windows,
    last_reply,
    read_rules,
    window_end,
)
from store.people.suppressions import (
    EVERYWHERE,
    Why,
    count_suppressions,
    find_unmarketed,
    read_suppression,
    release,
    suppress,
)
from store.receipts.inbox import inbox_length, read_inbox, read_inbox_figures
from store.reports.waiting import now_ms

PEOPLE = [f"4477009000{i:02}" for i in range(20)]
ANN, CLEO = PEOPLE[1], "GB.1349120865530274"
HOUR = 3_600_000


def older(store: Store) -> int:
    """Write the data of an older version; returns the time."""
    client, now = store.client, store.run(now_ms())
    tag = "sm:{people}:"
    client.hset(f"{tag}suppressed:shop", mapping=dict.fromkeys([*PEOPLE, CLEO], f"{now - 9}r"))
    client.hset(f"{tag}suppressed:*", ANN, f"{now - 9}om")
    client.zadd(f"{tag}lifted:shop", {"447700900099": now - 5})
    client.zadd(f"{tag}windows:shop:whatsapp", {ANN: now + HOUR})
    client.hset(f"{tag}replies", "shop:whatsapp", now - 7)
    client.sadd(f"{tag}unmarketed:shop:0", ANN, PEOPLE[2])
    for n in range(3):
        client.xadd("sm:{inbox}", {"body": f"[{n}]"})
    client.xgroup_create("sm:{inbox}", "appliers", "0")
    client.xreadgroup("appliers", "dead", {"sm:{inbox}": ">"}, count=1)
    client.xadd("sm:{inbox}:aside", {"body": "{}"})
    client.hset("sm:{inbox}:figures", mapping={"applied": 7, "unmatched:no_id": 2})
    return now


def run(store: Store) -> None:
    spread_people_and_inboxes(store, lambda: None)


class TestSpreadPeopleAndInboxes:
    def test_what_is_known_of_people_is_found_again(self, store: Store) -> None:
        now = older(store)
        run(store)
        assert store.run(count_suppressions("shop")) == 21
        found = store.run(read_suppression("shop", CLEO))
        assert found is not None
        assert (found.since, found.why) == (now - 9, Why.REPLY)
        everywhere = store.run(read_suppression(EVERYWHERE, ANN))
        assert everywhere is not None
        assert everywhere.stopped == "marketing"
        late = store.run(suppress("shop", [("447700900099", now - 6)], Why.REPLY))
        assert late.overtaken == 1
        assert store.run(window_end("shop", ANN)) == now + HOUR
        assert store.run(last_reply("shop")) == now - 7
        assert store.run(channels_with_windows()) == [("shop", "whatsapp")]
        assert store.run(find_unmarketed("shop", PEOPLE)) == {ANN, PEOPLE[2]}
        rules = store.run(read_rules("shop", "auto"))
        assert rules == SUPPRESSED | SUPPRESSED_EVERYWHERE | UNMARKETED | WINDOWS

    def test_what_was_posted_is_found_again_taken_or_not(self, store: Store) -> None:
        older(store)
        run(store)
        assert [entry.body for entry in store.run(read_inbox("ann"))] == [b"[0]", b"[1]", b"[2]"]
        found = store.run(read_inbox_figures())
        assert (found.applied, found.unmatched) == (7, {"no_id": 2})
        assert store.client.xlen(ASIDE) == 1

    def test_nothing_is_left_under_the_old_keys_and_a_repeat_changes_nothing(
        self, store: Store
    ) -> None:
        older(store)
        run(store)
        keys = sorted(store.run(command("KEYS", "*", parse=list[bytes])))
        assert not [key for key in keys if b"{people}" in key or b"{inbox}" in key]
        run(store)
        assert sorted(store.run(command("KEYS", "*", parse=list[bytes]))) == keys
        assert store.run(inbox_length()) == 3

    def test_what_was_written_since_is_not_overwritten_by_a_repeat(self, store: Store) -> None:
        older(store)
        run(store)
        store.run(suppress("shop", [(ANN, None)], Why.OPERATOR))
        store.run(release("shop", [(CLEO, None)]))
        store.client.hset("sm:{people}:suppressed:shop", ANN, "1r")
        run(store)
        found = store.run(read_suppression("shop", ANN))
        assert found is not None
        assert found.why is Why.OPERATOR

    def test_an_empty_database_stays_empty(self, store: Store) -> None:
        run(store)
        assert store.run(command("KEYS", "*", parse=list)) == []
