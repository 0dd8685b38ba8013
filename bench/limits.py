"""`python -m bench.limits`: the controller of rates against a modelled number, in virtual time.

Each scene sends as fast as the learned rate allows for an hour or two, with 20 seeds; the worst of them
is printed. With `--real`, four scenes also run in real time, through real workers, receipts and scripts.
"""

import argparse
import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.course import Course, Figures, Scene, figures
from bench.real_limits import REAL, run_real
from chatapps.sandbox.phone_number import Capacity, NumberMode, PhoneNumber
from store.limits.signals import Tally, old_fields, read_fields
from worker.pacing.rate_controller import decide, start

BATCH_SECONDS = 0.5
DECIDE_SECONDS = 5
SEEDS = 20
PLOTTED = ("20 to 80, reject", "1,000 to 80, reject", "80 to 40 to 160, reject", "20 to 80, queue")


def scenes() -> list[Scene]:
    """The scenes of the targets."""
    modes: tuple[NumberMode, ...] = ("reject", "queue")
    found = []
    for mode in modes:
        number = Capacity(80, mode)
        steps = ((2400, 40.0), (4800, 160.0))
        found += [
            Scene(f"20 to 80, {mode}", number),
            Scene(f"20 to 80, receipts 30 s late, {mode}", replace(number, lag=30)),
            Scene(f"1,000 to 80, {mode}", number, first=1000),
            Scene(f"1,000 to 80, receipts 30 s late, {mode}", replace(number, lag=30), first=1000),
            Scene(f"80 to 40 to 160, {mode}", number, first=80, seconds=7200, changes=steps),
        ]
    return [*found, Scene("20 to 1,000", Capacity(1000), seconds=600)]


def run(scene: Scene, seed: int) -> Course:
    """One scene with one seed."""
    number, tally, n = PhoneNumber(scene.number, seed), Tally(), scene.seconds
    course = Course([0] * n, [0.0] * n, [0] * n, [0] * n)
    learned, owed = start(0, scene.ceiling, scene.first), 0.0
    due: list[Counter[tuple[int, int]]] = [Counter() for _ in range(n)]  # by second of the receipt
    for tick in range(round(n / BATCH_SECONDS)):
        at = tick * BATCH_SECONDS
        second = int(at)
        if at == second:
            for (posted, code), k in due[second - 1].items() if second else ():
                tally.receipts(posted, second - 1, code, k, is_first=True)
            number.capacity = replace(number.capacity, per_second=scene.capacity(second))
            if second % DECIDE_SECONDS == 0 and second:
                for name in old_fields(tally, second):
                    del tally[name]
                before = learned
                learned = decide(learned, read_fields(tally, second), scene.ceiling)
                if learned.since != before.since:
                    course.causes.append((second, round(learned.rate, 1), learned.cause))
            course.rates[second] = learned.rate
        owed += learned.rate * BATCH_SECONDS
        batch = math.floor(owed)
        owed -= batch
        for _ in range(batch):
            fate = number.take(at)
            if fate.code:
                course.throttled[second] += 1
            elif at + fate.sent_after < n:
                course.delivered[int(at + fate.sent_after)] += 1
            told = int(at + fate.told_after)
            if told < n:
                due[told][second, fate.code] += 1
        course.sent[second] += batch
        tally.accepted(second, batch)
    course.learned = learned
    return course


def worst(scene: Scene, seeds: Sequence[int], say: Callable[[str], object] = str) -> Figures:
    """The worst figures of the runs, each for itself."""
    runs = []
    for seed in seeds:
        course = run(scene, seed)
        runs.append(figures(scene, course))
        say(f"{runs[-1]} {course.causes[:40]}")
    return Figures(
        scene.name,
        "virtual",
        min(one.used_share for one in runs),
        max(one.throttled_share for one in runs),
        max(one.settled_s for one in runs),
    )


def main() -> int:
    """Run all scenes; returns the exit code."""
    parser = argparse.ArgumentParser(prog="bench.limits", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--real", action="store_true", help="and the real ones: about 8 minutes")
    parser.add_argument("--only", default="", help="scenes whose name holds this")
    parser.add_argument(
        "--plot", type=Path, help="write a picture of four scenes, with the first seed"
    )
    parser.add_argument("--trace", action="store_true", help="every change of the rate, on stderr")
    options = parser.parse_args()
    say: Callable[[str], object] = str
    if options.trace:
        say = lambda line: print(line, file=sys.stderr)  # noqa: E731
    if options.plot:
        from bench.plot import plot_courses  # noqa: PLC0415 - needs matplotlib

        shown = [scene for scene in scenes() if scene.name in PLOTTED]
        plot_courses([(scene, run(scene, 0)) for scene in shown], options.plot)
        return 0
    found = [
        worst(scene, range(options.seeds), say) for scene in scenes() if options.only in scene.name
    ]
    if options.real:
        found += [run_real(one, say) for one in REAL if options.only in one.scene.name]
    if options.json:
        print(json.dumps({"scenarios": [asdict(one) for one in found]}, indent=2))
        return 0
    table = Table("scene", "kind", "used", "throttled", "settled, s")
    for one in found:
        used, throttled = f"{one.used_share:.1%}", f"{one.throttled_share:.2%}"
        table.add_row(one.name, one.kind, used, throttled, f"{one.settled_s:g}")
        for name, figure in one.details.items():
            table.add_row(f"  {name}: {figure:g}")
    Console(width=max(100, Console().width)).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
