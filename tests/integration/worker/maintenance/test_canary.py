"""A canary goes first; the rest follows if it fared well, and else the campaign is paused."""

from dataclasses import replace

import pytest

from chatapps.rendering.compiled import compile_content
from chatapps.responses import NoAnswer
from dashboard.explain import explain_lane
from dashboard.message import explain, message_status_of
from producer.campaigns.load import end_of_file
from store.access.audit import read_audit
from store.lanes.lane import (
    WARM_UP,
    Canary,
    LaneStatus,
    find_lane,
    grow_canary,
    move_lane,
    reopen_lane,
)
from store.lanes.open import CampaignPlan, open_campaign
from store.queue.enqueue import Place, enqueue_rows
from store.queue.settlement import PutOff
from store.receipts.feedback import count_feedback
from store.receipts.status_updates import StatusUpdate, apply_status_updates
from store.records.outcome import Feedback, Origin
from store.reports.waiting import now_ms, waiting
from store.states import State
from tests.integration.worker.rig import MESSAGE, Rig, refuses
from worker.maintenance.canary import tend_canary

N, SIZE = 300, 100


def campaign(rig: Rig, n: int = N, canary: str = f"{SIZE}") -> str:
    """A campaign of 300 people with a canary of 100."""
    content = compile_content(MESSAGE, ["name"])
    plan = CampaignPlan("Spring", "shop", content.dump(), content.digest, "file", canary=canary)
    lane, _ = open_campaign(rig.store, plan)
    for first in range(0, n, 1000):
        end = min(n, first + 1000)
        rows = [b"%d\tGuest %d" % (447700900000 + i, i) for i in range(first, end)]
        rig.store.run(enqueue_rows(lane, Place(first), Place(end, end, end), rows, 0))
    end_of_file(rig.store, find_lane(rig.store, lane), lambda: None)
    return lane


def receipts(rig: Rig, lane: str, failed: int = 0, code: int = 0) -> list[int]:
    """Receipts of all that went out; returns the indexes."""
    sent = sorted(index for post in rig.provider.posts for index in post.indexes)
    updates = [
        StatusUpdate(
            index,
            1,
            State.UNDELIVERED if place < failed else State.DELIVERED,
            1_750_000_000,
            code if place < failed else 0,
            Origin.RECEIPT if code and place < failed else Origin.NONE,
        )
        for place, index in enumerate(sent)
    ]
    for first in range(0, len(updates), 1000):
        rig.store.run(apply_status_updates(lane, updates[first : first + 1000]))
    return sent


def time_is_over(rig: Rig, lane: str) -> None:
    rig.store.client.hset(f"sm:{{{lane}}}:meta", "canary_until", 1)


async def watched(rig: Rig) -> str:
    """A campaign whose canary has gone out."""
    lane = campaign(rig)
    await rig.deliver(lane)
    await rig.sweep()
    assert rig.lane(lane).canary_state is Canary.WATCHED
    return lane


