"""In-doubt batches: messages that were posted and have no answer that can be trusted."""

import pytest

from store.client import Store
from store.errors import StoreRefused
from store.keys import lane_keys
from store.lanes.lane import LaneStatus
from store.queue.settlement import (
    InDoubt,
    InDoubtBatch,
    Recovered,
    Settlement,
    due_in_doubt,
    mark_posting,
    read_in_doubt,
    recover_expired,
    settle_in_doubt,
)
from store.records.job_section import Job
from store.states import State
from tests.conformance import given


def in_doubt(store: Store, n: int = 4, *, delay_ms: int = 0) -> tuple[str, list[Job]]:
    """A campaign all of whose messages are in doubt, each with one attempt used up."""
    lane = given.loaded(store, n)
    claim = given.claim(store, lane)
    jobs = [Job(job.index, 1, job.line) for job in claim.jobs]
    what = Settlement({State.IN_DOUBT: n}, given.records(State.TRIED, jobs))
    what.in_doubt_batches = [InDoubtBatch("b1p", delay_ms, jobs)]
    given.settle(store, lane, claim, what)
    return lane, jobs


class TestInDoubt:
    def test_an_in_doubt_batch_keeps_its_jobs(self, store: Store) -> None:
        lane, jobs = in_doubt(store)
        assert store.run(read_in_doubt(lane, "b1p")) == InDoubt("b1p", 0, jobs)
        assert given.counts(store, lane) == {State.IN_DOUBT: 4}
        assert given.balanced(store, lane)

    def test_an_in_doubt_batch_is_due_when_the_time_for_status_updates_is_over(
        self, store: Store
    ) -> None:
        lane, _ = in_doubt(store, delay_ms=5000)
        due = int(store.client.zscore(lane_keys(lane).in_doubt, "b1p") or 0)
        assert store.run(due_in_doubt(lane, due - 1)) == []
        assert store.run(due_in_doubt(lane, due)) == ["b1p"]
        assert store.run(due_in_doubt(lane, "+inf")) == ["b1p"]

    def test_an_in_doubt_batch_that_is_held_ends_unknown(self, store: Store) -> None:
        lane, jobs = in_doubt(store)
        settled = store.run(settle_in_doubt(lane, "b1p", 4, given.ended(State.UNCONFIRMED, jobs)))
        assert (settled.verdict, settled.status) == ("ok", LaneStatus.FINISHED)
        assert given.counts(store, lane) == {State.UNCONFIRMED: 4}
        assert store.run(read_in_doubt(lane, "b1p")) is None
        assert store.run(due_in_doubt(lane, "+inf")) == []
        assert given.balanced(store, lane)

    def test_an_in_doubt_batch_that_is_resent_is_queued_with_its_attempts(
        self, store: Store
    ) -> None:
        lane, jobs = in_doubt(store)
        store.run(settle_in_doubt(lane, "b1p", 4, Settlement({State.QUEUED: 4}, back=jobs)))
        assert given.claim(store, lane, "b2").jobs == jobs
        assert given.balanced(store, lane)

    def test_ending_an_in_doubt_batch_twice_is_done_once(self, store: Store) -> None:
        lane, jobs = in_doubt(store)
        call = settle_in_doubt(lane, "b1p", 4, Settlement({State.QUEUED: 4}, back=jobs))
        first, again = store.run(call), store.run(call)
        assert (again.verdict, again.revision) == ("repeat", first.revision)
        assert given.counts(store, lane) == {State.QUEUED: 4}

    def test_figures_that_are_not_the_size_of_the_in_doubt_batch_are_refused(
        self, store: Store
    ) -> None:
        lane, jobs = in_doubt(store)
        with pytest.raises(StoreRefused, match="do not add up"):
            store.run(settle_in_doubt(lane, "b1p", 3, given.ended(State.UNCONFIRMED, jobs[:3])))
        assert given.counts(store, lane) == {State.IN_DOUBT: 4}

    def test_an_answer_that_comes_late_ends_the_in_doubt_batch_of_its_batch(
        self, store: Store
    ) -> None:
        lane = given.loaded(store, 4)
        claim = given.claim(store, lane)
        store.run(mark_posting(lane, "b1", owner="ann", request=1, messages=4, lease_ms=1))
        given.lease_ran_out(store, lane)
        assert store.run(recover_expired(lane, settle_after_ms=9000)) == Recovered(in_doubt=4)
        answer = given.ended(State.ACCEPTED, claim.jobs)
        assert given.settle(store, lane, claim, answer).lost
        assert store.run(settle_in_doubt(lane, "b1", 4, answer)).status is LaneStatus.FINISHED
        assert given.counts(store, lane) == {State.ACCEPTED: 4}
        assert given.balanced(store, lane)

    def test_an_answer_that_comes_after_the_in_doubt_batch_has_ended_is_lost(
        self, store: Store
    ) -> None:
        lane, jobs = in_doubt(store)
        store.run(settle_in_doubt(lane, "b1p", 4, given.ended(State.UNCONFIRMED, jobs)))
        assert store.run(settle_in_doubt(lane, "b1p", 4, given.ended(State.ACCEPTED, jobs))).lost
        assert given.counts(store, lane) == {State.UNCONFIRMED: 4}
        assert given.balanced(store, lane)

    def test_an_in_doubt_batch_that_never_was_is_lost(self, store: Store) -> None:
        lane = given.loaded(store, 1)
        jobs = [Job(0, 1, b"447700900000")]
        assert store.run(
            settle_in_doubt(lane, "nothing", 1, given.ended(State.UNCONFIRMED, jobs))
        ).lost
        assert store.run(read_in_doubt(lane, "nothing")) is None
