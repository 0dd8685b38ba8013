"""Marketing to one person is capped across campaigns; what people did not get counts no more."""

import pytest

from chatapps.responses import NoAnswer
from dashboard.message import explain, message_status_of
from store.lanes.lane import move_lane
from store.people.marketing_cap import read_counted
from store.people.suppressions import Why, suppress
from store.purposes import Purpose
from store.records.outcome import LocalReason
from store.states import State
from tests.integration.worker.rig import Rig, refuses


def number(index: int) -> str:
    return str(447700900000 + index)


def counted(rig: Rig, index: int) -> int:
    return sum(len(rig.store.run(call)) for call in read_counted("shop", number(index)))


@pytest.fixture
def capped(rig: Rig) -> Rig:
    """One marketing message a week."""
    rig.configure(campaigns={"cap_messages": 1, "cap_days": 7})
    return rig


class TestCap:
    async def test_a_second_campaign_skips_who_has_had_enough(self, capped: Rig) -> None:
        first, second = capped.campaign(10), capped.campaign(15, "Summer")
        await capped.deliver(first)
        await capped.deliver(second)
        assert capped.counts(second) == {State.SKIPPED: 10, State.ACCEPTED: 5}
        found = capped.message(second, 3).outcome
        assert found is not None
        assert found.code == LocalReason.CAPPED
        assert "over the cap" in " ".join(explain(message_status_of(capped.store, f"{second}.3")))

    async def test_two_campaigns_that_hold_the_same_people_do_not_both_pass(
        self, capped: Rig
    ) -> None:
        lanes = capped.campaign(10), capped.campaign(10, "Summer")
        held = [await capped.claim(lane) for lane in lanes]
        for batch in held:
            await capped.delivery().deliver(batch)
        assert [capped.counts(lane) for lane in lanes] == [
            {State.ACCEPTED: 10},
            {State.SKIPPED: 10},
        ]

    async def test_other_purposes_neither_count_nor_wait(self, capped: Rig) -> None:
        for name in ("One", "Two"):
            lane = capped.campaign(5, name, purpose=Purpose.UTILITY)
            await capped.deliver(lane)
            assert capped.counts(lane) == {State.ACCEPTED: 5}
        assert counted(capped, 1) == 0

    async def test_rejected_and_skipped_messages_give_their_place_back(self, capped: Rig) -> None:
        capped.store.run(suppress("shop", [(number(1), None)], Why.OPERATOR))
        capped.provider.steps = [refuses({2: 1002})]
        await capped.deliver(capped.campaign(4))
        assert [counted(capped, index) for index in range(4)] == [1, 0, 0, 1]

    async def test_an_unconfirmed_message_counts(self, capped: Rig) -> None:
        capped.provider.steps = [NoAnswer("reset")]
        lane = capped.campaign(4, settle_after=0)
        await capped.deliver(lane)
        capped.due(lane)
        await capped.sweep()
        assert capped.counts(lane) == {State.UNCONFIRMED: 4}
        assert counted(capped, 0) == 1

    async def test_a_worker_that_takes_over_keeps_the_place(self, capped: Rig) -> None:
        lane = capped.campaign(4)
        dead = await capped.claim(lane)
        await capped.delivery()._check_eligibility.look(dead, 0)
        assert counted(capped, 0) == 1
        capped.due(lane)
        await capped.sweep()
        await capped.deliver(lane)
        await capped.deliver(lane)
        assert capped.counts(lane) == {State.ACCEPTED: 4}

    async def test_cancelled_messages_give_their_place_back(self, capped: Rig) -> None:
        lane = capped.campaign(4)
        dead = await capped.claim(lane)
        await capped.delivery()._check_eligibility.look(dead, 0)
        capped.due(lane)
        capped.store.run(move_lane(lane, "cancel"))
        await capped.sweep()
        await capped.sweep()
        assert capped.counts(lane) == {State.CANCELLED: 4}
        assert counted(capped, 0) == 0

    async def test_without_a_cap_nothing_is_asked_or_kept(self, rig: Rig) -> None:
        await rig.deliver(rig.campaign(10))
        assert counted(rig, 0) == 0
        ran = rig.watched.ran + rig.watched.ran_together
        assert not {"reserve_marketing", "release_marketing"} & {*ran}
