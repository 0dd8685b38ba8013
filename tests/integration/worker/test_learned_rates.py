"""A worker learns its rate from receipts and refusals, and sends no faster."""

import json
import time

from chatapps.responses import Refused
from config.sections import SubAccount
from store.limits.learned import (
    Cause,
    Learned,
    keep_learned,
    read_changes,
    read_learned,
    read_signals,
)
from store.limits.signals import flush_signals, read_fields
from store.receipts.inbox import add_to_inbox
from tests.integration.worker.receipts.test_inbox import receipt
from tests.integration.worker.rig import Rig, account
from worker.dispatch.lane_cache import limits_of
from worker.metrics import Meters
from worker.pacing.permits import PermitOffice


def learn(rig: Rig, mode: str = "on", rate: float = 1000) -> None:
    """The rate of the sub-account is learned."""
    rig.configure(sub_accounts={"shop": account(messages_per_second=rate, learn_rate=mode)})
    rig.meters = Meters(rig.settings.learning)


def known(rig: Rig) -> Learned:
    found = rig.store.run(read_learned("shop")).learned
    assert found is not None
    return found


async def throttled(rig: Rig, n: int = 200, of: int = 100) -> None:
    """A campaign of which the number behind the provider refuses a part, by receipt."""
    lane = rig.campaign(n)
    await rig.deliver(lane)
    for index in range(n):
        slow = index < of
        body = json.loads(receipt(f"{lane}.{index}.1", "undelivered" if slow else "sent"))
        if slow:
            body["payload"]["status"]["errorCode"] = 1009
        rig.store.run(add_to_inbox(json.dumps(body).encode()))


async def test_throttle_receipts_lower_the_rate_that_permits_follow(rig: Rig) -> None:
    learn(rig)
    now = int(time.time())
    fast = Learned(1000, since=now - 60, cut_at=now - 60, cut_before=now - 60, used_at=now)
    rig.store.run(keep_learned("shop", rig.store.run(read_learned("shop")), fast))
    counts = {f"p|{now - 9}": 200, f"s|{now - 9}": 200, f"c|{now - 9}|1009": 100}
    rig.store.run(flush_signals("shop", "another process", 1, counts))
    await rig.sweep()
    found = known(rig)
    assert found.cause is Cause.THROTTLED
    assert found.rate == 95
    office = PermitOffice(rig.tools)
    sender = (await rig.claim(rig.campaign(900, "Next"), 1)).lane.sender
    permits = await office.reserve(sender, 900, urgent=False)
    assert office.limits(sender).messages_per_second == 95
    assert permits.n <= 47


async def test_signals_are_counted_at_the_second_of_posting(rig: Rig) -> None:
    learn(rig, "observe")
    before = int(time.time())
    await throttled(rig, 20, 6)
    await rig.sweep()
    await rig.meters.flush(rig.watched)
    fields = rig.store.run(read_signals("shop"))
    found = read_fields(fields, before + 5)
    (second,) = found.posted
    assert before <= second <= before + 5
    assert (found.posted, found.seen) == ({second: 20}, {second: 20})
    assert found.codes == {second: {1009: 6}}


async def test_a_429_and_a_failure_of_the_provider_are_signals(rig: Rig) -> None:
    learn(rig)
    rig.configure(retry={"quick_attempts": 1})
    rig.provider.steps = [Refused(500), Refused(429, 429)]
    for name in ("One", "Two"):
        await rig.deliver(rig.campaign(3, name))
    await rig.meters.flush(rig.watched)
    fields = rig.store.run(read_signals("shop"))
    found = read_fields(fields, int(time.time()))
    assert sum(found.refused.values()) == 1
    assert sum(found.failed.values()) == 1


async def test_an_observed_rate_is_learned_but_not_used(rig: Rig) -> None:
    learn(rig, "observe", 1000)
    await rig.deliver(rig.campaign(3))
    await rig.meters.flush(rig.watched)
    await rig.sweep()
    assert known(rig).rate == 80
    assert limits_of(rig.settings.sub_accounts["shop"]).first_rate == 0


async def test_the_rate_outlives_a_restart(rig: Rig) -> None:
    learn(rig)
    rig.store.run(
        keep_learned("shop", rig.store.run(read_learned("shop")), Learned(33, used_at=9**10))
    )
    rig.meters = Meters(rig.settings.learning)
    await rig.sweep()
    assert known(rig).rate == 33
    assert [change.rate for change in rig.store.run(read_changes("shop", 5))] == [33]


def test_the_mode_follows_from_the_settings() -> None:
    local = SubAccount.model_validate({"base_url": "http://127.0.0.1:8088"})
    assert local.learn_mode == "off"
    assert SubAccount().learn_mode == "on"
    assert SubAccount(messages_per_second=200).learn_mode == "observe"
    assert SubAccount(messages_per_second=200, learn_rate="on").learn_mode == "on"
