"""Plots: systems side by side, and cost per message with growth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.course import Course, Scene
from bench.model import Need
from bench.output import PROCESSES
from bench.results import RATES

RATE_NAMES = ("enqueue", "drain", "end to end")
DPI = 110


def plot_results(results: dict[str, Any], file: Path) -> None:
    """Rates, CPU time and memory of all systems."""
    systems = results["systems"]
    figure = Figure(figsize=(15, 4.8), layout="constrained")
    rates, cpu, memory = figure.subplots(1, 3)
    _grouped(
        rates,
        list(systems),
        {
            name: [of[rate] for of in systems.values()]
            for name, rate in zip(RATE_NAMES, RATES, strict=True)
        },
    )
    rates.set_title("messages a second")
    _grouped(
        cpu,
        list(systems),
        {name: [max(of["cpu_us"][name], 0.01) for of in systems.values()] for name in PROCESSES},
    )
    cpu.set_title("CPU µs a message, end to end")
    _grouped(
        memory,
        list(systems),
        {
            name: [max(of[f"bytes_{name}"], 0.1) for of in systems.values()]
            for name in ("waiting", "finished")
        },
    )
    memory.set_title("Redis bytes a message")
    figure.suptitle(_caption(results))
    _save(figure, file)


def plot_growth(growth: dict[str, Any], file: Path) -> None:
    """Cost by size of a campaign; rates by lanes and by worker processes."""
    figure = Figure(figsize=(15, 4.8), layout="constrained")
    cost, lanes, processes = figure.subplots(1, 3)
    _plot_cost(cost, growth["sizes"])
    _bars(lanes, growth["lanes"], "lanes")
    lanes.set_title("drained a second by lanes")
    _bars(processes, growth["processes"], "processes")
    latency = growth["processes"][0]["latency_ms"]
    processes.set_title(f"drained a second by processes, answers take {latency:g} ms")
    _save(figure, file)


def plot_courses(courses: Sequence[tuple[Scene, Course]], file: Path) -> None:
    """The learned rate of scenes against the capacity, and what was throttled, second by second."""
    figure = Figure(figsize=(15, 4.8), layout="constrained")
    for (scene, course), axes in zip(
        courses, figure.subplots(1, len(courses), squeeze=False)[0], strict=True
    ):
        minutes = [second / 60 for second in range(scene.seconds)]
        axes.plot(
            minutes, [scene.capacity(at) for at in range(scene.seconds)], "k--", label="capacity"
        )
        axes.plot(minutes, course.rates, label="learned rate")
        axes.plot(minutes, course.throttled, linewidth=0.8, label="throttled")
        axes.set_title(scene.name)
        axes.set_xlabel("minutes")
        axes.set_ylim(0, 2 * max(map(scene.capacity, range(scene.seconds))))
    figure.axes[0].set_ylabel("messages a second")
    figure.axes[0].legend()
    _save(figure, file)


def plot_needs(needs: Sequence[Need], file: Path) -> None:
    """Cost and memory by messages a day."""
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    cost, memory = figure.subplots(1, 2)
    for days in sorted({one.retention_days for one in needs}):
        some = [one for one in needs if one.retention_days == days]
        a_day = [one.messages_a_day for one in some]
        cost.loglog(a_day, [one.euro_a_month for one in some], "o-", label=f"{days:g} days kept")
        memory.loglog(a_day, [one.redis_gb for one in some], "o-", label=f"{days:g} days kept")
    cost.set_title("euro a month")
    memory.set_title("GB in Redis")
    for axes in (cost, memory):
        axes.set_xlabel("messages a day")
        axes.legend()
    _save(figure, file)


def _plot_cost(axes: Axes, points: Sequence[dict[str, Any]]) -> None:
    sizes = [point["recipients"] for point in points]
    for name in PROCESSES:
        costs = [point["enqueue_cpu_us"][name] + point["drain_cpu_us"][name] for point in points]
        axes.plot(sizes, costs, marker="o", label=name)
    axes.set_xscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("recipients")
    axes.set_title("CPU µs a message by size of the campaign")
    axes.legend()


def _bars(axes: Axes, points: Sequence[dict[str, Any]], what: str) -> None:
    names = [f"{point[what]:,}" for point in points]
    bars = axes.bar(names, [point["drain_per_s"] for point in points], width=0.5)
    axes.bar_label(bars, fmt="{:,.0f}", fontsize=8)
    axes.set_xlabel(what)


def _grouped(axes: Axes, groups: list[str], series: dict[str, list[float]]) -> None:
    """Bars in groups, on a logarithmic scale, each with its value."""
    width = 0.8 / len(series)
    for place, (name, values) in enumerate(series.items()):
        at = [group + place * width for group in range(len(groups))]
        bars = axes.bar(at, values, width, label=name)
        axes.bar_label(bars, fmt=_short, fontsize=6)
    axes.set_xticks([group + 0.4 - width / 2 for group in range(len(groups))], groups)
    axes.set_yscale("log")
    axes.margins(y=0.15)
    axes.legend(fontsize=8)


def _short(value: float) -> str:
    """Three digits, so that labels do not overlap."""
    if value >= 1e6:
        return f"{value / 1e6:.2f}M"
    return (
        f"{value / 1e3:.3g}k"
        if value >= 1e4
        else f"{value:,.3g}"
        if value < 100
        else f"{value:,.0f}"
    )


def _caption(results: dict[str, Any]) -> str:
    machine = results["machine"][0]
    busy = max(machine["busy_elsewhere"] for machine in results["machine"])
    return (
        f"{results['recipients']:,} recipients (slow systems: a share), {results['processes']} worker "
        f"processes, {machine['cores']} cores ({busy:g} busy elsewhere), provider on the same "
        f"machine at {results['latency_ms']:g} ms, medians of {results['rounds']}"
    )


def _save(figure: Figure, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=DPI)
