"""expire_lane and what goes with it: a lane that has ended leaves nothing behind."""

import pytest

from store.client import Store, command
from store.errors import LaneMismatch, UnknownLane
from store.keys import ENDED, LANES, lane_keys, lanes_called
from store.lanes.lane import LaneStatus, find_lane, finish_loading, move_lane
from store.lanes.open import open_campaign
from store.lanes.retention import (
    discard_campaign,
    ended_before,
    expire_step,
    forget_ended,
    forget_listed,
    free_name,
    holder_of,
    note_ended,
)
from store.queue.enqueue import Place, enqueue_messages, enqueue_rows
from store.receipts.status_updates import apply_records
from store.records.job_section import Job
from store.states import State
from tests.conformance import given


def finished(store: Store, n: int) -> str:
    """A campaign of n people that is over, with every kind of numbered key."""
    lane, _ = open_campaign(store, given.plan())
    kept = [b"Guest"] * n
    store.run(enqueue_rows(lane, Place(0), Place(n, n, n), given.numbers(n), 0, kept=kept))
    store.run(finish_loading(lane))
    claim = given.claim(store, lane, most=n)
    what = given.ended(State.ACCEPTED, claim.jobs)
    what.attempt_logs, what.long_ids = [(0, b"0 1 http 500 1 b1")], [(0, b"GB.1")]
    given.settle(store, lane, claim, what)
    store.client.delete(lane_keys(lane).done("in_flight:b1"))  # ten minutes have passed
    return lane


def _keys(store: Store) -> list[bytes]:
    return store.run(command("KEYS", "*", parse=list))


def keys_of(store: Store, lane: str) -> list[bytes]:
    return sorted(key for key in _keys(store) if lane.encode() in key)


class TestExpireLane:
    @pytest.mark.parametrize("most", [4, 8, 500])
    def test_nothing_is_left_of_a_lane_that_has_expired(self, store: Store, most: int) -> None:
        lane = finished(store, 2500)
        assert len(keys_of(store, lane)) > 8
        left = [store.run(expire_step(lane, most=most))]
        while left[-1] > 0:
            left.append(store.run(expire_step(lane, most=most)))
        assert keys_of(store, lane) == []
        assert left == sorted(left, reverse=True)
        assert store.run(expire_step(lane)) == 0  # a repeat
        assert keys_of(store, lane) == []

    def test_the_tags_of_a_lane_go_with_it(self, store: Store) -> None:
        lane = given.notifications(store)
        store.run(enqueue_messages(lane, [given.message("Code 1")._replace(tag="code")]))
        store.run(move_lane(lane, "close"))
        claim = given.claim(store, lane)
        given.settle(store, lane, claim, given.ended(State.ACCEPTED, claim.jobs))
        store.client.delete(lane_keys(lane).done("in_flight:b1"))  # ten minutes have passed
        base = lane_keys(lane).base
        assert f"{base}:tagged".encode() in store.client.keys(f"{base}:*")
        while store.run(expire_step(lane)) > 0:
            pass
        assert store.client.keys(f"{base}:*") == []

    def test_a_step_removes_no_more_than_it_may(self, store: Store) -> None:
        lane = finished(store, 9500)
        assert store.run(expire_step(lane, most=12)) == 5 * 8
        assert store.run(expire_step(lane, most=12)) == 5 * 6
        assert store.run(expire_step(lane, most=500)) == 0

    def test_a_lane_that_has_not_ended_stays(self, store: Store) -> None:
        lane, _ = given.claimed_batch(store, 3)
        before = keys_of(store, lane)
        assert store.run(expire_step(lane)) == -1
        assert keys_of(store, lane) == before
        assert given.balanced(store, lane)

    def test_status_updates_that_comes_while_a_lane_goes_leaves_nothing(self, store: Store) -> None:
        lane = finished(store, 2500)
        records = given.records(State.DELIVERED, [Job(3, 1, b"447700900003")])
        assert store.run(expire_step(lane, most=3)) > 0
        store.run(apply_records(lane, records))
        while store.run(expire_step(lane)) > 0:
            pass
        assert keys_of(store, lane) == []

    def test_a_lane_that_is_going_is_not_opened_again(self, store: Store) -> None:
        finished(store, 2500)
        lane = find_lane(store, "Spring").id
        store.run(expire_step(lane, most=3))
        with pytest.raises(LaneMismatch):  # by somebody who found its name just before
            open_campaign(store, given.plan())
        assert not store.client.exists(lane_keys(lane).meta)

    def test_a_name_that_was_freed_is_taken_by_the_next(self, store: Store) -> None:
        first = finished(store, 10)
        assert store.run(holder_of("Spring", "shop")) == first
        store.run(free_name("Spring", "shop"))
        with pytest.raises(UnknownLane):
            find_lane(store, "Spring")
        second, resumed = open_campaign(store, given.plan())
        assert second != first
        assert not resumed

    def test_a_campaign_gets_its_name_back_if_it_is_freed_while_it_opens(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lane = given.campaign(store)
        store.client.delete(lanes_called("Spring"), lane_keys(lane).meta)
        monkeypatch.setattr("store.lanes.open.lane_for_name", lambda *_: lane)
        assert given.campaign(store) == lane
        assert store.run(holder_of("Spring", "shop")) == lane


class TestDiscarding:
    def test_a_campaign_whose_file_is_not_loaded_is_removed(self, store: Store) -> None:
        lane = given.campaign(store)
        given.add(store, lane, given.numbers(3), 0, 3)
        assert discard_campaign(store, find_lane(store, lane))
        assert keys_of(store, lane) == []

    def test_one_of_which_messages_may_have_gone_out_stays(self, store: Store) -> None:
        lane = given.loaded(store, 3)
        store.run(move_lane(lane, "pause"))
        assert not discard_campaign(store, find_lane(store, lane))
        assert given.counts(store, lane) == {State.QUEUED: 3}


class TestEndedLanes:
    def test_they_are_remembered_by_the_time_of_their_end(self, store: Store) -> None:
        lane = find_lane(store, finished(store, 3))
        assert lane.status is LaneStatus.FINISHED
        store.run(note_ended(lane))
        assert store.client.zscore(ENDED, lane.id) == lane.finished_at
        assert store.run(ended_before(lane.finished_at)) == []
        assert store.run(ended_before(lane.finished_at + 1)) == [lane.id]
        store.run(forget_ended(lane.id))
        store.run(forget_listed(lane.id))
        assert not store.client.exists(ENDED, LANES)
