"""move_lane: the statuses of a lane and the moves between them."""

import pytest

from store.client import Store
from store.lanes.lane import LaneStatus, find_lane, finish_loading, move_lane, read_revision
from store.queue.settlement import Settlement
from store.states import State
from tests.conformance import given

LOADING, SENDING, PAUSED = LaneStatus.LOADING, LaneStatus.SENDING, LaneStatus.PAUSED
STOPPED, CANCELLING = LaneStatus.STOPPED, LaneStatus.CANCELLING
HALTED = LaneStatus.HALTED
CANCELLED, FINISHED = LaneStatus.CANCELLED, LaneStatus.FINISHED

MOVES: dict[LaneStatus, dict[str, LaneStatus]] = {
    LOADING: {"pause": PAUSED, "stop": STOPPED, "halt": HALTED, "cancel": CANCELLING},
    SENDING: {"pause": PAUSED, "stop": STOPPED, "halt": HALTED, "cancel": CANCELLING},
    PAUSED: {"resume": SENDING, "accept": SENDING, "halt": HALTED, "cancel": CANCELLING},
    STOPPED: {"resume": SENDING, "accept": SENDING, "halt": HALTED, "cancel": CANCELLING},
    HALTED: {"accept": SENDING, "cancel": CANCELLING},
    CANCELLING: {},
    CANCELLED: {},
    FINISHED: {},
}
AHEAD = 100
"""What a worker has seen of the revision."""
ACTIONS = ("pause", "resume", "accept", "stop", "halt", "cancel", "close", "dance")
EVERY = [(status, action) for status in MOVES for action in ACTIONS]


def lane_that_is(store: Store, status: LaneStatus) -> str:
    """A campaign of three with this status; one of them is in the air unless it has ended."""
    if status is LOADING:
        lane = given.campaign(store)
        given.add(store, lane, given.numbers(3), 0, 3)
        return lane
    lane = given.loaded(store, 3)
    if status in (FINISHED, CANCELLED):
        claim = given.claim(store, lane)
        if status is CANCELLED:
            store.run(move_lane(lane, "cancel"))
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        return lane
    given.claim(store, lane, most=1)
    action = {PAUSED: "pause", STOPPED: "stop", HALTED: "halt", CANCELLING: "cancel"}.get(status)
    if action:
        store.run(move_lane(lane, action, "because", known=AHEAD))
    return lane


class TestMoveLane:
    @pytest.mark.parametrize(("status", "action"), EVERY)
    def test_a_lane_moves_as_the_table_allows_and_not_otherwise(
        self, store: Store, status: LaneStatus, action: str
    ) -> None:
        lane = lane_that_is(store, status)
        before = find_lane(store, lane)
        assert before.status is status
        to = MOVES[status].get(action)
        assert store.run(move_lane(lane, action, "by hand", known=AHEAD)) == (
            to is not None,
            to or status,
        )
        after = find_lane(store, lane)
        assert after.status is (to or status)
        if to is None:
            assert after == before
        else:
            assert after.reason == "by hand"
        assert given.balanced(store, lane)

    @pytest.mark.parametrize(("early", "status"), [(False, LOADING), (True, SENDING)])
    def test_a_lane_whose_file_is_not_in_resumes_to_what_it_was(
        self, store: Store, early: bool, status: LaneStatus
    ) -> None:
        lane = given.campaign(store, early=early)
        store.run(move_lane(lane, "pause"))
        assert store.run(move_lane(lane, "resume")) == (True, status)

    def test_a_lane_with_nothing_open_is_cancelled_at_once(self, store: Store) -> None:
        lane = given.campaign(store)
        assert store.run(move_lane(lane, "cancel")) == (True, CANCELLED)
        assert find_lane(store, lane).finished_at > 0

    def test_a_paused_lane_finishes_when_its_last_batch_lands(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        claim = given.claim(store, lane)
        store.run(move_lane(lane, "pause"))
        settled = given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        assert settled.status is FINISHED
        assert store.run(move_lane(lane, "resume")) == (False, FINISHED)

    def test_a_paused_lane_with_something_left_does_not_finish(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        claim = given.claim(store, lane, most=2)
        store.run(move_lane(lane, "pause"))
        settled = given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        assert settled.status is PAUSED

    def test_a_lane_being_cancelled_ends_when_everything_has_landed(self, store: Store) -> None:
        lane = lane_that_is(store, CANCELLING)
        flying = given.claim(store, lane)  # a repeat: the batch that is in the air
        claim = given.claim(store, lane, "b2")
        assert (claim.status, claim.jobs) == (CANCELLING, [])
        back = Settlement({State.QUEUED: 1}, back=flying.jobs)
        assert given.settle(store, lane, flying, back).status is CANCELLING
        assert given.counts(store, lane) == {State.QUEUED: 3}

    def test_a_closed_notification_lane_finishes_when_it_is_empty(self, store: Store) -> None:
        lane = given.notifications(store)
        assert store.run(finish_loading(lane)) is SENDING
        assert store.run(move_lane(lane, "close")) == (True, FINISHED)
        assert store.run(move_lane(lane, "close")) == (False, FINISHED)

    def test_moving_raises_the_revision(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        before = given.claim(store, lane, most=1).revision
        store.run(move_lane(lane, "pause"))
        store.run(move_lane(lane, "resume"))
        assert given.claim(store, lane, "b2").revision == before + 3

    def test_a_lane_whose_revision_is_not_behind_any_more_does_not_halt(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        _, revision = store.run(read_revision(lane))
        assert store.run(move_lane(lane, "halt", "older copy", known=revision)) == (False, SENDING)
        assert store.run(move_lane(lane, "halt", "older copy", known=revision + 1)) == (
            True,
            HALTED,
        )

    def test_a_draft_that_went_out_after_the_copy_halts_and_is_a_draft_again(
        self, store: Store
    ) -> None:
        lane = given.draft(store, b"phone\n+447700900001\n")
        assert store.run(move_lane(lane.id, "halt", "older copy", known=4)) == (True, HALTED)
        assert store.run(move_lane(lane.id, "resume")) == (False, HALTED)
        assert store.run(move_lane(lane.id, "accept")) == (True, LaneStatus.DRAFT)
        assert store.run(read_revision(lane.id))[1] > 1_000_000

    @pytest.mark.parametrize("known", [30, 500])
    def test_accepting_a_halt_puts_the_revision_far_above_what_is_known(
        self, store: Store, known: int
    ) -> None:
        lane = given.loaded(store, 3)
        store.run(move_lane(lane, "halt", "older copy", known=known))
        halted = store.run(read_revision(lane))
        assert halted[0] is HALTED
        assert given.claim(store, lane).jobs == []
        store.run(move_lane(lane, "accept"))
        status, revision = store.run(read_revision(lane))
        assert status is SENDING
        assert revision == max(known, halted[1]) + 1_000_001

    def test_a_lane_that_was_never_opened_does_not_move(self, store: Store) -> None:
        assert store.run(move_lane("spring-000000", "pause")) == (False, LaneStatus.GONE)
        assert store.client.keys("*") == []
