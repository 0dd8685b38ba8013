"""finish_loading: the file has been read to its end."""

import pytest

from store.client import Store
from store.lanes.lane import LaneStatus, find_lane, finish_loading, move_lane, reopen_lane
from store.queue.enqueue import Place, enqueue_rows
from store.states import State
from tests.conformance import given


class TestFinishLoading:
    def test_a_lane_is_claimed_from_once_its_file_is_in(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, given.numbers(3), 0, 3)
        assert given.claim(store, lane).jobs == []
        assert store.run(finish_loading(lane)) is LaneStatus.SENDING
        assert find_lane(store, lane).loaded
        assert len(given.claim(store, lane).jobs) == 3

    def test_saying_it_twice_changes_nothing(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        before = find_lane(store, lane)
        assert store.run(finish_loading(lane)) is LaneStatus.SENDING
        assert find_lane(store, lane) == before

    def test_a_file_without_a_single_good_row_finishes_at_once(self, store: Store) -> None:
        lane = given.campaign(store)
        store.run(enqueue_rows(lane, Place(), Place(50, 5, 5), [], 5))
        assert store.run(finish_loading(lane)) is LaneStatus.FINISHED
        assert find_lane(store, lane).finished_at > 0

    def test_a_paused_lane_stays_paused_and_resumes_to_sending(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, given.numbers(3), 0, 3)
        store.run(move_lane(lane, "pause"))
        assert store.run(finish_loading(lane)) is LaneStatus.PAUSED
        assert store.run(move_lane(lane, "resume")) == (True, LaneStatus.SENDING)

    def test_a_finished_lane_to_which_people_are_added_has_not_finished(self, store: Store) -> None:
        lane = given.campaign(store)
        store.run(enqueue_rows(lane, Place(), Place(50, 5, 5), [], 5))
        store.run(finish_loading(lane))
        assert store.run(reopen_lane(lane, "a further file")) == "ok"
        found = find_lane(store, lane)
        assert (found.status, found.finished_at) == (LaneStatus.SENDING, 0)

    def test_an_early_lane_that_is_done_finishes_only_now(self, store: Store) -> None:
        lane = given.campaign(store, early=True)
        given.add(store, lane, given.numbers(3), 0, 3)
        claim = given.claim(store, lane)
        settled = given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        assert settled.status is LaneStatus.SENDING
        assert store.run(finish_loading(lane)) is LaneStatus.FINISHED

    @pytest.mark.parametrize(
        ("states", "status"),
        [
            ({"accepted": 3}, LaneStatus.FINISHED),
            ({"accepted": 2}, LaneStatus.SENDING),  # one message is nowhere
            ({"accepted": 4}, LaneStatus.SENDING),
            ({"accepted": 4, "queued": -1}, LaneStatus.SENDING),
            ({"accepted": 2, "delayed": 1}, LaneStatus.SENDING),
        ],
    )
    def test_a_lane_whose_counts_do_not_add_up_never_ends(
        self, store: Store, states: dict[str, int], status: LaneStatus
    ) -> None:
        lane = given.loaded(store, 3)
        store.client.delete(f"sm:{{{lane}}}:counts")
        for state, n in states.items():
            store.client.hset(f"sm:{{{lane}}}:counts", state, n)
        assert store.run(finish_loading(lane)) is status

    def test_a_lane_that_was_never_opened_stays_unknown(self, store: Store) -> None:
        assert store.run(finish_loading("spring-000000")) is LaneStatus.GONE
        assert store.client.keys("*") == []
