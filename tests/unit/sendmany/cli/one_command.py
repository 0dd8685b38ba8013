"""Runs `sendmany` with a single command of a test."""

from collections.abc import Callable

import pytest
import typer

from sendmany.cli import application, main


def run(command: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    """The exit code of `sendmany` if it had this command only."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(command)
    monkeypatch.setattr("sys.argv", ["sendmany"])
    monkeypatch.setattr(application, "app", app)
    try:
        return main()
    except SystemExit as end:
        return end.code
