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
        turns.charge("a", 10)
    served = []
    for _ in range(6):
        served.append(turns.choose([("a", 2), ("b", 2)], everybody))
        turns.charge(served[-1] or "", 10)
    assert served in (["b", "a"] * 3, ["b", "b", "a", "b", "a", "b"])


@pytest.mark.parametrize(
    ("weights", "sizes"), [((1, 3), (100, 100)), ((1, 1), (10, 1000)), ((2, 5), (7, 300))]
)
def test_lanes_share_messages_by_weight_whatever_their_batches_are(
    weights: tuple[int, int], sizes: tuple[int, int]
) -> None:
    turns, ready, got = Turns(), [("a", 2), ("b", 2)], {"a": 0, "b": 0}
    while got["a"] + got["b"] < 100_000:
        lane = turns.choose(ready, everybody)
        assert lane is not None
        place = "ab".index(lane)
        turns.charge(lane, sizes[place], weights[place])
        got[lane] += sizes[place]
    assert got["b"] / got["a"] == pytest.approx(weights[1] / weights[0], rel=0.1)


def test_a_small_lane_beside_a_large_one_gets_its_share_from_its_first_batch_on() -> None:
    turns, small = Turns(), 0
    for _ in range(1000):
        assert turns.choose([("large", 2)], everybody) == "large"
        turns.charge("large", 1000)
    for _ in range(20):
        lane = turns.choose([("large", 2), ("small", 2)], everybody)
        assert lane is not None
        turns.charge(lane, 100 if lane == "small" else 1000)
        small += 100 * (lane == "small")
    assert small >= 1000


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
    assert turns == Turns()


def test_turns_of_lanes_that_are_gone_are_not_remembered_for_ever() -> None:
    turns = Turns()
    for number in range(REMEMBERED + 10):
        turns.choose([(f"lane-{number}", 2)], everybody)
    assert len(turns._served) <= REMEMBERED


@pytest.mark.parametrize(("slots", "left"), [(1, 1), (2, 1), (8, 7), (16, 14), (32, 28), (100, 88)])
def test_some_slots_in_the_air_are_kept_for_urgent_lanes(slots: int, left: int) -> None:
    assert share(slots, urgent=False) == left
    assert share(slots, urgent=True) == slots
