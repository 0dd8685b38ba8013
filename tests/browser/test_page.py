"""The page in a real browser: tests/browser/page.mjs drives Chromium against `sendmany up`.

Left out with a sentence where Chromium, Node, or what `make page-test` fetches cannot be had.
"""

import json
import subprocess
from pathlib import Path

import pytest

from sendmany.local.stack import Sandbox
from store.records.outcome import LocalReason
from tests.browser.stack import ROOT, page_stack, why_not

pytestmark = [pytest.mark.server, pytest.mark.long]
PEOPLE = 400


@pytest.mark.timeout(480)
@pytest.mark.skipif(bool(why_not()), reason=why_not())
def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.csv"
    cells = ["<img src=x onerror=alert(1)>", "\u202egnp.exe", "x" * 10_000, "{{number}}"]
    rows = [f'+44772{n:07d},"{cell}"' for n, cell in enumerate(cells)]
    hostile.write_text("\n".join(['number,"<b>name</b>"', *rows, ""]), "utf-8")
    file = tmp_path / "Winter sale.csv"
    lines = [f"+44771{n:07d},{'Ada' if n % 2 else 'Zoë'}" for n in range(PEOPLE)]
    file.write_text("\n".join(["number,name", *lines, "12,Eve", lines[0], ""]), "utf-8")
    with page_stack(tmp_path / "home", per_second=50, sandbox=Sandbox(templates=True)) as told:
        done = subprocess.run(
            ("node", str(ROOT / "tests/browser/page.mjs")),
            input=json.dumps(
                {
                    **told,
                    "file": str(file),
                    "hostile": str(hostile),
                    "people": PEOPLE,
                    "window": int(LocalReason.WINDOW),
                }
            ),
            capture_output=True,
            text=True,
            timeout=450,
        )
    assert done.returncode == 0, done.stdout + done.stderr
