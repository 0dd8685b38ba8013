"""Processes that we start, and end."""

import signal
import sys
import time
from pathlib import Path

import pytest

from sendmany.errors import ProcessError
from sendmany.local.processes import Child, last_line, start

STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = os.fork()
if child:
    print(child, flush=True)
time.sleep(60)
"""


def run(code: str, log: Path) -> Child:
    return start([sys.executable, "-c", code], log, read_stdout=True)


def dies(pid: int) -> bool:
    """True when a process is gone within two seconds; a killed one may take a moment."""
    give_up = time.monotonic() + 2
    while time.monotonic() < give_up:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
    return False


def test_a_process_that_does_not_listen_is_ended_with_its_children(tmp_path: Path) -> None:
    child = run(STUBBORN, tmp_path / "log")
    grandchild = int(child.first_line(10))
    began = time.monotonic()
    child.stop(0.1)
    assert time.monotonic() - began < 10
    assert child.exit_code() == -signal.SIGKILL
    assert dies(grandchild)


def test_in_a_hurry_nothing_is_waited_for(tmp_path: Path) -> None:
    child = run(STUBBORN, tmp_path / "log")
    child.first_line(10)
    began = time.monotonic()
    child.stop(60, in_a_hurry=lambda: True)
    assert time.monotonic() - began < 10


def test_a_process_that_says_nothing_is_not_waited_for_forever(tmp_path: Path) -> None:
    child = run("import time; time.sleep(60)", tmp_path / "log")
    assert child.first_line(0.05) == b""
    child.stop(0)


def test_waiting_for_the_first_line_can_be_broken_off(tmp_path: Path) -> None:
    child = run("import time; time.sleep(60)", tmp_path / "log")

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        child.first_line(60, stop)
    child.stop(0)


def test_a_program_that_is_not_there_is_told_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match="/no/such/program cannot be run: No such file"):
        start(["/no/such/program"], tmp_path / "log")


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("file/log", "file cannot be made: File exists."),
        ("file/logs/log", "logs cannot be made: Not a directory."),
        ("folder", "folder cannot be written: Is a directory."),
    ],
)
def test_a_log_that_cannot_be_written_is_told_in_a_sentence(
    tmp_path: Path, log: str, told: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ProcessError, match=told):
        start([sys.executable], tmp_path / log)


def test_the_last_words_of_a_process_are_found_in_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_line(log) == ""
    log.write_text("first\nlast\n\n")
    assert last_line(log) == "last"
