"""The command for shells: its version, and completion."""

import pytest

from sendmany import __version__
from sendmany.cli import main


def output_of(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """Output of a successful `sendmany`."""
    monkeypatch.setattr("sys.argv", ["sendmany", *words.split()])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    return capsys.readouterr().out


def test_the_version_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert output_of("--version", monkeypatch, capsys) == f"sendmany {__version__}\n"


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("sendmany camp", ["campaign"]),
        ("sendmany campaign pau", ["pause"]),
        ("sendmany campaign launch --mess", ["--message"]),
        ("sendmany --vers", ["--version"]),
    ],
)
def test_a_line_is_completed_by_commands_and_options(
    line: str,
    completed: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("_SENDMANY_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    assert output_of("", monkeypatch, capsys).split() == completed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_can_be_looked_at_before_it_is_installed(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    assert "_SENDMANY_COMPLETE" in output_of(f"--show-completion {shell}", monkeypatch, capsys)
