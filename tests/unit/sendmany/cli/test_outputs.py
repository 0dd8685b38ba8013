"""Outputs that are full, closed, or unread: a sentence if possible, no traceback."""

import errno
import io
import os
import sys

import pytest

from sendmany.cli import application
from sendmany.console.output import at_terminal, print_json
from tests.unit.sendmany.cli.one_command import run


class Broken:
    """An output that takes text, and cannot write it."""

    def __init__(self, number: int) -> None:
        self._number = number

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        raise OSError(self._number, os.strerror(self._number))


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Stands for /dev/null."""
    stream = io.StringIO()
    monkeypatch.setattr(application, "_nowhere", lambda: stream)
    return stream


def speak() -> None:
    print("a result")


def test_a_full_output_is_told_though_only_the_end_notices(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", Broken(errno.ENOSPC))
    assert run(speak, monkeypatch) == 1
    told = "sendmany: The output cannot be written: No space left on device.\n"
    assert capsys.readouterr().err == told


def test_nothing_is_said_when_nobody_reads_any_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", Broken(errno.EPIPE))
    assert run(speak, monkeypatch) == 1
    assert capsys.readouterr().err == ""


def test_what_could_not_be_written_is_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, nowhere: io.StringIO
) -> None:
    monkeypatch.setattr(sys, "stdout", Broken(errno.EPIPE))
    run(speak, monkeypatch)
    assert sys.stdout is nowhere


def test_a_command_runs_without_an_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert run(lambda: print_json([at_terminal(), sys.stdin.read()]), monkeypatch) == 0


def test_an_argument_that_is_not_utf8_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(lambda: print_json(["\udcff".encode()]), monkeypatch) == 1
    assert "is not UTF-8" in capsys.readouterr().err


def test_a_command_runs_without_any_output(
    monkeypatch: pytest.MonkeyPatch, nowhere: io.StringIO
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert run(lambda: print_json(["a result"]), monkeypatch) == 0
    assert nowhere.getvalue() == '["a result"]\n'


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file", "/a/b"), "/a/b: No such file."),
        (OSError(errno.EMFILE, "Too many open files"), "The system refuses: Too many open files."),
    ],
)
def test_what_the_system_refuses_is_told_in_a_sentence(
    error: OSError,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def command() -> None:
        raise error

    monkeypatch.setattr(sys, "stdout", sys.stdout)  # it is replaced
    assert run(command, monkeypatch) == 1
    assert capsys.readouterr().err == f"sendmany: {told}\n"
