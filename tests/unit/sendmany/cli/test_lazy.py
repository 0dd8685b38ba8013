"""Commands are loaded when they are called: the tables name what there is, and a start loads little."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
import typer
from typer.core import TyperCommand
from typer.testing import CliRunner

from sendmany.cli import application, campaign
from sendmany.cli.lazy import LazyGroup

TABLES = {"": application.COMMANDS, "campaign": campaign.COMMANDS}


def group_of(name: str) -> LazyGroup:
    root = typer.main.get_command(application.app)
    assert isinstance(root, LazyGroup)
    found = root.load(name) if name else root
    assert isinstance(found, LazyGroup)
    return found


def rows() -> Iterator[tuple[str, str]]:
    for group, table in TABLES.items():
        for name in table:
            yield group, name


@pytest.mark.parametrize(("group", "name"), list(rows()))
def test_each_place_of_a_table_holds_the_command_with_the_help_that_is_shown(
    group: str, name: str
) -> None:
    shown, loaded = group_of(group).commands[name], group_of(group).load(name)
    assert isinstance(shown, TyperCommand)
    assert loaded.name == name
    assert (loaded.help or "").split("\n\n")[0].replace("\n", " ") == shown.help
    assert loaded.rich_help_panel == shown.rich_help_panel


def test_a_command_that_there_is_not_is_told_with_what_may_be_meant() -> None:
    result = CliRunner().invoke(application.app, ["campain"])
    assert result.exit_code == 2
    assert "Did you mean 'campaign'?" in result.output


def loaded_by(*words: str) -> set[str]:
    """The packages that a command loads before it can do anything."""
    program = (
        "import sys; from sendmany.cli.application import app\n"
        f"try: app({list(words)!r}, prog_name='sendmany')\n"
        "except SystemExit: pass\n"
        "print('loaded:', *{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.rpartition("loaded:")[2].split())


HEAVY = {"celery", "fastapi", "fakeredis", "httpx", "kombu", "structlog", "uvicorn", "uvloop"}


def test_the_help_of_all_loads_no_part_of_the_system() -> None:
    assert loaded_by("--help") & {*HEAVY, "pydantic", "redis", "phonenumbers"} == set()


def test_the_help_of_campaigns_loads_no_part_of_the_system() -> None:
    assert loaded_by("campaign", "--help") & {*HEAVY, "redis", "phonenumbers"} == set()


def test_a_list_of_campaigns_loads_what_asks_redis_and_no_more() -> None:
    assert loaded_by("campaign", "list", "--help") & HEAVY == set()
