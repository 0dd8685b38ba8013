"""The page about states has the same funnel as the code."""

import re
from pathlib import Path

from store.states import FUNNEL

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "states.md"


def test_the_page_shows_the_funnel_as_it_is_in_code_and_in_its_order() -> None:
    section = PAGE.read_text("utf-8").split("## The funnel")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\w+) \| (`.+`) \|$", section, re.MULTILINE)
    assert [(name, re.findall(r"`(\w+)`", states)) for name, states in rows] == [
        (str(stage), [*map(str, states)]) for stage, states in FUNNEL.items()
    ]
