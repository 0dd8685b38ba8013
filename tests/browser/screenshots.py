"""`make screenshots`: pictures of the page for the documentation."""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from sendmany.local.stack import Sandbox
from tests.browser.stack import ROOT, page_stack, why_not

CAMPAIGNS = {  # name → people
    "Opening in York: members": 700,
    "Winter sale": 3200,
    "Loyalty points, December": 1800,
    "Appointment reminders": 2600,
}


def main() -> int:
    """Take them; returns the exit code."""
    if why_not():
        print(f"No pictures are taken. {why_not()}", file=sys.stderr)
        return 0
    draw, sandbox = random.Random(1), Sandbox(faults="mild", latency_ms=40, templates=True)
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for n, (name, people) in enumerate(CAMPAIGNS.items(), 10):
            path = Path(folder) / f"{name}.csv"
            names = draw.choices(["Ada", "Grace", "Lin", "Omar", "Zoë"], k=people)
            rows = [f"+4477{n}{k:06d},{one},York" for k, one in enumerate(names)]
            path.write_text("\n".join(["number,name,city", *rows, ""]), "utf-8")
            files.append(str(path))
        with page_stack(Path(folder) / "home", per_second=90, sandbox=sandbox) as told:
            where = str(ROOT / sys.argv[1])
            done = subprocess.run(
                ("node", str(ROOT / "tests/browser/screenshots.mjs")),
                input=json.dumps({**told, "files": files, "where": where}),
                text=True,
            )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
