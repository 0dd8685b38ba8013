"""settle_batch where records meet older ones: status updates that came first, earlier attempts."""

import pytest

from store.client import Store, command
from store.keys import lane_keys
from store.lanes.lane import LaneStatus
from store.queue.settlement import Settlement
from store.records.job_section import Job
from store.records.outcome import runs
from store.reports.lane_report import outcomes
from store.states import State
from tests.conformance import given


def put(store: Store, lane: str, state: State, jobs: list[Job]) -> None:
    """Write records past the store, as status updates would."""
    for run in given.records(state, jobs):
        key = f"{lane_keys(lane).outcomes}{run.bucket}"
        store.run(command("SETRANGE", key, run.offset, run.records, parse=int))


class TestMergedRecords:
    def test_a_higher_rank_stays_and_the_counts_go_where_the_message_is(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store)
        put(store, lane, State.DELIVERED, claim.jobs[2:5])
        what = given.ended(State.ACCEPTED, claim.jobs)
        assert given.settle(store, lane, claim, what).status is LaneStatus.FINISHED
        assert given.counts(store, lane) == {State.ACCEPTED: 7, State.DELIVERED: 3}
        states = [outcome.state for outcome in outcomes(store, lane)]
        assert states[1:6] == [State.ACCEPTED, *[State.DELIVERED] * 3, State.ACCEPTED]
        assert given.balanced(store, lane)

    def test_news_of_mixed_ranks_meet_records_of_mixed_ranks(self, store: Store) -> None:
        lane, claim = given.claimed_batch(store, 6)
        jobs = claim.jobs
        put(store, lane, State.READ, jobs[:1])
        put(store, lane, State.ACCEPTED, jobs[2:4])
        what = Settlement({State.REJECTED: 3, State.ACCEPTED: 3})
        what.records = runs(
            sorted(
                (job.index, run.records)
                for state, part in ((State.REJECTED, jobs[:3]), (State.ACCEPTED, jobs[3:]))
                for job in part
                for run in given.records(state, [job])
            )
        )
        given.settle(store, lane, claim, what)
        assert [outcome.state for outcome in outcomes(store, lane)] == [
            State.READ, State.REJECTED, State.ACCEPTED, *[State.ACCEPTED] * 3,
        ]  # fmt: skip
        assert given.counts(store, lane) == {State.READ: 1, State.REJECTED: 1, State.ACCEPTED: 4}
        assert given.balanced(store, lane)

    @pytest.mark.parametrize("state", [State.TRIED, State.REJECTED, State.ACCEPTED, State.READ])
    def test_an_attempt_that_failed_gives_way_to_everything(
        self, store: Store, state: State
    ) -> None:
        lane, claim = given.claimed_batch(store)
        put(store, lane, State.TRIED, claim.jobs)
        if state is State.TRIED:
            what = Settlement({State.QUEUED: 10}, given.records(state, claim.jobs), claim.jobs)
        else:
            what = given.ended(state, claim.jobs)
        given.settle(store, lane, claim, what)
        assert {outcome.state for outcome in outcomes(store, lane)} == {state}
        assert given.balanced(store, lane)

    def test_records_behind_a_gap_leave_the_gap_empty(self, store: Store) -> None:
        lane = given.loaded(store, 10)
        claims = [given.claim(store, lane, f"b{i}", most=5) for i in range(2)]
        late = given.ended(State.ACCEPTED, claims[1].jobs)
        given.settle(store, lane, claims[1], late, "b1")
        assert [outcome.index for outcome in outcomes(store, lane)] == [5, 6, 7, 8, 9]
        assert given.balanced(store, lane)
        early = given.ended(State.REJECTED, claims[0].jobs)
        assert given.settle(store, lane, claims[0], early, "b0").status is LaneStatus.FINISHED
        assert given.balanced(store, lane)
