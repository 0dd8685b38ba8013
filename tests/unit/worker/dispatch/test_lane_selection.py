"""Who is served next, and how many slots are kept for whom."""

import pytest

from worker.dispatch.lane_selection import REMEMBERED, Turns, share


def everybody(lane: str) -> bool:
    return True


def test_the_most_urgent_lane_goes_first() -> None:
    ready = [("bulk", 2), ("urgent", 0), ("normal", 1)]
    assert [Turns().choose(ready, everybody) for _ in range(2)] == ["urgent", "urgent"]


def test_equals_are_served_by_turns() -> None:
    turns, ready = Turns(), [("a", 2), ("b", 2), ("c", 2)]
    served = [turns.choose(ready, everybody) for _ in range(6)]
    assert served == ["a", "b", "c", "a", "b", "c"]


def test_a_lane_that_comes_later_does_not_get_all_the_turns() -> None:
    turns = Turns()
    for _ in range(5):
        turns.choose([("a", 2)], everybody)
    served = [turns.choose([("a", 2), ("b", 2)], everybody) for _ in range(4)]
    assert served == ["b", "a", "b", "a"]


def test_a_lane_whose_sub_account_is_blocked_holds_nobody_up() -> None:
    ready = [("blocked", 0), ("free", 2)]
    assert Turns().choose(ready, lambda lane: lane != "blocked") == "free"


def test_nobody_is_chosen_where_nobody_may_send() -> None:
    assert Turns().choose([("a", 0)], lambda _: False) is None
    assert Turns().choose([], everybody) is None


def test_a_lane_that_has_ended_is_forgotten() -> None:
    turns = Turns()
    turns.choose([("a", 2)], everybody)
    turns.forget("a")
    turns.forget("never heard of")
    assert turns == Turns(_turn=1)


def test_turns_of_lanes_that_are_gone_are_not_remembered_for_ever() -> None:
    turns = Turns()
    for number in range(REMEMBERED + 10):
        turns.choose([(f"lane-{number}", 2)], everybody)
    assert len(turns._served) <= REMEMBERED


@pytest.mark.parametrize(("slots", "left"), [(1, 1), (2, 1), (8, 7), (16, 14), (32, 28), (100, 88)])
def test_some_slots_in_the_air_are_kept_for_urgent_lanes(slots: int, left: int) -> None:
    assert share(slots, urgent=False) == left
    assert share(slots, urgent=True) == slots
