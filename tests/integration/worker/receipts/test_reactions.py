"""Reactions to codes of receipts: each is shown, ends by itself, and can be changed."""

from typing import Any

import pytest

from config.reactions import ReactionRule
from dashboard.explain import explain_breaker
from dashboard.message import explain, message_status_of
from store.keys import counted_receipts
from store.limits.breakers import BULK, Breaker, close_breaker, read_breakers
from store.people.service_windows import unreachable_until
from store.purposes import Purpose
from store.records.outcome import LocalReason
from store.reports.waiting import now_ms
from store.states import State
from tests.integration.worker.receipts.test_inbox import ago, post, receipt, reply
from tests.integration.worker.rig import Rig
from worker.receipts.inbox import apply_inbox

HOUR = 3_600_000


def undelivered(rig: Rig, lane: str, code: int, *indexes: int) -> None:
    """Receipts about messages of a campaign that were not delivered."""
    status = {"state": "undelivered", "timestamp": ago(rig, 1), "errorCode": code}
    post(rig, *(receipt(f"{lane}.{index}.1", "", status=status) for index in indexes))


def react(rig: Rig, **rule: Any) -> None:
    """Change the table."""
    rules = [ReactionRule(**rule)]
    rig.settings = rig.settings.model_copy(update={"reactions": rules})


def bulk(rig: Rig) -> Breaker | None:
    found = [one for one in rig.store.run(read_breakers("shop")) if one.scope == BULK]
    return found[0] if found else None


async def sent(rig: Rig, n: int, name: str = "Spring", **more: Any) -> str:
    lane = rig.campaign(n, name, **more)
    await rig.deliver(lane)
    return lane


class TestPauseBulk:
    async def test_it_is_shown_with_its_code_and_its_end_and_is_closed_by_hand(
        self, rig: Rig
    ) -> None:
        lane = await sent(rig, 3)
        undelivered(rig, lane, 1023, 0, 1)
        await apply_inbox(rig.tools)
        held = bulk(rig)
        assert held is not None
        assert held.by == "worker"
        assert held.probe_at - held.opened_at == HOUR
        told = explain_breaker(held)
        assert "priority bulk is held up since" in told
        assert "2 receipts with code 1023: too much was reported as spam" in told
        assert rig.store.run(close_breaker("shop", BULK))
        assert bulk(rig) is None

    async def test_bulk_waits_and_when_the_time_is_over_a_probe_ends_it(self, rig: Rig) -> None:
        react(rig, code=1023, action="pause_bulk", seconds=1)
        undelivered(rig, await sent(rig, 1), 1023, 0)
        await apply_inbox(rig.tools)
        assert bulk(rig) is not None
        lane = rig.campaign(5, "Summer")
        await rig.drain_until(lambda: rig.counts(lane) == {State.ACCEPTED: 5})
        assert bulk(rig) is None

    async def test_below_the_threshold_nothing_is_held_up(self, rig: Rig) -> None:
        react(rig, code=1023, action="pause_bulk", threshold=3, within=600)
        lane = await sent(rig, 4)
        undelivered(rig, lane, 1023, 0, 1)
        undelivered(rig, lane, 1023, 0)  # told twice
        await apply_inbox(rig.tools)
        assert bulk(rig) is None
        assert 0 < rig.store.client.pttl(counted_receipts("shop", 1023)) <= 600_000
        undelivered(rig, lane, 1023, 2)
        await apply_inbox(rig.tools)
        held = bulk(rig)
        assert held is not None
        assert held.reason.startswith("3 receipts with code 1023")

    async def test_it_can_be_turned_off(self, rig: Rig) -> None:
        react(rig, code=1023, action="none")
        undelivered(rig, await sent(rig, 1), 1023, 0)
        await apply_inbox(rig.tools)
        assert bulk(rig) is None

    async def test_receipts_without_a_reaction_cost_no_call(self, rig: Rig) -> None:
        lane = await sent(rig, 2)
        rig.watched.ran.clear()
        undelivered(rig, lane, 1022, 0)
        post(rig, receipt(f"{lane}.1.1", "read"))
        await apply_inbox(rig.tools)
        assert not {"count_receipts", "open_breaker", "open_windows"} & {*rig.watched.ran}


class TestSkipMarketing:
    async def test_marketing_to_the_person_is_skipped_for_a_month(self, rig: Rig) -> None:
        undelivered(rig, await sent(rig, 3), 1018, 1)
        await apply_inbox(rig.tools)
        until = rig.store.run(unreachable_until("shop", "447700900001"))
        assert 29 * 24 * HOUR < until - rig.store.run(now_ms()) < 30 * 24 * HOUR
        lane = await sent(rig, 3, "Summer")
        assert rig.counts(lane) == {State.SKIPPED: 1, State.ACCEPTED: 2}
        found = rig.message(lane, 1).outcome
        assert found is not None
        assert found.code == LocalReason.UNREACHABLE
        told = " ".join(explain(message_status_of(rig.store, f"{lane}.1")))
        assert "the person could not be reached lately" in told

    async def test_other_messages_go_and_a_reply_ends_it(self, rig: Rig) -> None:
        undelivered(rig, await sent(rig, 2), 1018, 1)
        await apply_inbox(rig.tools)
        news = await sent(rig, 2, "Order", purpose=Purpose.UTILITY)
        assert rig.counts(news) == {State.ACCEPTED: 2}
        post(rig, reply("Hello", ago(rig, 0)))
        await apply_inbox(rig.tools)
        found = rig.message(await sent(rig, 2, "Summer"), 1).outcome
        assert found is not None
        assert found.state is State.ACCEPTED

    async def test_it_ends_by_itself(self, rig: Rig) -> None:
        react(rig, code=1018, action="skip_marketing", seconds=1)
        undelivered(rig, await sent(rig, 2), 1018, 1)  # a second ago
        await apply_inbox(rig.tools)
        assert rig.counts(await sent(rig, 2, "Summer")) == {State.ACCEPTED: 2}

    @pytest.mark.parametrize("code", [1018, 46])
    async def test_the_settings_choose_the_code(self, rig: Rig, code: int) -> None:
        rules = [
            ReactionRule(code=1018, action="none"),
            ReactionRule(code=46, action="skip_marketing"),
        ]
        rig.settings = rig.settings.model_copy(update={"reactions": rules})
        undelivered(rig, await sent(rig, 2), code, 1)
        await apply_inbox(rig.tools)
        summer = await sent(rig, 2, "Summer")
        assert (State.SKIPPED in rig.counts(summer)) is (code == 46)
