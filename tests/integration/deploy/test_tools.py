"""The files of `deploy/`, read by the programs that they are for."""

import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[3] / "deploy"


def accepts(program: str, *words: str, folder: str) -> None:
    """A program takes a file without an error; skips where the machine does not have it."""
    if not shutil.which(program):
        pytest.skip(f"{program} is not on this machine.")
    done = subprocess.run((program, *words), cwd=DEPLOY / folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("words", [("check", "alerts.yml"), ("test", "alerts_test.yml")])
def test_promtool_takes_the_alerts_and_they_go_off_when_they_should(words: tuple[str, str]) -> None:
    what, file = words
    accepts("promtool", what, "rules", file, folder="prometheus")
