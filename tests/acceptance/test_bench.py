"""The bench runs, with real processes, and ends only if every message came exactly once."""

import json
import subprocess
import sys

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="the bench reads /proc")
@pytest.mark.timing
@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_small_bench_balances() -> None:
    words = "--recipients 2000 --rounds 1 --probes 5 --systems sendmany,bare-loop --json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", *words.split()],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert set(results["ratios"]["end_to_end_per_s"]) == {"bare-loop", "bullmq"}
    for figures in results["systems"].values():
        assert figures["exactly_once"]
        assert figures["recipients"] == 2000
        assert figures["end_to_end_per_s"] > 0
        assert figures["bytes_finished"] > 0
    assert results["systems"]["sendmany"]["idle_ms"]["n"] == 5


@pytest.mark.skipif(sys.platform != "linux", reason="the bench reads /proc")
@pytest.mark.timing
@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_short_bench_of_the_web_process_tells_every_figure() -> None:
    words = "--seconds 0.3 --people 500 --scenes batch,applied,sustained,campaign --json"
    done = subprocess.run(
        [sys.executable, "-m", "bench.web", *words.split()],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert all(figures["per_s"] > 0 for figures in found.values())
    assert all(figures["cpu_us"]["redis"] > 0 for figures in found.values())
    assert found["sustained"]["applied_per_s"] > 0
