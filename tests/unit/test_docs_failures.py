"""The table of failures names tests that exist, for every scenario."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "failures.md").read_text("utf-8")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
_ROW = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)


def test_every_test_that_is_named_exists() -> None:
    missing = [
        f"{path}::{name}"
        for path, name in _TEST.findall(PAGE)
        if not (ROOT / path).is_file()
        or not re.search(rf"def {name}\(", (ROOT / path).read_text("utf-8"))
    ]
    assert missing == []


def test_every_scenario_has_a_test() -> None:
    rows = {int(number): rest for number, rest in _ROW.findall(PAGE)}
    assert list(rows) == list(range(1, len(rows) + 1))
    assert len(rows) > 30
    assert [n for n, rest in rows.items() if not _TEST.search(rest) or "not yet" in rest] == []
