"""The randomised run, short and with one seed. Longer by hand: `make chaos SECONDS=300 SEED=7`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.arrivals import busiest_second, excesses, unexcused

ROOT = Path(__file__).parents[2]
SEED = 3
BOUND = 180  # s


def test_a_second_that_holds_too_much_is_found_unless_a_worker_thawed_in_it() -> None:
    requests = [(10.0, 500), (10.1, 500), (10.9, 500), (11.05, 400), (12.2, 900), (12.4, 101)]
    found = excesses("shop", requests, 1000)
    assert [(one.end, one.messages) for one in found] == [(10.9, 1500), (11.05, 1400), (12.4, 1001)]
    assert [one.end for one in unexcused(found, [10.05])] == [12.4]
    assert [one.end for one in unexcused(found, [9.0, 12.3])] == [10.9, 11.05]
    assert busiest_second(requests) == 1500


@pytest.mark.timing
@pytest.mark.long
@pytest.mark.timeout(900)
def test_no_invariant_breaks_whatever_is_killed_and_frozen() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.acceptance.chaos", "--seconds", "20", "--seed", str(SEED)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=BOUND,
    )
    print(ran.stderr)
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert figures["breaches"] == []
    assert ran.returncode == 0
    assert figures["seed"] == SEED
    assert figures["lost"] == figures["duplicates_hold"] == 0
    assert sum(figures["states"].values()) == figures["messages"] >= 60_000
    assert figures["receipts"] > 0
    assert sum(figures["strikes"].values()) > 2