class TestCanary:
    async def test_the_rest_follows_when_it_fared_well(self, rig: Rig) -> None:
        lane = await watched(rig)
        assert rig.counts(lane) == {State.ACCEPTED: SIZE, State.DELAYED: N - SIZE}
        sent = receipts(rig, lane, failed=1)
        await rig.sweep()
        assert rig.lane(lane).canary_state is Canary.WATCHED  # its time is not over
        time_is_over(rig, lane)
        await rig.sweep()
        assert rig.lane(lane).canary_state is Canary.PASSED
        assert sorted(job.index for job in rig.queue(lane)) == sorted({*range(N)} - {*sent})
        await rig.deliver(lane)
        assert rig.lane(lane).status is LaneStatus.FINISHED
        assert rig.counts(lane)[State.ACCEPTED] == N - SIZE
        entry = next(read_audit(rig.store))
        assert (entry.who, entry.act, entry.object) == ("worker", "campaign.canary_pass", "Spring")

    async def test_it_pauses_with_the_reason_when_too_many_failed(self, rig: Rig) -> None:
        lane = await watched(rig)
        receipts(rig, lane, failed=2)
        time_is_over(rig, lane)
        await rig.sweep()
        is_ = rig.lane(lane)
        assert (is_.status, is_.canary_state) == (LaneStatus.PAUSED, Canary.FAILED)
        assert is_.reason.startswith("2 of 100 messages of its canary failed (2.0%)")
        told = " ".join(explain_lane(rig.report(lane), waiting(rig.store, is_)))
        assert is_.reason in told
        assert "campaign resume" in told

    async def test_what_is_refused_or_in_doubt_counts_as_failed(self, rig: Rig) -> None:
        rig.provider.otherwise = refuses(dict.fromkeys(range(N), 1002))
        lane = await watched(rig)
        time_is_over(rig, lane)
        await rig.sweep()
        assert "100 of 100" in rig.lane(lane).reason

    async def test_it_pauses_when_people_opted_out(self, rig: Rig) -> None:
        lane = await watched(rig)
        index = receipts(rig, lane)[3]
        rig.store.run(count_feedback(lane, [(index, Feedback.OPTED_OUT)]))
        time_is_over(rig, lane)
        await rig.sweep()
        assert rig.lane(lane).reason.startswith("1 of 100 people of its canary opted out")

    async def test_it_pauses_when_no_receipt_came(self, rig: Rig) -> None:
        lane = await watched(rig)
        time_is_over(rig, lane)
        await rig.sweep()
        assert rig.lane(lane).reason.startswith("no receipt has come")

    async def test_a_person_lets_the_rest_go_or_cancels_it(self, rig: Rig) -> None:
        lane = await watched(rig)
        time_is_over(rig, lane)
        await rig.sweep()
        assert rig.store.run(move_lane(lane, "resume")) == (True, LaneStatus.SENDING)
        await rig.sweep()
        assert len(rig.queue(lane)) == N - SIZE
        rig.store.run(move_lane(lane, "cancel"))
        await rig.sweep()
        assert rig.counts(lane) == {State.ACCEPTED: SIZE, State.CANCELLED: N - SIZE}

    async def test_cancelling_a_held_campaign_ends_all_of_it(self, rig: Rig) -> None:
        lane = await watched(rig)
        rig.store.run(move_lane(lane, "cancel"))
        await rig.sweep()
        assert rig.counts(lane) == {State.ACCEPTED: SIZE, State.CANCELLED: N - SIZE}
        assert rig.lane(lane).status is LaneStatus.CANCELLED

    async def test_a_pause_of_a_person_neither_judges_nor_skips_it(self, rig: Rig) -> None:
        lane = await watched(rig)
        receipts(rig, lane)
        rig.store.run(move_lane(lane, "pause", "by an operator"))
        time_is_over(rig, lane)
        await rig.sweep()
        assert rig.lane(lane).canary_state is Canary.WATCHED
        rig.store.run(move_lane(lane, "resume"))
        assert rig.lane(lane).canary_state is Canary.WATCHED
        assert rig.store.run(move_lane(lane, "resume")) == (True, LaneStatus.SENDING)
        assert rig.lane(lane).canary_state is Canary.PASSED

    async def test_a_waiting_message_tells_until_when(self, rig: Rig) -> None:
        lane = await watched(rig)
        waits = next(i for i in range(N) if i not in rig.provider.posts[0].indexes)
        told = " ".join(explain(message_status_of(rig.store, f"{lane}.{waits}")))
        assert "waits for the outcome of the canary (decided at " in told
        assert "2100" not in " ".join(
            explain_lane(rig.report(lane), waiting(rig.store, rig.lane(lane)))
        )

    @pytest.mark.parametrize("passed", [False, True])
    async def test_people_who_are_added_wait_with_the_rest(self, rig: Rig, passed: bool) -> None:
        lane = await watched(rig)
        if passed:
            rig.store.run(move_lane(lane, "resume"))
        assert rig.store.run(reopen_lane(lane, "more")) == "ok"
        rig.store.run(enqueue_rows(lane, Place(), Place(1, 1, 1), [b"447700990000\tX"], 0))
        assert len(rig.queue(lane)) == passed

    async def test_it_is_not_watched_while_people_of_it_wait_for_their_hours(
        self, rig: Rig
    ) -> None:
        lane = campaign(rig)
        batch = await rig.claim(lane)
        waits = [PutOff(job, 4_000_000_000) for job in batch.jobs[:10]]
        await rig.delivery().deliver(replace(batch, jobs=batch.jobs[10:], put_off=waits))
        await rig.sweep()
        assert rig.counts(lane)[State.ACCEPTED] == SIZE - 10
        assert rig.lane(lane).canary_state is Canary.SENDING
        rig.store.client.zadd(f"sm:{{{lane}}}:retries", {"q4000000000-0-0": 0})
        await rig.sweep()
        await rig.deliver(lane)
        await rig.sweep()
        assert rig.lane(lane).canary_state is Canary.WATCHED


PEOPLE = 6000


