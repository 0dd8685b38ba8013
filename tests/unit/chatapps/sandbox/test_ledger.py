"""The sandbox's ledger."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapps.sandbox.ledger import Ledger, busiest_second


def test_attempts_of_one_message_count_as_one() -> None:
    ledger = Ledger()
    ledger.take(["spring.0.1", "spring.1.1", "spring.0.2"])
    summary = ledger.summary()
    assert (summary["taken"], summary["distinct"], summary["duplicates"]) == (3, 2, 1)
    assert list(ledger.messages("spring")) == [("spring.0", 2), ("spring.1", 1)]


@pytest.mark.parametrize(
    "stem", ["order-1", "order.42", "a.b.c", "a.1.x", "a..1", "a.1.", "a.007.1", "a.٣.1", "a.1.2.3"]
)
def test_an_id_of_another_shape_is_its_own_stem(stem: str) -> None:
    ledger = Ledger()
    ledger.take([stem, stem])
    assert list(ledger.messages()) == [(stem, 2)]


def test_messages_without_an_id_are_all_different() -> None:
    ledger = Ledger()
    ledger.take([None, None])
    assert ledger.summary()["distinct"] == 2


def test_messages_are_listed_by_lane_in_the_order_of_their_indexes() -> None:
    ledger = Ledger()
    ledger.take(["b.5000.1", "b.3.1", "a.1.1", "odd"])
    assert [stem for stem, _ in ledger.messages("b")] == ["b.3", "b.5000"]
    assert {stem for stem, _ in ledger.messages()} == {"b.3", "b.5000", "a.1", "odd"}
    assert list(ledger.messages("none")) == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 10**12), st.integers(1, 9))))
def test_every_message_is_counted(ids: list[tuple[str, int, int]]) -> None:
    ledger = Ledger()
    ledger.take(f"{lane}.{index}.{attempt}" for lane, index, attempt in ids)
    assert dict(ledger.messages()) == Counter(f"{lane}.{index}" for lane, index, _ in ids)
    assert ledger.summary()["distinct"] == len({(lane, index) for lane, index, _ in ids})


def test_the_summary_tells_requests_sizes_and_codes() -> None:
    ledger = Ledger()
    ledger.arrive(2.0, 100, "200")
    ledger.arrive(1.0, 50, "500")
    ledger.arrive(3.0, 0, "401")
    ledger.refuse(1002)
    assert ledger.summary() == {
        "taken": 0,
        "distinct": 0,
        "duplicates": 0,
        "rejected": {"1002": 1},
        "requests": 3,
        "requests_by_status": {"200": 1, "401": 1, "500": 1},
        "messages_posted": 150,
        "mean_batch_size": 75.0,
        "max_messages_in_one_second": 100,
        "first_arrival": 1.0,
        "last_arrival": 3.0,
    }


def test_an_empty_ledger_has_a_summary() -> None:
    summary = Ledger().summary()
    assert (summary["mean_batch_size"], summary["first_arrival"]) == (0.0, None)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9))))
def test_the_busiest_second_is_the_fullest_of_all_windows(arrivals: list[tuple[int, int]]) -> None:
    times = [tick / 16 for tick, _ in arrivals]
    sizes = [size for _, size in arrivals]
    windows = [
        sum(s for t, s in zip(times, sizes, strict=True) if end - 1 < t <= end) for end in times
    ]
    assert busiest_second(times, sizes) == max(windows, default=0)
