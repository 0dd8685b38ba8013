"""The randomised run, short and with one seed. Longer by hand: `make chaos SECONDS=300 SEED=7`."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEED = 3


def test_no_invariant_breaks_whatever_is_killed_and_frozen() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.acceptance.chaos", "--seconds", "20", "--seed", str(SEED)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    print(ran.stderr)
    figures = json.loads(ran.stdout.splitlines()[-1])
    assert figures["breaches"] == []
    assert ran.returncode == 0
    assert figures["seed"] == SEED
    assert figures["lost"] == figures["duplicates_hold"] == 0
    assert sum(figures["states"].values()) == figures["messages"] >= 60_000
    assert sum(figures["strikes"].values()) > 8
