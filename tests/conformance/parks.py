"""Parks: messages that were posted and have no answer that can be trusted."""

import pytest

from store.client import Store
from store.errors import StoreRefused
from store.keys import lane_keys
from store.lanes.lane import LaneStatus
from store.queue.settlement import (
    Park,
    Parked,
    Recovered,
    Settlement,
    due_parks,
    mark_posting,
    read_park,
    recover_flights,
    settle_park,
)
from store.records.job_section import Job
from store.states import State
from tests.conformance import given


def parked(store: Store, n: int = 4, *, delay_ms: int = 0) -> tuple[str, list[Job]]:
    """A campaign all of whose messages are parked, each with one attempt used up."""
    lane = given.loaded(store, n)
    claim = given.claim(store, lane)
    jobs = [Job(job.index, 1, job.line) for job in claim.jobs]
    what = Settlement({State.PARKED: n}, given.records(State.TRIED, jobs))
    what.parks = [Park("b1p", delay_ms, jobs)]
    given.settle(store, lane, claim, what)
    return lane, jobs


class TestParks:
    def test_a_park_keeps_its_jobs(self, store: Store) -> None:
        lane, jobs = parked(store)
        assert store.run(read_park(lane, "b1p")) == Parked("b1p", 0, jobs)
        assert given.counts(store, lane) == {State.PARKED: 4}
        assert given.balanced(store, lane)

    def test_a_park_is_due_when_the_time_for_evidence_is_over(self, store: Store) -> None:
        lane, _ = parked(store, delay_ms=5000)
        due = int(store.client.zscore(lane_keys(lane).parked, "b1p") or 0)
        assert store.run(due_parks(lane, due - 1)) == []
        assert store.run(due_parks(lane, due)) == ["b1p"]
        assert store.run(due_parks(lane, "+inf")) == ["b1p"]

    def test_a_park_that_is_held_ends_unknown(self, store: Store) -> None:
        lane, jobs = parked(store)
        settled = store.run(settle_park(lane, "b1p", 4, given.ended(State.UNKNOWN, jobs)))
        assert (settled.verdict, settled.status) == ("ok", LaneStatus.FINISHED)
        assert given.counts(store, lane) == {State.UNKNOWN: 4}
        assert store.run(read_park(lane, "b1p")) is None
        assert store.run(due_parks(lane, "+inf")) == []
        assert given.balanced(store, lane)

    def test_a_park_that_is_resent_is_queued_with_its_attempts(self, store: Store) -> None:
        lane, jobs = parked(store)
        store.run(settle_park(lane, "b1p", 4, Settlement({State.QUEUED: 4}, back=jobs)))
        assert given.claim(store, lane, "b2").jobs == jobs
        assert given.balanced(store, lane)

    def test_ending_a_park_twice_is_done_once(self, store: Store) -> None:
        lane, jobs = parked(store)
        call = settle_park(lane, "b1p", 4, Settlement({State.QUEUED: 4}, back=jobs))
        first, again = store.run(call), store.run(call)
        assert (again.verdict, again.journal) == ("repeat", first.journal)
        assert given.counts(store, lane) == {State.QUEUED: 4}

    def test_figures_that_are_not_the_size_of_the_park_are_refused(self, store: Store) -> None:
        lane, jobs = parked(store)
        with pytest.raises(StoreRefused, match="do not add up"):
            store.run(settle_park(lane, "b1p", 3, given.ended(State.UNKNOWN, jobs[:3])))
        assert given.counts(store, lane) == {State.PARKED: 4}

    def test_an_answer_that_comes_late_ends_the_park_of_its_flight(self, store: Store) -> None:
        lane = given.loaded(store, 4)
        claim = given.claim(store, lane)
        store.run(mark_posting(lane, "b1", owner="ann", request=1, messages=4, lease_ms=1))
        given.lease_ran_out(store, lane)
        assert store.run(recover_flights(lane, settle_after_ms=9000)) == Recovered(parked=4)
        answer = given.ended(State.ACCEPTED, claim.jobs)
        assert given.settle(store, lane, claim, answer).lost
        assert store.run(settle_park(lane, "b1", 4, answer)).status is LaneStatus.FINISHED
        assert given.counts(store, lane) == {State.ACCEPTED: 4}
        assert given.balanced(store, lane)

    def test_an_answer_that_comes_after_the_park_has_ended_is_lost(self, store: Store) -> None:
        lane, jobs = parked(store)
        store.run(settle_park(lane, "b1p", 4, given.ended(State.UNKNOWN, jobs)))
        assert store.run(settle_park(lane, "b1p", 4, given.ended(State.ACCEPTED, jobs))).lost
        assert given.counts(store, lane) == {State.UNKNOWN: 4}
        assert given.balanced(store, lane)

    def test_a_park_that_never_was_is_lost(self, store: Store) -> None:
        lane = given.loaded(store, 1)
        jobs = [Job(0, 1, b"447700900000")]
        assert store.run(settle_park(lane, "nothing", 1, given.ended(State.UNKNOWN, jobs))).lost
        assert store.run(read_park(lane, "nothing")) is None
