"""claim_batch: jobs from the front of the queue into a batch."""

import pytest

from store.client import Store, command
from store.keys import lane_keys
from store.lanes.lane import LaneStatus, find_lane, move_lane
from store.queue.enqueue import enqueue_messages
from store.queue.settlement import Settlement, claim_batch
from store.records.job_section import Job
from store.states import State
from tests.conformance import given


class TestClaimBatch:
    def test_a_claim_takes_the_front_of_the_queue(self, store: Store) -> None:
        lane = given.loaded(store, 10)
        claim = given.claim(store, lane, most=4)
        assert claim.status is LaneStatus.SENDING
        assert claim.jobs == [Job(i, 0, line) for i, line in enumerate(given.numbers(4))]
        assert given.counts(store, lane) == {State.QUEUED: 6, State.IN_FLIGHT: 4}
        assert given.balanced(store, lane)

    def test_a_section_is_split_as_often_as_it_takes(self, store: Store) -> None:
        lane = given.loaded(store, 10)
        taken = [given.claim(store, lane, f"b{i}", most=3) for i in range(5)]
        assert [given.indexes(claim.jobs) for claim in taken] == [
            [0, 1, 2], [3, 4, 5], [6, 7, 8], [9], [],
        ]  # fmt: skip
        assert [claim.waiting for claim in taken] == [1, 1, 1, 0, 0]
        assert given.balanced(store, lane)

    def test_a_claim_takes_several_sections_and_part_of_another(self, store: Store) -> None:
        lane = given.loaded(store, 12, chunk=3)
        claim = given.claim(store, lane, most=8)
        assert given.indexes(claim.jobs) == list(range(8))
        assert claim.waiting == 2
        assert given.indexes(given.claim(store, lane, "b2").jobs) == [8, 9, 10, 11]

    def test_a_claim_ends_exactly_between_two_sections(self, store: Store) -> None:
        lane = given.loaded(store, 6, chunk=3)
        assert given.claim(store, lane, most=3).waiting == 1
        assert given.indexes(given.claim(store, lane, "b2").jobs) == [3, 4, 5]

    def test_jobs_with_scattered_indexes_are_split_too(self, store: Store) -> None:
        lane = given.loaded(store, 20)
        claim = given.claim(store, lane)
        back = [job for job in claim.jobs if job.index % 3]
        done = [job for job in claim.jobs if not job.index % 3]
        what = given.ended(State.ACCEPTED, done)
        what.back = back
        what.add(State.QUEUED, len(back))
        given.settle(store, lane, claim, what)
        taken = [given.claim(store, lane, f"c{i}", most=4).jobs for i in range(4)]
        assert [job for jobs in taken for job in jobs] == back
        assert given.balanced(store, lane)

    def test_one_queue_element_may_hold_several_sections(self, store: Store) -> None:
        lane = given.loaded(store, 6)
        claim = given.claim(store, lane)
        back = [Job(job.index, job.index // 2, job.line) for job in claim.jobs]
        given.settle(store, lane, claim, Settlement({State.QUEUED: 6}, back=back))
        assert store.run(command("LLEN", lane_keys(lane).queue, parse=int)) == 1
        assert given.claim(store, lane, "b2", most=3).jobs == back[:3]
        assert given.claim(store, lane, "b3", most=1).jobs == back[3:4]
        assert given.claim(store, lane, "b4", most=9).jobs == back[4:]

    def test_a_claim_stays_within_its_bytes(self, store: Store) -> None:
        lane = given.loaded(store, 10)
        line = len(given.numbers(1)[0])
        sizes = [
            len(given.claim(store, lane, f"b{i}", most_bytes=most_bytes).jobs)
            for i, most_bytes in enumerate([3 * line + 2, 3 * line + 1, 3 * line + 3, 1000])
        ]
        assert sizes == [3, 2, 3, 2]
        assert given.balanced(store, lane)

    def test_bytes_are_counted_over_sections(self, store: Store) -> None:
        lane = given.loaded(store, 10, chunk=2)
        line = len(given.numbers(1)[0])
        claim = given.claim(store, lane, most_bytes=6 * line)
        assert given.indexes(claim.jobs) == [0, 1, 2, 3, 4]
        assert given.indexes(given.claim(store, lane, "b2").jobs) == [5, 6, 7, 8, 9]

    def test_a_job_that_is_larger_than_a_batch_goes_alone(self, store: Store) -> None:
        lane = given.notifications(store)
        texts = ["short", "long" * 100, "short"]
        store.run(enqueue_messages(lane, [given.message(text) for text in texts]))
        taken = [given.claim(store, lane, f"b{i}", most_bytes=99).jobs for i in range(3)]
        assert [given.indexes(jobs) for jobs in taken] == [[0], [1], [2]]
        assert given.balanced(store, lane)

    def test_a_job_with_which_a_worker_died_joins_no_batch_of_others(self, store: Store) -> None:
        lane = given.loaded(store, 7)
        died, others = given.claim(store, lane, most=4), given.claim(store, lane, "b2", most=2)
        back = Settlement({State.QUEUED: 4}, back=died.jobs, deaths=1)
        given.settle(store, lane, died, back)
        given.settle(store, lane, others, Settlement({State.QUEUED: 2}, back=others.jobs), "b2")
        taken = [given.indexes(given.claim(store, lane, f"c{i}").jobs) for i in range(4)]
        assert taken == [[4, 5], [0, 1], [2, 3], [6]]
        assert given.balanced(store, lane)

    def test_a_claim_of_nothing_takes_nothing(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        assert given.claim(store, lane, most=0).jobs == []
        assert given.counts(store, lane) == {State.QUEUED: 3}
        assert given.balanced(store, lane)

    def test_a_repeat_answers_the_same_jobs(self, store: Store) -> None:
        lane = given.loaded(store, 10)
        first = given.claim(store, lane, most=4)
        again = given.claim(store, lane, most=9)
        assert again.jobs == first.jobs
        assert (again.revision, again.waiting) == (first.revision, first.waiting)
        assert given.counts(store, lane) == {State.QUEUED: 6, State.IN_FLIGHT: 4}

    @pytest.mark.parametrize("action", ["pause", "stop", "cancel"])
    def test_a_lane_that_is_not_sending_gives_nothing(self, store: Store, action: str) -> None:
        lane = given.loaded(store, 3)
        _, status = store.run(move_lane(lane, action))
        claim = given.claim(store, lane)
        assert (claim.status, claim.jobs) == (status, [])
        assert given.counts(store, lane) == {State.QUEUED: 3}

    def test_a_lane_that_is_loading_gives_nothing(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, given.numbers(3), 0, 3)
        claim = given.claim(store, lane)
        assert (claim.status, claim.jobs) == (LaneStatus.LOADING, [])

    def test_a_lane_being_cancelled_gives_its_jobs_to_whoever_cancels(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        store.run(move_lane(lane, "cancel"))
        cancelling = LaneStatus.CANCELLING
        claim = store.run(
            claim_batch(lane, "b1", owner="ann", most=9, most_bytes=99999, lease_ms=1000,
                        status=cancelling)
        )  # fmt: skip
        assert (claim.status, len(claim.jobs)) == (cancelling, 3)
        settled = given.settle(store, lane, claim, given.ended(State.CANCELLED, claim.jobs))
        assert settled.status is LaneStatus.CANCELLED
        assert find_lane(store, lane).started_at == 0

    def test_a_batch_has_an_owner_and_a_lease(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        claim = given.claim(store, lane)
        keys = lane_keys(lane)
        assert store.client.hmget(keys.claimed_batch("b1"), "owner", "phase", "n") == [
            b"ann", b"claimed", b"3",
        ]  # fmt: skip
        assert store.client.zscore(keys.claimed_batches, "b1") == claim.now_ms + 60_000

    def test_the_first_claim_starts_the_lane(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        assert find_lane(store, lane).started_at == 0
        first = given.claim(store, lane, most=1)
        given.claim(store, lane, "b2", most=1)
        assert find_lane(store, lane).started_at == first.now_ms

    def test_a_lane_that_was_never_opened_gives_nothing(self, store: Store) -> None:
        claim = given.claim(store, "spring-000000")
        assert (claim.status, claim.jobs) == (LaneStatus.GONE, [])
        assert store.client.keys("*") == []
