"""Restarts of processes that end by themselves, second by second."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sendmany.errors import ProcessError
from sendmany.local.supervisor import Supervisor


@dataclass
class Machine:
    """Processes that end when the test says so; its clock stands until it is put forward."""

    now: float = 1000.0
    dead: dict[str, int] = field(default_factory=dict)
    restarts: list[tuple[str, float]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    refuses: bool = False  # to start again

    def ended(self) -> dict[str, int]:
        return self.dead

    def log_of(self, name: str) -> Path:
        return Path(f"{name}.log")

    def restart(self, name: str) -> None:
        self.restarts.append((name, self.now))
        if self.refuses:
            raise ProcessError("It did not start.")
        del self.dead[name]


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def supervisor(machine: Machine) -> Supervisor:
    return Supervisor(machine, machine.told.append, lambda: machine.now)  # type: ignore[arg-type]


def look_for(machine: Machine, supervisor: Supervisor, seconds: float) -> None:
    """Look ten times a second."""
    for _ in range(round(seconds * 10)):
        supervisor.look()
        machine.now += 0.1


def test_a_process_is_started_again_later_each_time(
    machine: Machine, supervisor: Supervisor
) -> None:
    backoff = []
    for _ in range(4):
        died, machine.dead["worker"] = machine.now, -9
        look_for(machine, supervisor, 5)
        backoff.append(machine.restarts[-1][1] - died)
    assert backoff == pytest.approx([0.5, 1, 2, 4], abs=0.11)
    assert machine.told[:2] == [
        "The worker ended by itself (SIGKILL); it is started again in 0.5 s. Its log: worker.log",
        "The worker has been started again.",
    ]


def test_one_that_ends_five_times_within_a_minute_ends_all(
    machine: Machine, supervisor: Supervisor
) -> None:
    machine.dead["web"], machine.refuses = 3, True
    with pytest.raises(
        ProcessError, match=r"web has ended 5 times .* \(exit code 3\): see web.log"
    ):
        look_for(machine, supervisor, 10)
    assert len(machine.restarts) == 4


def test_one_that_ends_now_and_then_is_started_again_for_ever(
    machine: Machine, supervisor: Supervisor
) -> None:
    for _ in range(20):
        machine.dead["server"] = 1
        look_for(machine, supervisor, 16)
    assert len(machine.restarts) == 20


def test_each_process_has_its_own_deaths(machine: Machine, supervisor: Supervisor) -> None:
    for name in ("worker", "web", "server", "sandbox"):
        for _ in range(3):
            machine.dead[name] = -9
            look_for(machine, supervisor, 3)
    assert len(machine.restarts) == 12
