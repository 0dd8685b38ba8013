"""reserve_marketing, release_marketing: a cap on marketing to a person, across campaigns."""

from dataclasses import replace
from itertools import chain

import pytest

from store.client import Store, text
from store.keys import counted_marketing, shard_of
from store.lanes.lane import Lane, find_lane
from store.people.marketing_cap import Cap, find_capped, read_counted, release, reserve
from store.records.job_section import Job
from tests.conformance import given

DAY = 24 * 60
TWICE = Cap(2, 7 * DAY)
ANN = "447700900001"


@pytest.fixture
def lane(store: Store) -> Lane:
    return find_lane(store, given.campaign(store))


def jobs(n: int) -> list[Job]:
    return [Job(i, 0, b"%d\tBen" % (447700900000 + i)) for i in range(n)]


def over(store: Store, lane: Lane, some: list[Job], cap: Cap = TWICE) -> list[int]:
    """Indexes of the jobs over the cap."""
    return sorted(some[at].index for call in reserve(lane, cap, some) for at in store.run(call))


def other(lane: Lane, name: str) -> Lane:
    return replace(lane, id=f"other-{name}")


def counted(store: Store, who: str = ANN) -> int:
    return len([*chain.from_iterable(map(store.run, read_counted("shop", who)))])


def age(store: Store, who: str, minutes: int) -> None:
    """Move the counted messages of a person into the past."""
    for key in counted_marketing("shop", shard_of(who)):
        value = store.client.hget(key, who)
        if value:
            at, rest = text(value).split(":", 1)
            store.client.hset(key, who, f"{int(at) - minutes}:{rest}")


class TestCap:
    def test_only_so_many_messages_have_a_place(self, store: Store, lane: Lane) -> None:
        some = jobs(40)
        assert over(store, lane, some) == []
        assert over(store, other(lane, "bbbbbb"), some[:20]) == []
        assert over(store, other(lane, "cccccc"), some) == [*range(20)]
        assert counted(store) == 2

    def test_the_same_message_again_keeps_its_place(self, store: Store, lane: Lane) -> None:
        once = Cap(1, DAY)
        assert over(store, lane, jobs(5), once) == over(store, lane, jobs(5), once) == []
        assert counted(store) == 1

    def test_a_released_place_is_free_and_others_stay(self, store: Store, lane: Lane) -> None:
        some = jobs(5)
        over(store, lane, some)
        over(store, other(lane, "bbbbbb"), some)
        assert sum(map(store.run, release(lane, some[:2]))) == 2
        assert sum(map(store.run, release(lane, some[:2]))) == 0
        assert over(store, other(lane, "cccccc"), some) == [2, 3, 4]

    def test_an_old_message_counts_no_more(self, store: Store, lane: Lane) -> None:
        once = Cap(1, DAY)
        over(store, lane, jobs(2), once)
        age(store, ANN, DAY + 1)
        assert over(store, other(lane, "bbbbbb"), jobs(2), once) == [0]

    def test_a_plan_looks_and_reserves_nothing(self, store: Store, lane: Lane) -> None:
        once, people = Cap(1, DAY), [job.recipient for job in jobs(4)]
        assert [*map(store.run, find_capped("shop", once, people))] == [[]] * 4
        over(store, lane, jobs(2), once)
        found = chain.from_iterable(map(store.run, find_capped("shop", once, people)))
        assert sorted(found) == [0, 1]
        assert counted(store, "447700900003") == 0

    def test_what_counts_goes_by_itself(self, store: Store, lane: Lane) -> None:
        over(store, lane, jobs(5), Cap(1, DAY))
        left = [
            store.client.pttl(key)
            for key in counted_marketing("shop", shard_of(ANN))
            if store.client.exists(key)
        ]
        assert len(left) == 1
        assert DAY * 60_000 < left[0] <= 2 * DAY * 60_000
