"""The audit trail: an entry an act, masked, for a year; addresses for 90 days."""

import pytest

from store.access.audit import (
    ACTOR,
    ADDRESSES_MS,
    KEPT_MS,
    Actor,
    audited,
    entry,
    forget_old_entries,
    masked,
    read_audit,
)
from store.client import Store, command
from store.keys import AUDIT, AUDIT_ADDRESSES
from store.lanes.lane import find_lane, move_lane
from store.reports.waiting import now_ms
from tests.conformance import given


def test_an_act_is_told_newest_first_with_what_was_before_and_after(store: Store) -> None:
    lane = find_lane(store, given.campaign(store))
    ACTOR.set(Actor("token:shop", "192.0.2.7"))
    move = audited(
        move_lane(lane.id, "pause", "x"), "campaign.pause", lane.name, lane.status, lambda m: m[1]
    )
    assert store.run(move) == (True, "paused")
    ACTOR.set(None)
    paused, launched = read_audit(store)
    assert (paused.who, paused.act, paused.object) == ("token:shop", "campaign.pause", "Spring")
    assert paused.address == "192.0.2.7"
    assert "" not in (paused.before, paused.after)
    assert paused.before != paused.after
    assert (launched.act, launched.before, launched.address) == ("campaign.launch", "", "")
    assert launched.who.startswith("cli:")
    assert list(read_audit(store, before=paused.id)) == [launched]
    assert list(read_audit(store, takes=lambda one: one.act == "campaign.launch")) == [launched]


def test_pages_hold_all_of_many(store: Store) -> None:
    for n in range(1201):
        store.run(entry("stop", str(n)))
    assert [one.object for one in read_audit(store)] == [str(n) for n in range(1200, -1, -1)]


def test_old_entries_go_and_addresses_before_them(store: Store) -> None:
    now = store.run(now_ms())
    for days, name in ((400, "old"), (100, "older"), (1, "new")):
        at = f"{now - days * 86_400_000}-0"
        words = ("who", "x", "act", name, "object", "", "before", "", "after", "")
        store.run(command("XADD", AUDIT, at, *words, parse=str))
        store.run(command("XADD", AUDIT_ADDRESSES, at, "address", "192.0.2.7", parse=str))
    for call in forget_old_entries(now):
        store.run(call)
    assert [(one.act, one.address) for one in read_audit(store)] == [
        ("new", "192.0.2.7"),
        ("older", ""),
    ]
    assert ADDRESSES_MS < KEPT_MS
    store.run(entry("last", ""))
    assert len(list(read_audit(store))) == 3


@pytest.mark.parametrize("who", ["447700900123", "GB.1349120865530274", "12345"])
def test_people_are_not_to_be_recognised(who: str) -> None:
    assert who not in masked(who)
    assert len(masked(who)) <= 5
