"""Prints the results."""

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table

Figures = dict[str, Any]
PROCESSES = ("producer", "worker", "redis", "provider")
CPU = tuple(f"{name} µs" for name in PROCESSES)

LINES: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("recipients", lambda of: f"{of['recipients']:,}"),
    ("enqueue, messages/s", lambda of: f"{of['enqueue_per_s']:,}"),
    ("drain, messages/s", lambda of: f"{of['drain_per_s']:,}"),
    ("end to end, messages/s", lambda of: f"{of['end_to_end_per_s']:,}"),
    ("CPU µs a message: producer", lambda of: _micros(of, "producer")),
    ("  worker", lambda of: _micros(of, "worker")),
    ("  Redis", lambda of: _micros(of, "redis")),
    ("  provider", lambda of: _micros(of, "provider")),
    ("  all of them", lambda of: _micros(of, "total")),
    ("Redis bytes a message, waiting", lambda of: f"{of['bytes_waiting']:,}"),
    ("  finished", lambda of: f"{of['bytes_finished']:,}"),
    ("peak memory of a worker process, MB", lambda of: f"{of['rss_mb']:,}"),
    ("idle: call to POST, ms, p50 / p99", lambda of: _spread(of["idle_ms"])),
    ("urgent in a campaign, ms, p50 / p99", lambda of: _spread(of["urgent_ms"])),
)


def print_results(results: Figures, console: Console) -> None:
    """Print the table, the ratios, and the machine's load."""
    systems = results["systems"]
    table = Table("", *systems)
    for column in table.columns[1:]:
        column.justify = "right"
    for name, show in LINES:
        table.add_row(name, *(show(figures) for figures in systems.values()))
    console.print(table)
    for rate, others in results["ratios"].items():
        shown = ", ".join(f"{ratio:g} x {other}" for other, ratio in others.items())
        console.print(f"sendmany, {rate}: {shown}")
    console.print(f"The provider alone takes {results['provider']['per_s']:,.0f} messages/s.")
    loads = ", ".join(f"{machine['busy_elsewhere']:g}" for machine in results["machine"])
    console.print(f"Cores busy with others before each round: {loads}.")


def print_growth(growth: dict[str, list[Figures]], console: Console) -> None:
    """Print a line for each point."""
    table = Table(
        "recipients", "lanes", "processes", "answer ms", "enqueue/s", "drain/s", *CPU, "MB"
    )
    for column in table.columns:
        column.justify = "right"
    for of in (point for points in growth.values() for point in points):
        costs = [of["enqueue_cpu_us"][name] + of["drain_cpu_us"][name] for name in PROCESSES]
        table.add_row(
            f"{of['recipients']:,}",
            f"{of['lanes']:,}",
            str(of["processes"]),
            f"{of['latency_ms']:g}",
            f"{of['enqueue_per_s']:,.0f}",
            f"{of['drain_per_s']:,.0f}",
            *(f"{cost:.2f}" for cost in costs),
            f"{of['worker_mb']:.0f}",
        )
    console.print(table)


def _micros(of: Figures, process: str) -> str:
    return f"{of['cpu_us'][process]:,}"


def _spread(delays: dict[str, float] | None) -> str:
    return "-" if delays is None else f"{delays['p50']:.1f} / {delays['p99']:.1f}"
