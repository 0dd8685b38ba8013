"""`python -m bench`: runs the benchmarks and prints the results."""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.ceiling import measure_ceiling
from bench.errors import BenchError
from bench.growth import grow
from bench.output import print_growth, print_results
from bench.plan import Plan
from bench.plot import plot_growth, plot_results
from bench.results import results
from bench.rounds import run_rounds
from bench.systems import NAMES, VARIANTS
from sendmany.errors import ProcessError

WIDTH = 120


def main() -> int:
    """Run the bench; returns the exit code."""
    options = _parse(sys.argv[1:])
    home = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        found = _measure(options, home)
    except (BenchError, ProcessError) as error:
        print(f"bench: {error}", file=sys.stderr)  # home is kept for its logs
        return 1
    shutil.rmtree(home)
    _show(found, options)
    return 0


def _measure(options: argparse.Namespace, home: Path) -> dict[str, Any]:
    plan = Plan(
        home=home,
        recipients=options.recipients,
        rounds=options.rounds,
        systems=tuple(options.systems),
        processes=options.processes,
        latency_ms=options.latency_ms,
        probes=options.probes,
    )
    if options.growth:
        return {"growth": grow(plan, options.growth, _say)}
    ceiling = measure_ceiling(home)
    return results(plan, run_rounds(plan, _say), ceiling)


def _show(found: dict[str, Any], options: argparse.Namespace) -> None:
    growth = found.get("growth")
    if options.json:
        print(json.dumps(found, indent=2))
    elif growth:
        print_growth(growth, _console())
    else:
        print_results(found, _console())
    if options.plot and growth:
        plot_growth(growth, options.plot)
    elif options.plot:
        plot_results(found, options.plot)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--recipients", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--systems", type=_names, default=NAMES, help="with commas between them")
    parser.add_argument("--processes", type=int, default=2, help="worker processes")
    parser.add_argument("--latency-ms", type=float, default=0, help="how long an answer takes")
    parser.add_argument("--probes", type=int, default=100, help="single messages while idle")
    parser.add_argument(
        "--growth", type=_sizes, help="instead: cost by size, e.g. 10000,100000,1000000"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--plot", type=Path, help="PNG file to draw")
    return parser.parse_args(words)


def _names(text: str) -> list[str]:
    names = text.split(",")
    known = (*NAMES, *VARIANTS)
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(known)}")
    return names


def _sizes(text: str) -> list[int]:
    return [int(size) for size in text.split(",")]


def _console() -> Console:
    """A console wide enough for the tables, also without a terminal."""
    return Console(width=max(WIDTH, Console().width))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
