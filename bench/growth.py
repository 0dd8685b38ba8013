"""Growth: cost per message with more recipients, lanes or worker processes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.plan import Plan
from bench.results import OURS, median_of
from bench.rounds import Say, on_fresh_ground
from bench.scenes import Filled, fill_and_drain
from bench.stage import Setting

LANES = (1, 1000)
RECIPIENTS = 100_000  # when lanes or processes grow
PROCESSES = (1, 2, 4, 8)
SLOW_ANSWER_MS = 100.0


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: the medians of all rounds."""

    recipients: int
    lanes: int
    processes: int
    latency_ms: float
    filled: Filled


def grow(plan: Plan, sizes: Sequence[int], say: Say) -> dict[str, Any]:
    """Measure by size, by lanes, and by processes."""
    quick, n = Setting(OURS, plan.processes), RECIPIENTS
    slow = [Setting(OURS, processes, SLOW_ANSWER_MS) for processes in PROCESSES]
    return {
        "sizes": [_shown(_point(plan, quick, size, 1, say)) for size in sizes],
        "lanes": [_shown(_point(plan, quick, n, lanes, say)) for lanes in LANES],
        "processes": [_shown(_point(plan, setting, n, 1, say)) for setting in slow],
    }


def _point(plan: Plan, setting: Setting, recipients: int, lanes: int, say: Say) -> Point:
    runs = [
        on_fresh_ground(plan.home, lambda home: fill_and_drain(setting, home, recipients, lanes))
        for _ in range(plan.rounds)
    ]
    filled: Filled = median_of(runs)
    say(
        f"{recipients:,} recipients, {lanes} lanes, {setting.processes} processes, "
        f"{setting.latency_ms:g} ms: enqueue {filled.enqueue_per_s:,.0f}/s, "
        f"drain {filled.drain_per_s:,.0f}/s"
    )
    return Point(recipients, lanes, setting.processes, setting.latency_ms, filled)


def _shown(point: Point) -> dict[str, Any]:
    shown = asdict(point)
    return {**shown, **shown.pop("filled")}
