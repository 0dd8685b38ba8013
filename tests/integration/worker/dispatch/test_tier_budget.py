"""Campaigns wait for places under the tier of their portfolio; it costs nothing where none is set."""

import time

import pytest

from dashboard.explain import explain_lane, moment
from dashboard.message import explain, message_status_of
from store.client import command
from store.keys import lane_keys
from store.lanes.lane import SPREAD, pace_lane
from store.limits.stops import Stopped, stop_sending
from store.limits.tier import change_tier, read_tiers, read_used
from store.people.service_windows import open_windows
from store.people.suppressions import Why, suppress
from store.queue.settlement import WaitCause
from store.records.job_section import Job, unpack
from store.reports.waiting import waiting
from store.states import State
from tests.integration.worker.rig import Rig, account, until


def configure(rig: Rig, tier: int | None = 100, **more: float) -> None:
    rig.configure(
        sub_accounts={
            "shop": account(tier=tier, portfolio="all", **more),
            "bank": account(tier=tier, portfolio="all", **more),
        }
    )


def used(rig: Rig) -> int:
    return rig.store.run(read_used("all", time.time())).people


async def test_a_campaign_waits_when_its_share_of_the_tier_is_used(rig: Rig) -> None:
    configure(rig)
    lane = rig.campaign(150)
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 97)
    assert rig.counts(lane) == {State.ACCEPTED: 97, State.DELAYED: 53}
    wait = waiting(rig.store, rig.lane(lane))
    assert 24 * 3600 < wait.put_off[WaitCause.TIER].first / 1000 - time.time() < 24.5 * 3600
    assert {1} == set().union(*(post.attempts for post in rig.provider.posts))


async def test_sub_accounts_of_a_portfolio_share_its_tier_and_people(rig: Rig) -> None:
    configure(rig)
    rig_of_bank = rig.campaign(97, sub_account="bank")
    await rig.drain_until(lambda: rig.counts(rig_of_bank).get(State.ACCEPTED) == 97)
    lane = rig.campaign(100, "Summer")
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 97)
    assert rig.counts(lane) == {State.ACCEPTED: 97, State.DELAYED: 3}


async def test_people_with_an_open_window_and_suppressed_ones_take_no_place(rig: Rig) -> None:
    configure(rig)
    numbers = [str(447700900000 + i) for i in range(150)]
    rig.store.run(open_windows("shop", [(one, None) for one in numbers[:40]], written=True))
    rig.store.run(suppress("shop", [(one, None) for one in numbers[40:50]], Why.OPERATOR))
    lane = rig.campaign(150, window="send")
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 137)
    assert rig.counts(lane) == {State.ACCEPTED: 137, State.SKIPPED: 10, State.DELAYED: 3}
    assert used(rig) == 97


async def test_notifications_have_the_reserve_and_urgent_ones_never_wait(rig: Rig) -> None:
    configure(rig, 10, tier_reserve=0.5)
    lane = rig.campaign(20, window="send")
    await rig.drain_until(lambda: rig.counts(lane).get(State.DELAYED) == 15)
    texts = [str(i) for i in range(20)]
    normal = rig.notifications("n-a1b2c3-n250615", texts, window="send")
    await rig.drain_until(lambda: rig.counts(normal).get(State.DELAYED) == 10)
    urgent = rig.notifications("n-a1b2c3-u250615", texts, window="send")
    await rig.drain_until(lambda: rig.counts(urgent).get(State.ACCEPTED) == 20)


async def test_a_tier_that_the_provider_raises_lets_those_go_who_wait(rig: Rig) -> None:
    configure(rig)
    lane = rig.campaign(150)
    async with rig.dispatching():
        await until(lambda: rig.counts(lane).get(State.DELAYED) == 53)
        rig.store.run(change_tier("all", 1000, 100, 1))
        await until(lambda: rig.counts(lane) == {State.ACCEPTED: 150})


