"""The age of the oldest waiting job, told from how many were taken and how many have left."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from dashboard.metrics import MOST_MARKS, Ages
from store.lanes.lane import LaneStatus, Priority
from store.reports.gauges import LaneNow
from store.states import OPEN_STATES, State


def lane(accepted: int, queued: int, id_: str = "a") -> LaneNow:
    open_ = {**dict.fromkeys(OPEN_STATES, 0), State.QUEUED: queued}
    return LaneNow(id_, "shop", Priority.BULK, LaneStatus.SENDING, accepted, open_)


def test_a_queue_that_stands_still_grows_older() -> None:
    ages = Ages()
    told = [ages.look([lane(10, 10)], now)["a"] for now in (0, 5_000, 60_000)]
    assert told == [0, 5, 60]


def test_a_queue_that_is_emptied_and_filled_again_is_young() -> None:
    ages = Ages()
    for second in range(20):
        taken = 100 * (second + 1)
        assert ages.look([lane(taken, 100)], second * 1000)["a"] == 0


def test_jobs_that_came_behind_the_oldest_do_not_make_it_younger() -> None:
    ages = Ages()
    told = [ages.look([lane(10 + second, 10 + second)], second * 1000)["a"] for second in range(9)]
    assert told == list(range(9))


def test_once_the_oldest_have_left_the_next_oldest_count() -> None:
    ages = Ages()
    ages.look([lane(10, 10)], 0)
    ages.look([lane(20, 20)], 5_000)
    assert ages.look([lane(20, 8)], 12_000)["a"] == 7


def test_nothing_waits_for_nothing() -> None:
    ages = Ages()
    ages.look([lane(10, 10)], 0)
    assert ages.look([lane(10, 0)], 9_000)["a"] == 0
    assert ages.look([lane(30, 20)], 10_000)["a"] == 0


def test_a_lane_that_has_gone_is_forgotten() -> None:
    ages = Ages()
    ages.look([lane(10, 10), lane(10, 10, "b")], 0)
    assert ages.look([lane(10, 10)], 9_000) == {"a": 9}
    assert ages.look([lane(10, 10), lane(10, 10, "b")], 9_000) == {"a": 9, "b": 0}


def test_a_queue_that_grows_for_ever_takes_bounded_room() -> None:
    ages = Ages()
    for second in range(5 * MOST_MARKS):
        age = ages.look([lane(second + 1, second + 1)], second * 1000)["a"]
        assert age == second
    (marks,) = ages._marks.values()
    assert len(marks) <= MOST_MARKS


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=60))
def test_it_is_never_older_than_it_is_and_lags_by_one_look_at_most(
    steps: list[tuple[int, int]],
) -> None:
    ages, queue, taken = Ages(), deque[int](), 0
    for second, (arrive, leave) in enumerate(steps):
        queue.extend([second] * arrive)
        taken += arrive
        for _ in range(min(leave, len(queue))):
            queue.popleft()
        told = ages.look([lane(taken, len(queue))], second * 1000)["a"]
        assert told == (second - queue[0] if queue else 0)
