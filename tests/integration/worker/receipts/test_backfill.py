"""Messages without a receipt are found, and asked about one by one."""

from typing import Any, cast

from chatapps.management import ChannelStep, MessageCalls, NotFound
from store.keys import lane_keys
from store.receipts.backfill import leave_backfill, note_backfill, take_backfill
from store.reports.lane_report import report
from store.reports.waiting import now_ms
from store.states import State
from tests.integration.worker.rig import Rig
from worker.receipts.backfill import Desk, carry_out
from worker.receipts.inbox import apply_inbox
from worker.receipts.missing_receipts import _ask_details, find_lost, look_for_lost


class Details:
    """Knows the first message only."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def details(self, umid: str) -> tuple[ChannelStep, ...]:
        self.asked.append(umid)
        if len(self.asked) > 1:
            raise NotFound("no such message")
        members: dict[str, Any] = {"user": {"msisdn": "+44770090xxxx"}}
        return (ChannelStep(1, "WhatsApp", "read", at="2027-03-01T09:05:00Z", members=members),)


async def test_accepted_messages_are_asked_about_and_a_404_proves_nothing(rig: Rig) -> None:
    rig.configure(webhooks={"received": True}, backfill={"after": 1.0})
    lane = rig.campaign(3)
    await rig.deliver(lane)
    details = Details()
    desk = Desk(rig.watched, rig.settings, cast(MessageCalls, details), "shop")
    now = rig.store.run(now_ms()) // 1000
    assert (await find_lost(desk, 0, now - 10)).n == 0
    asked = await find_lost(desk, 0, now + 5)
    assert asked.n == len(asked.rows) == 3
    assert (await find_lost(desk, now + 3, now + 4)).n == 0
    found = await carry_out(desk, _ask_details(desk, asked.rows), {"since": 0, "until": 0})
    await apply_inbox(rig.tools)
    seen = report(rig.store, lane)
    assert (found, len(details.asked)) == ({"lost": 1}, 3)
    assert seen is not None
    assert seen.counts == {State.READ: 1, State.ACCEPTED: 2}


async def test_while_another_backfill_runs_the_same_messages_stay_due(rig: Rig) -> None:
    rig.configure(webhooks={"received": True}, backfill={"after": 1.0})
    lane = rig.campaign(3)
    await rig.deliver(lane)
    earlier = rig.store.run(now_ms()) // 1000 - 2
    rig.store.client.setrange(lane_keys(lane).outcome(0), 5, earlier.to_bytes(4, "big"))
    details = Details()
    desk = Desk(rig.watched, rig.settings, cast(MessageCalls, details), "shop")
    rig.store.run(take_backfill("shop"))
    assert (await look_for_lost(desk)).n
    assert not details.asked
    rig.store.run(leave_backfill("shop"))
    rig.store.run(note_backfill("shop", {"tried": 0}))
    await look_for_lost(desk)
    assert details.asked
