"""Runs the first campaign of README and of the quickstart as they stand, against the sandbox."""

import os
import re
import subprocess
import textwrap
from pathlib import Path

import pytest

from tests.acceptance.command import SENDMANY, environment, running, until

ROOT = Path(__file__).parents[2]


@pytest.mark.long
@pytest.mark.parametrize(
    ("page", "begin", "end", "recipients"),
    [
        ("README.md", "3. Write who gets it", "## From a service", 2),
        ("docs/quickstart.md", "## 3. Launch a campaign", "## 5. Send", 3),
    ],
)
def test_the_first_campaign_works_as_it_stands(
    page: str, begin: str, end: str, recipients: int, tmp_path: Path
) -> None:
    text = (ROOT / page).read_text("utf-8").partition(begin)[2].partition(end)[0]
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    script = "set -e\n" + "".join(textwrap.dedent(block) for block in blocks)
    path = f"{SENDMANY.parent}{os.pathsep}{os.environ['PATH']}"
    with running(tmp_path, "up", "--sandbox", "--workers", 1) as up:
        until(up, lambda: "It is up" in (tmp_path / "out").read_text())
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment() | {"PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert f'"Spring sale" is launched: {recipients} recipients.' in done.stdout
    assert f"Balanced: each of {recipients} messages is in one place." in done.stdout