async def test_campaigns_that_are_spread_share_the_rate_of_their_tier_by_weight(rig: Rig) -> None:
    configure(rig, 1000)  # campaigns may write to 970 people in 24.5 hours
    lanes = {rig.campaign(9, "Spring"): 3, rig.campaign(9, "Summer", sub_account="bank"): 1}
    for lane, weight in lanes.items():
        rig.store.run(pace_lane(lane, SPREAD, weight))
    rig.configure(sub_accounts={"mill": account(tier=1000, portfolio="all")})
    rig.store.run(pace_lane(rig.campaign(9, "Autumn", sub_account="mill"), SPREAD, 10))
    rig.store.run(stop_sending(Stopped.ALL, "mill", "not now"))  # it takes no part

    def gaps() -> dict[str, float]:
        """ms from the start of each lane to its next turn."""
        fields = {lane: rig.store.client.hgetall(lane_keys(lane).meta) for lane in lanes}
        return {one: float(is_[b"turn"]) - int(is_[b"started_at"]) for one, is_ in fields.items()}

    await rig.drain_until(lambda: all(rig.counts(lane).get(State.ACCEPTED) for lane in lanes))
    first, second = gaps().values()
    assert {len(post.attempts) for post in rig.provider.posts} == {1}
    assert (round(first / 1000), round(second / 1000)) == (121, 364)


async def test_a_campaign_that_is_spread_follows_a_raised_tier_at_once(rig: Rig) -> None:
    configure(rig, 100)  # a person in a quarter of an hour
    lane = rig.campaign(5)
    rig.store.run(pace_lane(lane, SPREAD, None))
    async with rig.dispatching():
        await until(lambda: rig.counts(lane).get(State.ACCEPTED) == 1)
        rig.store.run(change_tier("all", 1_000_000, 100, 1))
        await until(lambda: rig.counts(lane) == {State.ACCEPTED: 5})


@pytest.mark.parametrize("tier", [1000, None])
async def test_a_tier_that_the_settings_raise_or_drop_lets_those_go_who_wait(
    rig: Rig, tier: int | None
) -> None:
    configure(rig)
    lane = rig.campaign(150)
    async with rig.dispatching():
        await until(lambda: rig.counts(lane).get(State.DELAYED) == 53)
    for owner in ("host-2:1:abc", "host-3:1:abc"):
        started_again = Rig(rig.store, rig.url, owner)
        configure(started_again, tier)
        await started_again.drain_until(lambda: rig.counts(lane) == {State.ACCEPTED: 150})
        await started_again.close()
    assert rig.store.run(read_tiers()).revision == 2, "it changes once"


async def test_without_a_tier_nothing_is_asked(rig: Rig) -> None:
    lane = rig.campaign(20)
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 20)
    await rig.sweep()
    assert not {"reserve_places", "change_tier"} & {*rig.watched.ran, *rig.watched.ran_together}


async def test_every_message_that_waits_tells_the_tier_and_the_time(rig: Rig) -> None:
    configure(rig)
    lane = rig.campaign(98)
    await rig.drain_until(lambda: rig.counts(lane).get(State.ACCEPTED) == 97)
    (late,) = [job.index for job in put_off_jobs(rig, lane)]
    status = message_status_of(rig.store, f"{lane}.{late}")
    assert status.scheduled is not None
    due = moment(status.scheduled.at / 1000)
    assert (
        f"waits for the tier: WhatsApp limits how many people are written to in 24 hours (until {due})"
        in (explain(status)[1])
    )
    why = explain_lane(rig.report(lane), waiting(rig.store, rig.lane(lane)))
    assert any("1 message waits for the tier" in one and due in one for one in why)


def put_off_jobs(rig: Rig, lane: str) -> list[Job]:
    keys = lane_keys(lane)
    names = rig.store.run(command("ZRANGE", keys.retries, 0, -1, parse=list))
    blobs = [
        rig.store.run(command("GET", keys.retry(name.decode()), parse=unpack)) for name in names
    ]
    return [job for jobs in blobs for job in jobs]
