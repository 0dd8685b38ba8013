"""Medians, percentiles, shares and ratios of the bench."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.plan import Plan
from bench.results import median_of, ratios, spread


@dataclass(frozen=True, slots=True)
class Inner:
    cost: float


@dataclass(frozen=True, slots=True)
class Record:
    rate: float
    inner: Inner
    delays: tuple[float, ...]


def test_medians_go_field_by_field_and_delays_are_joined() -> None:
    records = [
        Record(1, Inner(30), (1.0,)),
        Record(3, Inner(10), (2.0, 3.0)),
        Record(2, Inner(20), ()),
    ]
    assert median_of(records) == Record(2, Inner(20), (1.0, 2.0, 3.0))


def test_percentiles_are_delays_that_happened() -> None:
    assert spread([float(delay) for delay in range(100, 0, -1)]) == {
        "n": 100,
        "p50": 51.0,
        "p99": 100.0,
        "max": 100.0,
    }


def test_no_delays_have_no_percentiles() -> None:
    assert spread([]) is None


def test_ratios_hold_ours_against_each_of_the_others() -> None:
    rates = {"enqueue_per_s": 1880.0, "drain_per_s": 1880.0, "end_to_end_per_s": 1880.0}
    halves = {rate: value / 2 for rate, value in rates.items()}
    found = ratios({"sendmany": rates, "celery": halves})
    assert found["drain_per_s"] == {"celery": 2.0}
    assert found["end_to_end_per_s"] == {"celery": 2.0, "bullmq": 0.2}


def test_without_ours_there_are_no_ratios() -> None:
    assert ratios({"celery": {"enqueue_per_s": 1.0}}) == {}


@pytest.mark.parametrize(
    ("system", "recipients", "latency_ms", "share"),
    [
        ("sendmany", 200_000, 0, 200_000),
        ("celery", 200_000, 0, 5_000),
        ("celery", 200_000, 100, 300),
        ("celery-batches", 210_000, 0, 10_000),
        ("celery-batches", 900, 0, 900),
    ],
)
def test_slow_systems_get_a_share(
    system: str, recipients: int, latency_ms: float, share: int
) -> None:
    plan = Plan(Path("unused"), recipients=recipients, latency_ms=latency_ms)
    assert plan.recipients_of(system) == share
