"""Links between the pages of the documentation lead somewhere, and the site has all pages."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [*DOCS, *sorted(ROOT.glob("*.md"))]
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """The anchors of the headings, as code hosts make them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _broken(page: Path) -> list[str]:
    broken = []
    for link in _LINK.findall(_CODE.sub("", page.read_text("utf-8"))):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_of_a_page_leads_somewhere(page: Path) -> None:
    assert _broken(page) == []


def test_every_page_can_be_reached_from_the_index() -> None:
    ahead, reached = [ROOT / "docs/index.md"], set[Path]()
    while ahead:
        page = ahead.pop()
        reached.add(page)
        links = {link.split("#")[0] for link in _LINK.findall(page.read_text("utf-8"))}
        linked = {(page.parent / link).resolve() for link in links if link.endswith(".md")}
        ahead += linked - reached
    assert set(DOCS) - reached == set()


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_of_the_site_links_to_what_the_site_has_not(page: Path) -> None:
    links = _LINK.findall(_CODE.sub("", page.read_text("utf-8")))
    local = [link.split("#")[0] for link in links if "://" not in link]
    assert all((page.parent / link).resolve().is_relative_to(ROOT / "docs") for link in local)


def _pages(nav: object) -> Iterator[str]:
    """The pages of the site's menu."""
    if isinstance(nav, str):
        yield nav
    for entry in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from _pages(entry)


def test_the_menu_of_the_site_has_every_page_once() -> None:
    site = tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]
    listed = sorted(_pages(site["nav"]))
    assert listed == sorted(str(page.relative_to(ROOT / "docs")) for page in DOCS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_asks_a_port_that_may_be_another(page: Path) -> None:
    """`sendmany up` takes another one where 8080 is taken; only what it prints may show it."""
    text = page.read_text("utf-8")
    assert "127.0.0.1:8080/" not in text
    assert text.count("127.0.0.1:8080") <= (page.name == "quickstart.md")
