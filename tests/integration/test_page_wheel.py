"""The wheel holds the page, its libraries where they were built, and nothing that only builds it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "dashboard" / "page"


def test_the_wheel_holds_the_page(tmp_path: Path) -> None:
    build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    under = "dashboard/page/"
    names = zipfile.ZipFile(wheel).namelist()
    held = {name.removeprefix(under) for name in names if name.startswith(under)}
    shown = {f"js/{path.name}" for path in (PAGE / "js").glob("*.js")}
    assert shown | {"index.html", "notbuilt.html", "app.css", "icon.svg"} <= held
    assert not [name for name in held if "node_modules" in name or name.endswith((".mjs", ".json"))]
    if not (PAGE / "vendor" / "preact.js").exists():
        pytest.skip("The libraries of the page are not here: make page")
    assert {f"vendor/{path.name}" for path in (PAGE / "vendor").iterdir()} <= held
