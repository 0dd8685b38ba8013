"""What a deployment can do, from what one message and one receipt cost.

`python -m bench.model [--json]` prints throughput, memory and cost for workers, shards, latency and
receipts; `--check` measures campaigns of three sizes on this machine and holds the model against them.
The constants are CPU-µs of the processes on one core of the machine in docs/explanation/performance.md.
"""

import argparse
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.errors import BenchError
from bench.results import OURS, median_of
from bench.rounds import on_fresh_ground
from bench.scenes import Filled, fill_and_drain
from bench.stage import Setting
from sendmany.errors import ProcessError

CHECKED: Final = (
    (400_000, 2, 0.0), (200_000, 2, 0.0), (100_000, 2, 0.0), (400_000, 1, 0.0), (400_000, 2, 100.0),
)  # fmt: skip
"""Recipients, worker processes, ms of an answer."""
ROUNDS: Final = 3
START_SECONDS: Final = 0.1
"""In which a campaign begins and ends, with less than all workers busy."""
TOLERATED: Final = 0.15
DAY_HOURS: Final = 10.0
"""In which the messages of a day go out."""
SHARD_GB: Final = 64.0
"""Most data of one Redis."""
BUSY: Final = 0.6
"""Share of its core that a process may use."""


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU-µs of one message and of one of its receipts, by process; bytes in Redis."""

    producer: float = 4.9
    worker: float = 8.0
    redis: float = 1.25
    receipt_web: float = 22.0
    receipt_worker: float = 6.0
    receipt_redis: float = 5.0
    bytes_waiting: float = 30.0
    bytes_finished: float = 47.0  # without the values that are kept for retries


@dataclass(frozen=True, slots=True)
class Deployment:
    """Processes, each with a core of its own."""

    workers: int
    shards: int = 1
    receivers: int = 1
    latency_ms: float = 100
    receipts: int = 3
    batch: int = 1000
    in_air: int = 32  # requests of a worker process


@dataclass(frozen=True, slots=True)
class Need:
    """What so many messages a day need, each with three receipts."""

    messages_a_day: int
    retention_days: float
    messages_a_second: int  # while they go out
    workers: int
    receivers: int
    shards: int
    redis_gb: float
    euro_a_month: int
    wall: str  # what is nearly all of the cost: it binds first


@dataclass(frozen=True, slots=True)
class Held:
    """A measurement, and what the model says."""

    recipients: int
    processes: int
    latency_ms: float
    measured: float
    predicted: float

    @property
    def off(self) -> float:
        """Share by which the model is too high."""
        return self.predicted / self.measured - 1


COSTS: Final = Costs()
EURO_CORE, EURO_GB = 15.0, 4.0
"""Of a rented machine, a month."""


def bounds(one: Deployment, costs: Costs = COSTS) -> dict[str, float]:
    """Messages a second that each part takes; the least of them is the throughput."""
    n = one.receipts
    in_air = one.workers * one.in_air * one.batch
    return {
        "workers": one.workers * 1e6 / (costs.worker + n * costs.receipt_worker),
        "shards": one.shards * 1e6 / (costs.redis + n * costs.receipt_redis),
        "receivers": one.receivers * 1e6 / (n * costs.receipt_web) if n else math.inf,
        "requests in the air": in_air * 1000 / one.latency_ms if one.latency_ms else math.inf,
    }


def need(messages_a_day: float, hours: float, retention_days: float, costs: Costs = COSTS) -> Need:
    """The processes for so many messages a day, sent within some hours of it."""
    rate = messages_a_day / (hours * 3600)
    each = bounds(Deployment(workers=1), costs)
    count = {name: max(1, math.ceil(rate / (its * BUSY))) for name, its in each.items()}
    gb = messages_a_day * (retention_days * costs.bytes_finished + costs.bytes_waiting) / 1e9
    shards = max(count["shards"], math.ceil(gb / SHARD_GB))
    cores = count["workers"] + count["receivers"] + shards
    euro, of_memory = cores * EURO_CORE + gb * EURO_GB, gb * EURO_GB
    wall = "memory" if of_memory > euro / 2 else max(each, key=lambda name: rate / each[name])
    return Need(
        round(messages_a_day), retention_days, round(rate), count["workers"], count["receivers"],
        shards, round(gb, 1), round(euro), wall,
    )  # fmt: skip


def check(home: Path) -> list[Held]:
    """Drain of campaigns on this machine, against what the model makes of their CPU costs. The costs are
    those of the same run, since machines change their speed."""
    held: list[Held] = []
    for recipients, processes, latency in CHECKED:
        setting = Setting(OURS, processes, latency)

        def run(home: Path, n: int = recipients, setting: Setting = setting) -> Filled:
            return fill_and_drain(setting, home, n, 1)

        found: Filled = median_of([on_fresh_ground(home, run) for _ in range(ROUNDS)])
        predicted = drain_per_s(
            asdict(found)["drain_cpu_us"], recipients, processes, latency / 1000
        )
        held.append(Held(recipients, processes, latency, found.drain_per_s, predicted))
    return held


def drain_per_s(cpu_us: Mapping[str, float], n: int, processes: int, latency: float) -> float:
    """Messages a second of a campaign without receipts, where all processes share a machine."""
    cores = os.cpu_count() or 1
    rate = 1e6 * min(processes / cpu_us["worker"], cores / sum(cpu_us.values()))
    return n / (n / rate + latency + START_SECONDS)


def main() -> int:
    """Print the table, or check the model; exit code 1 if it is off."""
    parser = argparse.ArgumentParser(
        prog="bench.model",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="measure here, for about a minute")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--plot", type=Path, help="PNG file to draw")
    options = parser.parse_args()
    if options.check:
        return _check(as_json=options.json)
    found = [need(n, DAY_HOURS, days) for n in (1e6, 1e7, 1e8, 1e9) for days in (30, 3)]
    if options.plot:
        from bench.plot import plot_needs  # noqa: PLC0415 - needs matplotlib

        plot_needs(found, options.plot)
    if options.json:
        print(
            json.dumps({"costs": asdict(COSTS), "needs": [asdict(one) for one in found]}, indent=2)
        )
        return 0
    table = Table(*(name.replace("_", " ") for name in asdict(found[0])))
    for one in found:
        table.add_row(
            *(
                f"{value:,}" if not isinstance(value, str) else value
                for value in asdict(one).values()
            )
        )
    Console(width=max(120, Console().width)).print(table)
    return 0


def _check(*, as_json: bool) -> int:
    home = Path(tempfile.mkdtemp(prefix="model-"))
    try:
        held = check(home)
    except (BenchError, ProcessError) as error:
        print(f"model: {error}", file=sys.stderr)
        return 1
    shutil.rmtree(home)
    if as_json:
        print(json.dumps([asdict(one) | {"off": round(one.off, 3)} for one in held], indent=2))
    else:
        table = Table("recipients", "processes", "answers, ms", "measured/s", "predicted/s", "off")
        for one in held:
            table.add_row(
                f"{one.recipients:,}", f"{one.processes}", f"{one.latency_ms:g}",
                f"{one.measured:,.0f}", f"{one.predicted:,.0f}", f"{one.off:+.1%}",
            )  # fmt: skip
        Console(width=100).print(table)
    return int(any(abs(one.off) > TOLERATED for one in held))


if __name__ == "__main__":
    sys.exit(main())
