"""Loading the scripts from the package."""

import hashlib
import re
from pathlib import Path

import pytest

from store import scripts
from store.scripts import INTAKE, load_scripts, script_files

FILES = {entry.name.removesuffix(".lua"): entry for entry in script_files()}
ROOT = Path(scripts.__file__).parent
FLAGGED, PLAIN = load_scripts(), load_scripts(flags=False)


def test_every_file_is_a_script() -> None:
    found = {path.stem for path in ROOT.glob("**/*.lua") if path.parent.name != "lua"}
    assert found == set(FLAGGED)


@pytest.mark.parametrize("name", FLAGGED)
def test_only_intake_may_be_refused_when_memory_is_full(name: str) -> None:
    first, body = FLAGGED[name].source.split("\n", 1)
    assert first == ("#!lua flags=" if name in INTAKE else "#!lua flags=allow-oom")
    assert body == PLAIN[name].source


@pytest.mark.parametrize("name", FLAGGED)
def test_a_script_is_called_by_its_digest(name: str) -> None:
    script = FLAGGED[name]
    assert script.sha == hashlib.sha1(script.source.encode()).hexdigest()  # noqa: S324


@pytest.mark.parametrize("name", FLAGGED)
def test_a_script_says_what_it_is_for(name: str) -> None:
    text = FILES[name].read_text("utf-8")
    header = re.match(r"(--[^\n]*\n)+", text)
    assert header is not None
    assert text.startswith("-- ")
    assert "-- KEYS: " in header[0]
    assert "-- Returns: " in header[0]
    assert len(text.splitlines()) <= 130


@pytest.mark.parametrize("name", FLAGGED)
def test_a_script_uses_nothing_that_fakeredis_lacks(name: str) -> None:
    assert not re.search(r"\b(cmsgpack|struct|bit)\.", PLAIN[name].source)


def test_an_include_that_is_not_there_stops_the_process() -> None:
    with pytest.raises(FileNotFoundError):
        scripts._script("broken", "-- Breaks.\n-- include: nowhere\nreturn 1\n", True)


def test_comments_are_not_sent() -> None:
    assert not any(re.search(r"^\s*--", script.source, re.M) for script in FLAGGED.values())
