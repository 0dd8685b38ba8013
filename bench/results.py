"""Turns runs into figures: medians, percentiles, ratios."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, fields, is_dataclass
from typing import Any

from bench.ceiling import Ceiling
from bench.plan import Plan
from bench.rounds import Rounds, Run
from bench.stage import Cpu

RATES = ("enqueue_per_s", "drain_per_s", "end_to_end_per_s")
OURS = "sendmany"
BULLMQ_PER_S = 9400
"""End to end on this kind of machine, measured once by hand: BullMQ needs Node."""


def results(plan: Plan, rounds: Rounds, ceiling: Ceiling) -> dict[str, Any]:
    """All results as one JSON object."""
    systems = {
        system: {"recipients": plan.recipients_of(system), **figures(runs)}
        for system, runs in rounds.runs.items()
    }
    return {
        "recipients": plan.recipients,
        "rounds": plan.rounds,
        "processes": plan.processes,
        "latency_ms": plan.latency_ms,
        "machine": [asdict(machine) for machine in rounds.machines],
        "provider": asdict(ceiling),
        "systems": systems,
        "ratios": ratios(systems),
    }


def figures(runs: Sequence[Run]) -> dict[str, Any]:
    """The medians of one system; delays of all rounds are pooled."""
    middle: Run = median_of(runs)
    filled, flow, delays = middle.filled, middle.flow, middle.delays
    return {
        "enqueue_per_s": round(filled.enqueue_per_s),
        "drain_per_s": round(filled.drain_per_s),
        "end_to_end_per_s": round(flow.end_to_end_per_s),
        "bytes_waiting": round(filled.bytes_waiting, 1),
        "bytes_finished": round(filled.bytes_finished, 1),
        "rss_mb": round(max(filled.worker_mb, flow.worker_mb), 1),
        "producer_rss_mb": round(filled.producer_mb, 1),
        "redis_rss_mb": round(filled.redis_mb, 1),
        "cpu_us": _cpu(flow.cpu_us),
        "enqueue_cpu_us": _cpu(filled.enqueue_cpu_us),
        "drain_cpu_us": _cpu(filled.drain_cpu_us),
        "messages_per_request": round(filled.messages_per_request, 1),
        "idle_ms": spread(delays.idle),
        "urgent_ms": spread(delays.urgent),
        "exactly_once": True,  # otherwise there are no figures
        "rounds": [_rates(run) for run in runs],
    }


def ratios(systems: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Ours over each of the others, rate by rate."""
    if OURS not in systems:
        return {}
    ours = systems[OURS]
    found = {
        rate: {
            other: round(ours[rate] / theirs[rate], 2)
            for other, theirs in systems.items()
            if other != OURS
        }
        for rate in RATES
    }
    found["end_to_end_per_s"]["bullmq"] = round(ours["end_to_end_per_s"] / BULLMQ_PER_S, 2)
    return found


def spread(delays: Sequence[float]) -> dict[str, float] | None:
    """Percentiles of delays; None when there are none."""
    if not delays:
        return None
    ordered = sorted(delays)
    return {
        "n": len(ordered),
        "p50": percentile(ordered, 0.5),
        "p99": percentile(ordered, 0.99),
        "max": ordered[-1],
    }


def percentile(ordered: Sequence[float], part: float) -> float:
    """The smallest value that at least `part` of all values do not exceed."""
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def median_of(records: Sequence[Any]) -> Any:
    """A record of medians, field by field; tuples are joined."""
    first = records[0]
    if is_dataclass(first) and not isinstance(first, type):
        return type(first)(
            **{
                field.name: median_of([getattr(record, field.name) for record in records])
                for field in fields(first)
            }
        )
    if isinstance(first, tuple):
        return tuple(value for record in records for value in record)
    return statistics.median(records)


def _cpu(cpu: Cpu) -> dict[str, float]:
    """µs per message by process and in total, which bounds what idle cores could do."""
    by_process = asdict(cpu)
    return {**by_process, "total": round(sum(by_process.values()), 2)}


def _rates(run: Run) -> dict[str, int]:
    rates = (run.filled.enqueue_per_s, run.filled.drain_per_s, run.flow.end_to_end_per_s)
    return dict(zip(RATES, map(round, rates), strict=True))
