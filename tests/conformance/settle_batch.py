"""settle_batch: what became of every message of a batch, written in one step."""

import pytest

from store.client import Store, command
from store.errors import StoreRefused
from store.keys import AUDIT, lane_keys
from store.lanes.lane import LaneStatus, find_lane, move_lane, read_status
from store.queue.dead_letters import DeadLetters
from store.queue.settlement import (
    InDoubtBatch,
    RetryBatch,
    Settlement,
    attempt_log_entries,
    mark_posting,
    recover_expired,
    settle_batch,
)
from store.records.job_section import Job, unpack
from store.records.outcome import Origin
from store.reports.lane_report import long_ids, message_report, outcomes, report
from store.states import State
from tests.conformance import given


def mixed(jobs: list[Job]) -> Settlement:
    """One of everything, for a batch of ten; two rejected, the first three accepted."""
    tried = [Job(job.index, job.attempts + 1, job.line) for job in jobs]
    what = given.ended(State.ACCEPTED, jobs[:3])
    what.records += given.records(State.REJECTED, jobs[3:5], (Origin.API, 3005))
    what.records += given.records(State.TRIED, jobs[5:8])
    what.records += given.records(State.FAILED, jobs[8:9], (Origin.HTTP, 503), other_attempt=True)
    for state, n in ((State.REJECTED, 2), (State.DELAYED, 2), (State.IN_DOUBT, 1),
                     (State.FAILED, 1), (State.QUEUED, 1)):  # fmt: skip
        what.add(state, n)
    what.retries = [RetryBatch("b1", 60_000, tried[5:7])]
    what.in_doubt_batches = [InDoubtBatch("b1p", 60_000, tried[7:8])]
    what.dead = [DeadLetters("api:2000", tried[8:9])]
    what.back = jobs[9:]
    what.count_retried({(Origin.HTTP, 503): 2})
    what.attempt_logs = list(attempt_log_entries(jobs[5:8], "1 http 503 1750000000 b1"))
    what.long_ids = [(3, b"GB.1349120865530274")]
    return what


READERS = {
    b"string": ("GET",),
    b"list": ("LRANGE", 0, -1),
    b"hash": ("HGETALL",),
    b"set": ("SMEMBERS",),
    b"zset": ("ZRANGE", 0, -1, "WITHSCORES"),
}


def everything(store: Store) -> dict[bytes, object]:
    """The whole of Redis but for the audit trail, to show that nothing has changed."""
    found: dict[bytes, object] = {}
    for name in store.run(command("KEYS", "*", parse=list[bytes])):
        if name == AUDIT.encode():
            continue
        verb, *words = READERS[store.run(command("TYPE", name, parse=bytes))]
        found[name] = store.run(command(str(verb), name, *words, parse=lambda reply: reply))
    return found


