"""Unconfirmed messages are kept, and resent only by an operator's decision."""

import pytest

from chatapps.responses import NoAnswer, Refused
from store.client import command
from store.lanes.lane import LaneStatus
from store.queue.dead_letters import REVIVABLE, Word, settle_dead_letters
from store.queue.settlement import mark_posting
from store.receipts.status_updates import StatusUpdate, apply_status_updates
from store.records.job_section import Job
from store.records.outcome import LocalReason
from store.reports.messages import list_dead_letters
from store.states import State
from store.workers.presence import active_lanes, forget_active
from tests.conformance import given
from tests.integration.worker.rig import Rig, refuses, taken

UNKNOWN = (State.UNCONFIRMED,)


def resend(rig: Rig, lane: str) -> int:
    """An operator has what is unconfirmed sent again; returns how many."""
    return settle_dead_letters(rig.store, rig.lane(lane), Word.RESEND, UNKNOWN).jobs


async def unknown(rig: Rig, lane: str) -> None:
    """The lane's messages are posted without an answer, and held."""
    rig.provider.steps = [NoAnswer("reset")]
    await rig.deliver(lane)
    rig.due(lane)
    await rig.sweep()


async def test_an_in_doubt_batch_that_is_held_is_sent_again_on_an_operators_decision(
    rig: Rig,
) -> None:
    lane = rig.campaign(3)
    await unknown(rig, lane)
    assert rig.counts(lane) == {State.UNCONFIRMED: 3}
    assert rig.lane(lane).status is LaneStatus.FINISHED
    assert rig.dead(lane) == [(b"local:2", [Job(i, 1, line, 1) for i, line in lines(3)])]
    await rig.sweep()
    assert rig.store.run(active_lanes()) == []

    assert resend(rig, lane) == 3
    assert rig.store.run(active_lanes()) == [lane]
    await rig.drain_until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
    assert [post.attempts for post in rig.provider.posts] == [{1}, {2}]
    assert rig.counts(lane) == {State.ACCEPTED: 3}
    found = rig.message(lane, 1)
    assert found.outcome is not None
    assert found.outcome.attempts == 2
    assert [entry.split(" ")[:3] for entry in found.attempt_log] == [
        ["1", "local", "2"], ["1", "local", "5"],
    ]  # fmt: skip


def lines(n: int) -> list[tuple[int, bytes]]:
    return [(i, b"%d\tGuest %d" % (447700900000 + i, i)) for i in range(n)]


async def test_what_is_held_for_a_server_error_is_kept_too(rig: Rig) -> None:
    lane = rig.campaign(4, on_server_error="hold")
    rig.provider.steps = [refuses({1: 2000, 2: 2000}), Refused(500), taken]
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.ACCEPTED: 2, State.UNCONFIRMED: 2}
    assert [(reason, given.indexes(jobs)) for reason, jobs in rig.dead(lane)] == [
        (b"api:2000", [1, 2])
    ]
    for _ in range(2):
        assert resend(rig, lane) == 2
        await rig.deliver(lane)
    assert [post.ids for post in rig.provider.posts[1:]] == [
        [f"{lane}.1.2", f"{lane}.2.2"],
        [f"{lane}.1.3", f"{lane}.2.3"],
    ]
    assert rig.counts(lane) == {State.ACCEPTED: 4}
    assert [entry.split(" ")[:3] for entry in rig.message(lane, 2).attempt_log] == [
        ["1", "api", "2000"], ["1", "local", "5"], ["2", "http", "500"], ["2", "local", "5"],
    ]  # fmt: skip


