"""The files of `deploy/`, read by the programs that they are for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

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


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY / "systemd", tmp_path, dirs_exist_ok=True)
    units = sorted(tmp_path.glob("*.service"))
    for unit in units:  # it looks whether the program is there
        unit.write_text(
            unit.read_text("utf-8").replace("/opt/sendmany/bin/sendmany", sys.executable)
        )
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not on this machine.")
    done = subprocess.run(
        ("systemd-analyze", "verify", *map(str, units)),
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "path", sorted((DEPLOY / "kubernetes").glob("*.yaml")), ids=lambda p: p.stem
)
def test_the_schema_of_kubernetes_takes_a_manifest(path: Path) -> None:
    """`make test-deploy` brings the schemas."""
    if path.stem in ("kustomization", "autoscale"):
        pytest.skip("Kustomize and KEDA bring kinds of their own.")
    schemas = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not here.")
    for manifest in yaml.safe_load_all(path.read_text("utf-8")):
        schemas.validate(manifest, "1.30", strict=True)