class TestSettleBatch:
    def test_every_list_goes_where_it_belongs(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store)
        settled = given.settle(store, lane, claim, mixed(claim.jobs))
        keys = lane_keys(lane)
        assert (settled.verdict, settled.status) == ("ok", LaneStatus.SENDING)
        figures = report(store, lane)
        assert figures.counts == {
            State.ACCEPTED: 3, State.REJECTED: 2, State.DELAYED: 2, State.IN_DOUBT: 1,
            State.FAILED: 1, State.QUEUED: 1,
        }  # fmt: skip
        assert (figures.sent, figures.open, figures.done) == (3, 4, 6)
        assert figures.codes == {"rejected:api:3005": 2, "failed:http:503": 1}
        assert figures.stats == {"retried": 2, "retried:http:503": 2, "doubt:failed": 1}
        assert (figures.retries, figures.doubts) == ({"http:503": 2}, {State.FAILED: 1})
        assert not store.client.exists(keys.claimed_batch("b1"))
        assert store.client.zcard(keys.claimed_batches) == 0
        (dead,) = store.run(command("LRANGE", keys.dead, 0, -1, parse=list[bytes]))
        reason, _, blob = dead.partition(b"\n")
        assert (reason, unpack(blob)) == (b"api:2000", [Job(8, 1, given.numbers(9)[8])])
        assert long_ids(store, lane, 3) == {3: "GB.1349120865530274"}
        assert message_report(store, f"{lane}.6").attempt_log == ("1 http 503 1750000000 b1",)
        assert given.balanced(store, lane)

    def test_records_say_what_became_of_each(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store)
        given.settle(store, lane, claim, mixed(claim.jobs))
        found = {outcome.index: outcome for outcome in outcomes(store, lane)}
        assert [found[i].state for i in range(9)] == [
            *[State.ACCEPTED] * 3, *[State.REJECTED] * 2, *[State.TRIED] * 3, State.FAILED,
        ]  # fmt: skip
        assert 9 not in found
        assert found[4].number == "447700900004"
        assert found[4].changed_at == given.NOW

    def test_what_goes_back_is_claimed_next(self, store: Store) -> None:
        lane = given.loaded(store, 10)
        claim = given.claim(store, lane, most=4)
        back = Settlement({State.QUEUED: 4}, back=claim.jobs)
        given.settle(store, lane, claim, back)
        assert given.indexes(given.claim(store, lane, "b2", most=6).jobs) == [0, 1, 2, 3, 4, 5]

    def test_records_reach_over_several_strings(self, store: Store) -> None:
        lane = given.campaign(store)
        people = [b"GB.%d\tA" % i for i in range(1500)]
        given.add(store, lane, people[:800], 0, 800)
        given.add(store, lane, people[800:], 800, 1500)
        store.run(move_lane(lane, "cancel"))
        store.client.hset(lane_keys(lane).meta, "status", "sending")
        claim = given.claim(store, lane, most=1500)
        what = given.ended(State.ACCEPTED, claim.jobs)
        assert len(what.records) == 2
        assert given.settle(store, lane, claim, what).status is LaneStatus.FINISHED
        assert [outcome.index for outcome in outcomes(store, lane)] == list(range(1500))

    def test_a_campaign_finishes_with_its_last_message(self, store: Store) -> None:
        lane = given.loaded(store, 10)
        first, last = given.claim(store, lane, most=6), given.claim(store, lane, "b2")
        landed = given.settle(store, lane, first, given.ended(State.REJECTED, first.jobs))
        assert landed.status is LaneStatus.SENDING
        landed = given.settle(store, lane, last, given.ended(State.ACCEPTED, last.jobs), "b2")
        assert landed.status is LaneStatus.FINISHED
        assert find_lane(store, lane).finished_at > 0

    def test_a_notification_lane_does_not_finish(self, store: Store) -> None:
        lane = given.notifications(store)
        assert store.run(read_status(lane)) is LaneStatus.SENDING

    def test_a_reason_to_stop_stops_the_lane(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store)
        what = Settlement({State.QUEUED: 10}, back=claim.jobs, stop="no such template")
        assert given.settle(store, lane, claim, what).status is LaneStatus.STOPPED
        assert find_lane(store, lane).reason == "no such template"

    def test_a_pause_is_not_overridden_by_a_stop(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store)
        store.run(move_lane(lane, "pause", "by hand"))
        what = Settlement({State.QUEUED: 10}, back=claim.jobs, stop="no such template")
        assert given.settle(store, lane, claim, what).status is LaneStatus.PAUSED
        assert find_lane(store, lane).reason == "by hand"


