"""Deployment files are held against the product: its commands, its settings, its paths."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from typer.main import get_command

from config.settings import Settings, load_settings
from sendmany.cli.application import app
from sendmany.cli.lazy import LazyGroup

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"


def check_command(words: Sequence[str]) -> str:
    """Parse a command line of `sendmany`; returns its command."""
    name, *rest = words
    root = get_command(app)
    assert isinstance(root, LazyGroup)
    root.load(name).make_context(name, rest)
    return name


def settings_of(variables: Mapping[str, str], toml: str, folder: Path) -> Settings:
    """The settings of a process with these variables and this file; an unknown name raises."""
    file = folder / "sendmany.toml"
    file.write_text(toml)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        for name, value in {**variables, "SENDMANY_CONFIG": str(file)}.items():
            patched.setenv(name, value)
        load_settings.cache_clear()
        try:
            return load_settings()
        finally:
            load_settings.cache_clear()