async def out(rig: Rig, lane: str) -> None:
    """All that is queued goes out, and is watched."""
    await rig.sweep()
    while rig.queue(lane):
        await rig.deliver(lane)
    await rig.sweep()


class TestWarmUp:
    async def test_500_go_then_2000_then_all(self, rig: Rig) -> None:
        lane = campaign(rig, PEOPLE, WARM_UP)
        await out(rig, lane)
        is_ = rig.lane(lane)
        assert (is_.canary_state, is_.canary_size) == (Canary.WATCHED, 500)
        assert rig.counts(lane) == {State.ACCEPTED: 500, State.DELAYED: PEOPLE - 500}
        told = " ".join(explain_lane(rig.report(lane), waiting(rig.store, is_)))
        assert "Its warm-up of 500 messages has gone out; 2,000 more follow at" in told
        receipts(rig, lane)
        time_is_over(rig, lane)
        await rig.sweep()
        assert rig.lane(lane).canary_state is Canary.SENDING
        await out(rig, lane)
        is_ = rig.lane(lane)
        assert is_.canary_state is Canary.WATCHED
        assert 2000 < is_.canary_size <= 2500
        assert rig.counts(lane)[State.DELAYED] == PEOPLE - is_.canary_size
        told = " ".join(explain_lane(rig.report(lane), waiting(rig.store, is_)))
        assert "messages has gone out; the rest follows at" in told
        time_is_over(rig, lane)
        await rig.sweep()
        assert rig.lane(lane).canary_state is Canary.PASSED
        await out(rig, lane)
        assert rig.lane(lane).status is LaneStatus.FINISHED

    @pytest.mark.parametrize(("code", "passes"), [(1018, True), (1024, False), (1051, False)])
    async def test_receipts_that_people_do_not_want_it_count_and_others_do_not(
        self, rig: Rig, code: int, passes: bool
    ) -> None:
        lane = campaign(rig, PEOPLE, WARM_UP)
        await out(rig, lane)
        receipts(rig, lane, failed=25, code=code)
        time_is_over(rig, lane)
        await rig.sweep()
        is_ = rig.lane(lane)
        assert (is_.canary_state is Canary.SENDING) is passes
        reason = (
            "25 of 500 messages of its warm-up were withheld, unwanted or spam (5.0%); below 5%"
        )
        assert is_.reason.startswith(reason) is not passes

    async def test_without_receipts_it_is_paused(self, rig: Rig) -> None:
        lane = campaign(rig, PEOPLE, WARM_UP)
        await out(rig, lane)
        time_is_over(rig, lane)
        await rig.sweep()
        assert rig.lane(lane).reason.startswith("no receipt has come")

    async def test_few_people_get_it_at_once(self, rig: Rig) -> None:
        lane = campaign(rig, N, WARM_UP)
        await rig.deliver(lane)
        assert rig.lane(lane).status is LaneStatus.FINISHED

    async def test_its_second_part_is_not_watched_before_it_is_queued(self, rig: Rig) -> None:
        lane = campaign(rig, PEOPLE, WARM_UP)
        await out(rig, lane)
        receipts(rig, lane)
        time_is_over(rig, lane)
        now = rig.store.run(now_ms())
        await tend_canary(rig.tools, rig.lane(lane), now)  # the worker ends just after that
        await rig.sweep()
        assert rig.queue(lane)
        assert rig.lane(lane).canary_state is Canary.SENDING

    async def test_where_no_one_waits_for_it_nothing_is_judged(self, rig: Rig) -> None:
        rig.provider.steps = [NoAnswer("ReadTimeout")]
        lane = campaign(rig, N, WARM_UP)
        rig.store.client.hset(f"sm:{{{lane}}}:meta", "settle_after", 3600)
        await rig.deliver(lane)
        for _ in range(2):
            await rig.sweep()
            time_is_over(rig, lane)
        is_ = rig.lane(lane)
        assert rig.counts(lane) == {State.IN_DOUBT: N}
        assert (is_.status, is_.canary_state) == (LaneStatus.SENDING, Canary.SENDING)
        assert "warm-up" not in " ".join(explain_lane(rig.report(lane), waiting(rig.store, is_)))

    async def test_a_pause_of_a_person_is_not_overruled(self, rig: Rig) -> None:
        lane = campaign(rig, PEOPLE, WARM_UP)
        await out(rig, lane)
        rig.store.run(move_lane(lane, "pause", "by an operator"))
        assert not rig.store.run(grow_canary(lane, 1500, ["c0"]))
        assert rig.lane(lane).canary_size == 500
