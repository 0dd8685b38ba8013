"""Groups of commands that are imported when they are called."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info, get_group_from_info
from typer.models import CommandInfo, TyperInfo

from sendmany.cli import load

MARKUP: Final = None
"""Help is plain text: to draw it with rich takes three quarters of the time of `sendmany --help`."""


class Entry(NamedTuple):
    """One command or group in the table of a group."""

    place: str  # `module:name` of a function, or of a `typer.Typer` for a group
    help: str  # its first paragraph, shown in the help of the group
    panel: str | None = None
    takes_all: bool = False  # unknown options are passed to another program


class LazyGroup(TyperGroup):
    """A group with a table of commands; imports the one that is called."""

    table: ClassVar[Mapping[str, Entry]] = {}

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {
            name: TyperCommand(name, help=entry.help, rich_help_panel=entry.panel)
            for name, entry in self.table.items()
        }

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands by panel, each with its whole first paragraph."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name, entry in self.table.items():
            panels.setdefault(entry.panel or "Commands", []).append((name, entry.help))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Resolve the command of the arguments, and import it."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, None if name is None else self.load(name), rest

    def load(self, name: str) -> TyperCommand | TyperGroup:
        """Import a command or a group."""
        entry = self.table[name]
        module, _, attribute = entry.place.partition(":")
        found = getattr(load(module), attribute)
        if isinstance(found, typer.Typer):
            info = TyperInfo(found, name=name, rich_help_panel=entry.panel)
            return get_group_from_info(
                info, pretty_exceptions_short=True, suggest_commands=True, rich_markup_mode=MARKUP
            )
        settings = {"allow_extra_args": True, "ignore_unknown_options": True}
        command = CommandInfo(
            name,
            callback=found,
            context_settings=settings if entry.takes_all else None,
            rich_help_panel=entry.panel,
        )
        loaded = get_command_from_info(
            command, pretty_exceptions_short=True, rich_markup_mode=MARKUP
        )
        assert isinstance(loaded, TyperCommand)
        return loaded


def lazy(table: Mapping[str, Entry]) -> type[LazyGroup]:
    """The class of a group with these commands, for `typer.Typer(cls=…)`."""
    return type("TableGroup", (LazyGroup,), {"table": table})
