"""Commands and workers are killed at random points: no recipient is lost, and none gets two messages.

`SENDMANY_TEST_RUNS` is the number of runs, each with another seed.
"""

import contextlib
import os
import random
import signal
import subprocess
from pathlib import Path

import pytest

from sendmany.local.stack import Receiver, Sandbox
from store.lanes.lane import list_lanes
from store.receipts.inbox import read_inbox_figures
from store.reports.lane_report import LaneReport
from store.states import State
from tests.acceptance.command import SENDMANY, environment
from tests.acceptance.house import SMALL, House, open_house, until

RUNS = int(os.environ.get("SENDMANY_TEST_RUNS", "2"))
FIRST, FURTHER, CANARY = 1200, 600, 100
SETTINGS = (
    SMALL,
    ("SENDMANY_WORKER__LEASE_SECONDS", "2"),
    ("SENDMANY_WORKER__SWEEP_SECONDS", "0.5"),
    # A killed sender may hold the whole canary: its receipts have to come before the canary is judged.
    ("SENDMANY_CAMPAIGNS__CANARY_SECONDS", "5"),
    ("SENDMANY_CAMPAIGNS__CANARY_FAILED", "1"),
    ("SENDMANY_CAMPAIGNS__CANARY_OPTED_OUT", "1"),
)


class Operator:
    """Runs commands, each of which is killed at a random point first."""

    def __init__(self, house: House, home: Path, rng: random.Random) -> None:
        self._house, self._home, self._rng = house, home, rng

    def write(self, name: str, people: range) -> None:
        rows = "".join(f"+4474{index:08d},Ann\n" for index in people)
        (self._home / name).write_text(f"phone,name\n{rows}")

    def does(self, *words: str, done: str = "") -> None:
        """Run a command to its end, after one run that was killed.

        Args:
            done: part of the refusal by which the killed run is known to have done it.
        """
        killed = self._start(*words)
        try:
            killed.wait(self._rng.uniform(0.3, 1.6))
        except subprocess.TimeoutExpired:
            killed.send_signal(signal.SIGKILL)
        killed.communicate()
        again = self._start(*words)
        out, err = again.communicate(timeout=120)
        assert again.returncode == 0 or (done and done in err), (words, out, err)

    def kills_a_sender(self, lane: str) -> None:
        """Kill a process with requests in flight; those of a killed one stay for a while."""
        for process in {*self._house.senders(lane)}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
                return

    def _start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [SENDMANY, "campaign", *words],
            cwd=self._home,
            env=environment(webhooks__received="true", policies__settle_after="2")
            | self._house.local.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def by_name(house: House, name: str) -> LaneReport:
    (lane,) = (one for one in list_lanes(house.store) if one.name == name)
    return house.report(lane.id)


def checked(house: House, lane: str) -> LaneReport:
    """The figures of a lane that has ended, once its receipts have come; asserts that they add up."""
    until(lambda: house.has_ended(lane), 60)
    until(lambda: house.ledger()["webhooks"]["waiting"] == 0, 60)
    until(lambda: house.store.run(read_inbox_figures()).waiting == 0)
    return house.check(lane)


@pytest.mark.timing
@pytest.mark.long
@pytest.mark.timeout(120 + 60 * RUNS)
@pytest.mark.parametrize("seed", range(RUNS))
def test_whatever_is_killed_each_person_gets_it_once(tmp_path: Path, seed: int) -> None:
    sandbox = Sandbox(faults="mild", seed=seed, latency_ms=100, webhook_patience=0.1)
    secret = Receiver(("Bearer winter-7",))
    with open_house(tmp_path / "house", sandbox, *SETTINGS, receiver=secret, workers=2) as house:
        operator = Operator(house, tmp_path, random.Random(seed))
        operator.write("people.csv", range(FIRST))
        operator.write("more.csv", range(FIRST - 100, FIRST + FURTHER))
        text = '{"type": "text", "content": {"text": "Hello {{name}}"}}'
        (tmp_path / "hello.json").write_text(text)
        files = ("--recipients", "people.csv", "--message", "hello.json", "--hold")
        operator.does("create", "Sale", *files, "--canary", str(CANARY), done="is a draft")
        operator.does("launch", "Sale", "--yes", done="and no draft")
        lane = by_name(house, "Sale").lane.id
        operator.kills_a_sender(lane)
        operator.does("add", "Sale", "more.csv")
        operator.kills_a_sender(lane)
        report = checked(house, lane)
        assert sum(report.counts.values()) == FIRST + FURTHER
        operator.does("retry", "Sale", "--as", "Again", "--state", "failed,rejected", "--yes")
        again = by_name(house, "Again").lane.id
        counts = checked(house, again).counts
        assert sum(counts.values()) == sum(
            report.counts.get(one, 0) for one in (State.FAILED, State.REJECTED)
        )
