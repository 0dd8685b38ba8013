"""The application's wheel, installed, in a folder of a project with packages of the same names."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("chatapps", "config", "dashboard", "producer", "sendmany", "store", "worker")


def run(*command: str, folder: Path, python_path: Path) -> str:
    """The output of a command that succeeds."""
    environment = {**os.environ, "PYTHONPATH": str(python_path), "TMPDIR": str(python_path.parent)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.long
def test_a_campaign_is_sent_from_a_folder_with_packages_of_the_same_names(tmp_path: Path) -> None:
    project, installed = tmp_path / "project", tmp_path / "installed"
    for name in PACKAGES:
        (project / name).mkdir(parents=True)
        (project / name / "__init__.py").write_text("raise ImportError('of the project')\n")
    build = ("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    run(sys.executable, *build, folder=ROOT, python_path=installed)
    (wheel,) = tmp_path.glob("sendmany-*.whl")
    install = ("-m", "pip", "install", "--no-deps", "--no-index", "--target", str(installed))
    run(sys.executable, *install, str(wheel), folder=tmp_path, python_path=installed)
    demo = (str(installed / "bin/sendmany"), "demo", "--recipients", "200", "--json")
    told = json.loads(run(*demo, folder=project, python_path=installed))
    assert (told["recipients"], told["ledger_balanced"], told["lost"]) == (200, True, 0)
