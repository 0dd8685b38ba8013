"""A worker's wall clock decides nothing: it asks Redis, or counts seconds by the monotonic clock."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WALL_CLOCK = re.compile(
    r"\btime\.(time|time_ns|localtime|gmtime)\b|\b(datetime|date)\.(now|utcnow|today)\b"
)
ALLOWED = {
    "worker/revisions.py": "forgets lanes that were not seen for a month",
    "worker/subscriptions.py": "stamps what it posts; the endpoint compares that with its own clock",
}


@pytest.mark.parametrize("package", ["worker", "store"])
def test_no_module_reads_the_wall_clock(package: str) -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / package).glob("**/*.py")
        if WALL_CLOCK.search(path.read_text("utf-8"))
    }
    assert found <= set(ALLOWED)


@pytest.mark.parametrize("path", [*(ROOT / "store").glob("**/*.lua")], ids=lambda p: p.stem)
def test_scripts_know_only_the_clock_of_redis(path: Path) -> None:
    assert "os.time" not in path.read_text("utf-8")