async def test_a_lost_batch_leaves_its_attempts_in_the_attempt_log(rig: Rig) -> None:
    lane = rig.campaign(2)
    batch = await rig.claim(lane)
    for request in (1, 2):
        mark = mark_posting(
            lane, batch.id, owner=rig.owner, request=request, messages=2, lease_ms=60_000
        )
        rig.store.run(mark)
    rig.due(lane)
    await rig.sweep()
    await rig.sweep()
    assert rig.dead(lane) == [(b"local:4", [Job(i, 2, line, 1) for i, line in lines(2)])]
    assert resend(rig, lane) == 2
    await rig.deliver(lane)
    assert rig.provider.posts[0].ids == [f"{lane}.0.3", f"{lane}.1.3"]
    lost = str(int(LocalReason.WORKER_LOST))
    attempt_log = [entry.split(" ") for entry in rig.message(lane, 0).attempt_log]
    assert [entry[:3] for entry in attempt_log] == [
        ["1", "local", lost], ["2", "local", lost], ["2", "local", "5"],
    ]  # fmt: skip
    assert [entry[4] for entry in attempt_log] == [batch.id, batch.id, "operator"]


async def test_a_batch_that_was_resent_by_policy_leaves_its_attempts_in_the_attempt_log(
    rig: Rig,
) -> None:
    rig.resend_at_once()
    lane = rig.campaign(1, on_unconfirmed="resend")
    batch = await rig.claim(lane)
    rig.store.run(
        mark_posting(lane, batch.id, owner=rig.owner, request=1, messages=1, lease_ms=60_000)
    )
    rig.due(lane)
    await rig.sweep()
    await rig.sweep()
    await rig.deliver(lane)
    (entry,) = rig.message(lane, 0).attempt_log
    assert entry.split(" ")[:3] == ["1", "local", "4"]


async def test_what_has_no_attempt_left_has_one_more_and_is_kept_again(rig: Rig) -> None:
    rig.configure(retry={"max_attempts": 1, "quick_attempts": 1})
    lane = rig.campaign(1)
    rig.provider.otherwise = Refused(503)
    await rig.deliver(lane)
    assert rig.counts(lane) == {State.FAILED: 1}
    assert settle_dead_letters(rig.store, rig.lane(lane), Word.RESEND, REVIVABLE).jobs == 1
    await rig.deliver(lane)
    assert [post.attempts for post in rig.provider.posts] == [{1}, {2}]
    assert rig.counts(lane) == {State.FAILED: 1}
    assert [job.attempts for _, jobs in rig.dead(lane) for job in jobs] == [2]


async def test_status_updates_that_comes_after_the_word_still_stops_the_message(rig: Rig) -> None:
    lane = rig.campaign(2)
    await unknown(rig, lane)
    assert resend(rig, lane) == 2
    rig.store.run(apply_status_updates(lane, [StatusUpdate(0, 1, State.FORWARDED, given.NOW)]))
    await rig.drain_until(lambda: rig.lane(lane).status is LaneStatus.FINISHED)
    assert [post.indexes for post in rig.provider.posts[1:]] == [[1]]
    assert rig.counts(lane) == {State.FORWARDED: 1, State.ACCEPTED: 1}


async def test_a_word_that_comes_while_the_sweep_retires_the_lane_is_not_forgotten(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = rig.campaign(2)
    await unknown(rig, lane)

    def word_comes_first(lane_id: str) -> object:
        assert resend(rig, lane_id) == 2
        return forget_active(lane_id)

    monkeypatch.setattr("worker.maintenance.due_lanes.forget_active", word_comes_first)
    await rig.sweep()
    assert rig.store.run(active_lanes()) == [lane]
    assert rig.store.run(command("ZCARD", "sm:ready", parse=int)) == 1


async def test_the_doubts_of_a_cancelled_lane_can_be_listed(rig: Rig) -> None:
    lane = rig.campaign(2, on_unconfirmed="resend", settle_after=60)
    rig.provider.steps = [NoAnswer("reset")]
    await rig.deliver(lane)
    rig.store.run(command("HSET", f"sm:{{{lane}}}:meta", "status", "cancelling", parse=int))
    rig.due(lane)
    await rig.sweep()
    assert rig.lane(lane).status is LaneStatus.CANCELLED
    assert [one.index for one in list_dead_letters(rig.store, lane, UNKNOWN)] == [0, 1]
