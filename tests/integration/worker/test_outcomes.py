"""The outcome stream of a running worker: complete, once, and nothing without a reader."""

from store.errors import StoreUnavailable
from store.keys import OUTCOMES, lane_keys, outcome_stream
from store.lanes.lane import move_lane
from store.outcomes.stream import Position, begin_of_stream, end_of_stream, want_outcomes
from store.plans import carry_out
from store.receipts.status_updates import StatusUpdate, apply_status_updates
from store.reports.outcomes import OutcomeEvent, outcomes_after
from store.states import State
from tests.integration.worker.rig import Rig, refuses, until
from worker.outcomes import SURVEY_SECONDS, Outcomes


def news(rig: Rig, most: int = 10_000, after: Position | None = None) -> list[OutcomeEvent]:
    """All changes that are kept, read so many at a time."""
    position, found = after or rig.store.run(begin_of_stream("shop")), list[OutcomeEvent]()
    while True:
        plan = outcomes_after("shop", position, most, with_numbers=True)
        page = carry_out(rig.store, plan)
        assert not page.gap
        if not page.items:
            return found
        position = page.items[-1][0]
        found += [item for _, item in page.items]


def told(items: list[OutcomeEvent]) -> list[tuple[str, str]]:
    """Type and id of changes."""
    return [(item.type, item.id) for item in items]


async def surveyed(rig: Rig) -> None:
    """A sweep that looks at all lanes."""
    rig.ahead += SURVEY_SECONDS + 1
    await rig.sweep()


async def test_a_reader_gets_each_change_with_number_and_provider_id(rig: Rig) -> None:
    want_outcomes(rig.store, "shop")
    rig.provider.otherwise = refuses({1: 1002})
    lane = rig.campaign(3)
    async with rig.dispatching():
        await rig_until(rig, 4)
    rig.store.run(apply_status_updates(lane, [StatusUpdate(0, 1, State.READ, 1_800_000_000)]))
    await surveyed(rig)
    items = news(rig)
    assert told(items) == [
        ("message.accepted", f"{lane}.0"),
        ("message.rejected", f"{lane}.1"),
        ("message.accepted", f"{lane}.2"),
        ("campaign.finished", lane),
        ("message.read", f"{lane}.0"),
    ]
    refused, read = items[1], items[4]
    assert (refused.origin, refused.code, refused.attempts) == ("api", 1002, 1)
    assert refused.number == "+447700900001"
    assert (read.umid, read.at) == ("5c1a7a4c-0000-4000-8000-000000000000", "2027-01-15T08:00:00Z")
    assert (read.campaign, read.state, read.code) == ("Spring", State.READ, None)
    assert items[0].seq < read.seq
    assert told(news(rig, most=1)) == told(items)


async def rig_until(rig: Rig, n: int) -> None:
    """Wait until so many changes are in the stream."""
    await until(lambda: len(news(rig)) >= n)


async def test_what_a_worker_wrote_and_did_not_collect_is_collected_by_the_survey(rig: Rig) -> None:
    want_outcomes(rig.store, "shop")
    lane = rig.campaign(2)
    await rig.deliver(lane)
    assert news(rig) == []
    await surveyed(rig)
    await surveyed(rig)
    assert [kind for kind, _ in told(news(rig))] == [*2 * ["message.accepted"], "campaign.finished"]
    assert rig.store.client.xlen(lane_keys(lane).outbox) == 0


async def test_a_lost_reply_does_not_double_a_change(rig: Rig) -> None:
    want_outcomes(rig.store, "shop")
    lane = rig.campaign(2)
    await rig.deliver(lane)
    collector = Outcomes()
    await collector.collect_written(rig.watched)
    collector.note(lane)
    rig.watched.after["collect_outcomes"] = [StoreUnavailable("the reply was lost")]
    for _ in range(2):
        try:
            await collector.collect_written(rig.watched)
        except StoreUnavailable:
            assert len(news(rig)) == 3
    assert len(news(rig)) == 3


async def test_a_campaign_that_stops_is_told_with_the_reason(rig: Rig) -> None:
    lane = rig.campaign(2)
    want_outcomes(rig.store, "shop")
    rig.store.run(move_lane(lane, "stop", "the template is paused"))
    await surveyed(rig)
    (item,) = news(rig)
    assert (item.type, item.id, item.reason) == ("campaign.halted", lane, "the template is paused")


async def test_lanes_of_a_stream_that_is_not_wanted_any_more_write_nothing(rig: Rig) -> None:
    want_outcomes(rig.store, "shop")
    lane = rig.campaign(2)
    rig.store.client.zadd(OUTCOMES, {"shop": 1})
    await surveyed(rig)
    await rig.deliver(lane)
    await surveyed(rig)
    assert rig.store.client.exists(OUTCOMES, lane_keys(lane).outbox, *outcome_stream("shop")) == 0


async def test_a_lane_that_was_opened_while_the_stream_began_is_followed_by_the_survey(
    rig: Rig,
) -> None:
    want_outcomes(rig.store, "shop")
    lane = rig.campaign(2)
    rig.store.client.hdel(lane_keys(lane).meta, "outcomes")
    await surveyed(rig)
    begin = rig.store.run(end_of_stream("shop"))
    await rig.deliver(lane)
    await surveyed(rig)
    assert len(news(rig, after=begin)) == 3