class TestRefusedFigures:
    @pytest.mark.parametrize("n", [9, 11])
    def test_figures_that_are_not_the_size_of_the_batch_change_nothing(
        self, store: Store, n: int
    ) -> None:
        lane, claim = given.claimed_batch(store)
        people = [Job(i, 0, b"447700900001") for i in range(n)]
        before = everything(store)
        with pytest.raises(StoreRefused, match="do not add up"):
            store.run(settle_batch(lane, "b1", n, "ann", given.ended(State.ACCEPTED, people)))
        with pytest.raises(StoreRefused, match="do not add up"):
            store.run(settle_batch(lane, "b1", 10, "ann", given.ended(State.ACCEPTED, people)))
        with pytest.raises(StoreRefused, match="do not add up"):
            store.run(settle_batch(lane, "b1", n, "ann", given.ended(State.ACCEPTED, claim.jobs)))
        assert everything(store) == before

    def test_a_script_takes_no_negative_figures(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store)
        what = given.ended(State.ACCEPTED, claim.jobs)
        what.counts = {State.ACCEPTED: 11, State.REJECTED: -1}
        before = everything(store)
        with pytest.raises(StoreRefused, match="do not add up"):
            given.settle(store, lane, claim, what)
        assert everything(store) == before

    def test_every_list_is_held_against_the_counts(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store)
        jobs = claim.jobs
        for what in (
            Settlement({State.ACCEPTED: 10}),
            Settlement({State.QUEUED: 10}, back=jobs[:9]),
            Settlement({State.DELAYED: 10}, retries=[RetryBatch("b1", 1, jobs[:9])]),
            Settlement({State.IN_DOUBT: 10}, in_doubt_batches=[InDoubtBatch("b1p", 1, jobs[:9])]),
            Settlement({State.IN_FLIGHT: 10}),
            Settlement({State.ACCEPTED: 10}, given.records(State.ACCEPTED, jobs), back=jobs[:1]),
            Settlement({State.ACCEPTED: 10}, given.records(State.TRIED, jobs)),
        ):
            with pytest.raises(StoreRefused, match="do not add up"):
                settle_batch(lane, "b1", 10, "ann", what)


class TestRepeatedAndLost:
    def test_a_repeat_answers_the_first_result_and_does_nothing(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store)
        first = given.settle(store, lane, claim, mixed(claim.jobs))
        before = everything(store)
        again = given.settle(store, lane, claim, mixed(claim.jobs))
        assert (again.verdict, again.revision, again.status) == (
            "repeat",
            first.revision,
            first.status,
        )
        assert not again.lost
        assert everything(store) == before

    def test_another_settlement_of_the_same_batch_is_no_repeat(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store)
        given.settle(store, lane, claim, mixed(claim.jobs))
        other = given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        assert (other.verdict, other.status) == ("lost", LaneStatus.SENDING)

    def test_the_answers_are_forgotten_after_a_while(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store)
        given.settle(store, lane, claim, mixed(claim.jobs))
        done = lane_keys(lane).done("in_flight:b1")
        assert 0 < store.client.pttl(done) <= 600_000

    def test_a_batch_that_was_taken_back_is_lost_and_stays_as_it_is(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store)
        given.lease_ran_out(store, lane)
        store.run(recover_expired(lane, settle_after_ms=0))
        before = everything(store)
        settled = given.settle(store, lane, claim, mixed(claim.jobs))
        assert settled.lost
        assert settled.status is LaneStatus.SENDING
        assert everything(store) == before

    def test_the_batch_of_somebody_else_is_not_ours_to_settle(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store)
        before = everything(store)
        call = settle_batch(lane, "b1", 10, "bob", mixed(claim.jobs))
        assert store.run(call).lost
        assert everything(store) == before

    def test_a_batch_that_never_was_is_lost(self, store: Store) -> None:
        what = Settlement({State.QUEUED: 1}, back=[Job(0, 0, b"447700900001")])
        settled = store.run(settle_batch("spring-000000", "b1", 1, "ann", what))
        assert (settled.lost, settled.status) == (True, LaneStatus.GONE)
        assert store.client.keys("*") == []

    def test_a_late_settlement_of_a_posted_batch_is_not_lost_while_nobody_took_it(
        self, store: Store
    ) -> None:
        lane, claim = given.claimed_batch(store)
        mark = mark_posting(lane, "b1", owner="ann", request=1, messages=10, lease_ms=1)
        store.run(mark)
        given.lease_ran_out(store, lane)
        assert given.settle(store, lane, claim, mixed(claim.jobs)).verdict == "ok"
