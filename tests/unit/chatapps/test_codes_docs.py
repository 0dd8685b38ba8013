"""The page of codes says what the table in the code says."""

import re
from collections.abc import Iterator
from pathlib import Path

from chatapps.code_table import API_CODES, CodeClass
from store.records.outcome import LocalReason

PAGE = Path(__file__).parents[3] / "docs/reference/codes.md"
TEXT = PAGE.read_text("utf-8")
_GROUP = re.compile(r"\*\*(\w+), (\w+)\*\*(?: \(for a request: (\w+)\))?: (.+)")


def _listed() -> Iterator[tuple[int, tuple[str, str, str, str]]]:
    """Each code with its class, its class for a request, its scope and its meaning."""
    section = TEXT.split("## API codes")[1].split("## ")[0]
    for paragraph in section.split("\n\n"):
        if group := _GROUP.fullmatch(" ".join(paragraph.split())):
            on_item, scope, on_request, codes = group.groups()
            for entry in codes.split(" · "):
                code, _, meaning = entry.partition(" ")
                yield int(code.strip("`")), (on_item, on_request or "", scope, meaning)


LISTED = list(_listed())


def test_the_page_lists_every_code_once_and_no_other() -> None:
    assert sorted(code for code, _ in LISTED) == sorted(API_CODES)


def test_the_page_gives_each_code_its_class_scope_and_meaning() -> None:
    assert dict(LISTED) == {
        code: (row.on_item, row.on_request or "", row.scope, row.meaning)
        for code, row in API_CODES.items()
    }


def test_the_page_explains_every_class() -> None:
    assert all(f"| `{kind}` |" in TEXT for kind in CodeClass)


def test_the_page_lists_our_own_reasons() -> None:
    listed = re.findall(r"^\| (\d+) \| `(\w+)` \|", TEXT, re.MULTILINE)
    assert listed == [(str(int(reason)), reason.name) for reason in LocalReason]
