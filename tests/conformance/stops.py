"""stop_sending and go_on: what an operator has stopped, of whom, and why."""

from store.client import Store
from store.lanes.lane import Lane, find_lane
from store.limits.stops import Stop, Stopped, go_on, read_stops, stop_of, stop_sending
from tests.conformance import given

ALL, MARKETING = Stopped.ALL, Stopped.MARKETING


def stops(store: Store) -> list[Stop]:
    found = store.run(read_stops())
    return list(found)


def held(store: Store, lane: Lane) -> bool:
    return stop_of(stops(store), lane) is not None


class TestStops:
    def test_a_stop_holds_until_it_is_ended(self, store: Store) -> None:
        assert stops(store) == []
        assert store.run(stop_sending(ALL, "", "wrong price"))
        (found,) = stops(store)
        assert (found.what, found.sub_account, found.reason) == (ALL, "", "wrong price")
        assert found.since > given.NOW * 1000
        assert store.run(go_on(ALL, ""))
        assert stops(store) == []
        assert not store.run(go_on(ALL, ""))

    def test_a_stop_that_holds_keeps_its_reason(self, store: Store) -> None:
        store.run(stop_sending(ALL, "", "the first"))
        assert not store.run(stop_sending(ALL, "", "the second"))
        assert [one.reason for one in stops(store)] == ["the first"]

    def test_each_kind_and_sub_account_is_stopped_for_itself(self, store: Store) -> None:
        for what, name in ((MARKETING, "shop"), (ALL, ""), (ALL, "bank"), (MARKETING, "")):
            store.run(stop_sending(what, name, "x"))
        found = [(one.what, one.sub_account) for one in stops(store)]
        assert found == [(ALL, ""), (MARKETING, ""), (ALL, "bank"), (MARKETING, "shop")]
        store.run(go_on(ALL, ""))
        assert len(stops(store)) == 3

    def test_marketing_is_what_campaigns_send(self, store: Store) -> None:
        campaign = find_lane(store, given.campaign(store))
        single = find_lane(store, given.notifications(store))
        store.run(stop_sending(MARKETING, "", "x"))
        assert (held(store, campaign), held(store, single)) == (True, False)
        store.run(stop_sending(ALL, "", "x"))
        assert (held(store, campaign), held(store, single)) == (True, True)

    def test_a_sub_account_is_stopped_and_no_other(self, store: Store) -> None:
        lane = find_lane(store, given.campaign(store))
        store.run(stop_sending(ALL, f"{lane.sub_account}2", "x"))
        assert not held(store, lane)
        store.run(stop_sending(ALL, lane.sub_account, "x"))
        assert held(store, lane)
