"""Figures of the scenes in real time, from samples."""

from bench.course import Scene, figures
from bench.real_limits import Sample, course_of, stays_from
from chatapps.sandbox.phone_number import Capacity


def test_a_course_lies_between_its_samples() -> None:
    samples = [Sample(0.0, 0, 0, 20), Sample(2.0, 40, 10, 20), Sample(4.5, 290, 35, 100)]
    course = course_of(samples, 4)
    assert course.sent == [20, 20, 100, 100]
    assert course.throttled == [5, 5, 10, 10]
    assert course.delivered == [15, 15, 90, 90]
    assert course.rates == [20, 20, 20, 20]


def test_throttled_messages_of_the_first_minute_do_not_count() -> None:
    sums = [(0.0, 0, 0), (60.0, 6000, 1200), (120.0, 10_800, 1248)]
    course = course_of([Sample(at, taken, refused, 80) for at, taken, refused in sums], 120)
    found = figures(Scene("one", Capacity(80), seconds=120), course, "real")
    assert (found.kind, found.throttled_share) == ("real", 0.01)
    assert found.used_share == 0.995


def test_a_rate_settles_when_it_leaves_the_capacity_no_more() -> None:
    assert stays_from([20, 80, 95, 80, 76], 80) == 3
    assert stays_from([80, 80], 80) == 0
    assert stays_from([80, 20], 80) == 2
