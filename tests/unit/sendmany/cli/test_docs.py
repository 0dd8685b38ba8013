"""The page of the command line knows every command, argument and option."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from sendmany.cli.application import app
from sendmany.cli.lazy import LazyGroup

PAGE = Path(__file__).parents[4] / "docs/reference/cli.md"


def _commands(found: object, name: str) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(found, TyperGroup):
        for word, command in found.commands.items():
            loaded = found.load(word) if isinstance(found, LazyGroup) else command
            yield from _commands(loaded, f"{name} {word}")
    elif isinstance(found, TyperCommand):
        yield name, found


COMMANDS = dict(_commands(typer.main.get_command(app), "sendmany"))


def _sections() -> dict[str, str]:
    """The text below each heading that names commands."""
    parts = re.split(r"^## (`sendmany .+)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    return {
        name: text
        for heading, text in zip(parts[1::2], parts[2::2], strict=True)
        for name in re.findall(r"`([^`]+)`", heading)
    }


SECTIONS = _sections()


def _words(command: TyperCommand) -> Iterator[str]:
    """The spelling of each parameter: `--json`, `NAME`."""
    for parameter in command.params:
        if isinstance(parameter, TyperOption):
            yield next(word for word in parameter.opts if word.startswith("--"))
        else:
            yield (getattr(parameter, "metavar", None) or str(parameter.name).upper()).strip("[]…")


def test_the_page_has_a_section_for_every_command_and_no_other() -> None:
    assert set(SECTIONS) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_section_of_a_command_names_its_arguments_and_options(name: str) -> None:
    missing = [
        word
        for word in _words(COMMANDS[name])
        if word != "--help" and not re.search(rf"{re.escape(word)}\b", SECTIONS[name])
    ]
    assert missing == []
