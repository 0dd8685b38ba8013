"""What the page sends as a draft is changed."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

DRAFT_JS = Path(__file__).parents[3] / "dashboard/page/js/draft.js"
SCRIPT = f"""
const {{ changesOf, formOf }} = await import({json.dumps(DRAFT_JS.as_uri())});
const form = formOf({{ name: 'Spring', options: {{ message: {{}}, spread: true, rate: 5 }} }});
const changed = (pace) => changesOf({{ ...form, pace: {{ ...form.pace, ...pace }} }}, {{}});
console.log(JSON.stringify([form.pace.spread, changed({{}}), changed({{ spread: false }})]));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="Node is needed to run the page's modules")
def test_a_pace_that_is_taken_out_of_a_draft_is_reset() -> None:
    done = subprocess.run(
        ("node", "--input-type=module"),
        input=SCRIPT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    ticked, kept, taken_out = json.loads(done.stdout)
    assert ticked is True
    assert (kept["rate"], kept["spread"]) == (None, True)
    assert (taken_out["rate"], taken_out["spread"]) == (5, None)
