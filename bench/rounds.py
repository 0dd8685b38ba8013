"""Rounds: every system in turns, so that a busy minute of the machine affects all of them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bench.meter import Machine, check_machine
from bench.plan import Plan
from bench.scenes import Delays, Filled, Flow, delays, fill_and_drain, flow

T = TypeVar("T")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """One system in one round."""

    filled: Filled
    flow: Flow
    delays: Delays


@dataclass(frozen=True, slots=True)
class Rounds:
    """All measurements."""

    machines: list[Machine]  # before each round
    runs: dict[str, list[Run]]


def run_rounds(plan: Plan, say: Say) -> Rounds:
    """Run every system once per round."""
    found = Rounds([], {system: [] for system in plan.systems})
    for number in range(1, plan.rounds + 1):
        machine = check_machine()
        found.machines.append(machine)
        say(
            f"round {number}: load {machine.load:.2f}, {machine.busy_elsewhere} cores busy elsewhere"
        )
        for system in plan.systems:
            found.runs[system].append(run_once(plan, system))
            say(f"round {number}: {system}: {_short(found.runs[system][-1])}")
    return found


def run_once(plan: Plan, system: str) -> Run:
    """All scenes of one system."""
    setting, n = plan.setting(system), plan.recipients_of(system)
    return Run(
        on_fresh_ground(plan.home, lambda home: fill_and_drain(setting, home, n)),
        on_fresh_ground(plan.home, lambda home: flow(setting, home, n)),
        on_fresh_ground(plan.home, lambda home: delays(setting, home, n, plan.probes)),
    )


def on_fresh_ground(home: Path, scene: Callable[[Path], T]) -> T:
    """Play a scene in a directory of its own, which is kept only if the scene fails."""
    stage = home / "stage"
    found = scene(stage)
    shutil.rmtree(stage, ignore_errors=True)
    return found


def _short(run: Run) -> str:
    rates = (run.filled.enqueue_per_s, run.filled.drain_per_s, run.flow.end_to_end_per_s)
    return "enqueue {:,.0f}/s, drain {:,.0f}/s, end to end {:,.0f}/s".format(*rates)
