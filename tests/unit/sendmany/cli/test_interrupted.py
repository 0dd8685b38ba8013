"""Ctrl-C, whenever it comes: one word on stderr, exit code 130, no traceback."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from pydantic_core import SchemaError

from sendmany.cli import load
from tests.unit.sendmany.cli.one_command import run


@pytest.fixture(autouse=True)
def _same_signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def raiser(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        SchemaError("Error building `model` serializer:\n  KeyboardInterrupt: "),
    ],
)
def test_ctrl_c_in_a_command_is_told_once(
    error: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(raiser(error), monkeypatch) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_a_command_that_has_told_it_itself_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise typer.Exit(130) from None

    assert run(command, monkeypatch) == 130
    assert capsys.readouterr().err == ""


def test_ctrl_c_that_a_library_swallows_while_it_is_imported_still_ends_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "swallows.py").write_text(
        "import os, signal\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n"
        "except KeyboardInterrupt:\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # of a run in the background: ignored
    with pytest.raises(KeyboardInterrupt):
        load("swallows")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert load("swallows").os


def test_other_faults_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SchemaError):
        run(raiser(SchemaError("Error building `model` serializer")), monkeypatch)
    with pytest.raises(ZeroDivisionError):
        run(raiser(ZeroDivisionError("x")), monkeypatch)
