"""Waiting for the turn that the limits allow, over a store that says what the test wants."""

from typing import Any

import pytest

from store.client import Call
from store.limits.rate_limit import Limits, Permits
from tests.unit.worker.given import ENDPOINT, FakeStore, Time, tools
from worker.batch import CACHE_SECONDS, Reservation, Sender
from worker.pacing.permits import TRIES, PermitOffice

LIMITED = Sender("shop", ENDPOINT, Limits(500, 100, 10, 5), 8)
UNLIMITED = Sender("shop", ENDPOINT, Limits(0, 1, 0, 0), 8)


async def wait_for(time: Time, *replies: Permits, patience: float = 30) -> bool:
    office = PermitOffice(tools(FakeStore(*replies), time))
    return await office.wait_for(LIMITED, 100, urgent=False, patience=patience) is not None


async def test_permits_that_are_granted_at_once_cost_no_time() -> None:
    time = Time()
    assert await wait_for(time, Permits(True, 0))
    assert time.slept == []


async def test_a_turn_that_is_reserved_is_waited_for() -> None:
    time = Time()
    assert await wait_for(time, Permits(True, 0.4))
    assert time.slept == [0.4]


async def test_a_refusal_is_asked_again_when_its_time_is_over() -> None:
    time = Time()
    assert await wait_for(
        time, Permits(False, 2, blocked=True), Permits(False, 1), Permits(True, 0)
    )
    assert time.slept == [2, 1]


async def test_a_turn_beyond_our_patience_is_given_up_without_waiting() -> None:
    time = Time()
    assert not await wait_for(time, Permits(False, 31), patience=30)
    assert time.slept == []


async def test_patience_counts_from_the_first_question() -> None:
    time = Time()
    replies = [Permits(False, 4)] * 10
    assert not await wait_for(time, *replies, patience=10)
    assert time.now == 8


async def test_a_batch_that_is_larger_than_the_probe_takes_no_part_in_it() -> None:
    store = FakeStore(Permits(True, 0, n=10, probes=("account",)), True, 0)
    office = PermitOffice(tools(store))
    assert await office.wait_for(LIMITED, 100, urgent=False, patience=30) is None
    assert [call.script for call in store.calls] == [
        "acquire_permits", "release_probe", "return_permits",
    ]  # fmt: skip


async def test_each_question_has_an_id_of_its_own() -> None:
    store = FakeStore(Permits(True, 0), Permits(True, 0))
    office = PermitOffice(tools(store))
    first = await office.reserve(LIMITED, 10, urgent=False)
    second = await office.reserve(LIMITED, 10, urgent=False)
    assert first.op != second.op
    assert store.calls[0].keys != store.calls[1].keys


async def test_an_urgent_lane_may_use_the_reserve() -> None:
    store = FakeStore(Permits(True, 0), Permits(True, 0))
    office = PermitOffice(tools(store))
    await office.reserve(LIMITED, 10, urgent=False)
    await office.reserve(LIMITED, 10, urgent=True)
    assert [call.args[3] for call in store.calls] == [10, 0]


async def test_for_a_turn_that_was_missed_another_one_is_taken() -> None:
    time = Time()
    store = FarAway(time, 1, Permits(True, 0), Permits(True, 0.2))
    office = PermitOffice(tools(store, time))
    assert await office.wait_for(LIMITED, 100, urgent=False, patience=30)
    assert [call.script for call in store.calls] == ["acquire_permits"] * 2
    assert time.slept == [pytest.approx(0.2)]


async def test_who_misses_every_turn_goes_late_in_the_end() -> None:
    time = Time()
    store = FarAway(time, 99, *[Permits(True, 0)] * (TRIES + 1))
    office = PermitOffice(tools(store, time))
    assert await office.wait_for(LIMITED, 100, urgent=False, patience=30)
    assert store.replies == []


def test_permits_are_good_for_a_moment_after_their_turn() -> None:
    permits = Reservation("op", 1, Permits(True, 2), turn=12.0)
    assert permits.is_good(12.0 + CACHE_SECONDS / 2)
    assert not permits.is_good(12.0 + CACHE_SECONDS)
    assert not Reservation("op", 1, Permits(False, 2), turn=12.0).is_good(12.0)


class FarAway(FakeStore):
    """A store whose first answers take half a second each."""

    def __init__(self, time: Time, slow: int, *replies: Any) -> None:
        super().__init__(*replies)
        self._time, self._slow = time, slow

    async def run(self, call: Call[Any]) -> Any:
        if call.script == "acquire_permits" and self._slow:
            self._slow -= 1
            self._time.now += 0.5
        return await super().run(call)


@pytest.mark.parametrize(
    ("sender", "unused", "calls"), [(LIMITED, 3, 1), (LIMITED, 0, 0), (UNLIMITED, 3, 0)]
)
async def test_only_permits_that_count_and_were_not_used_are_given_back(
    sender: Sender, unused: int, calls: int
) -> None:
    store = FakeStore(Permits(True, 0), True)
    office = PermitOffice(tools(store))
    reservation = await office.reserve(sender, 10, urgent=False)
    await office.give_back(sender, reservation, unused)
    assert [call.script for call in store.calls[1:]] == ["return_permits"] * calls


async def test_a_block_is_for_everyone_and_so_in_the_store() -> None:
    store = FakeStore(12.0)
    await PermitOffice(tools(store)).block(LIMITED, 12)
    assert store.calls[0].script == "pause_sub_account"
