"""`sendmany worker`: Celery's command line under our name, and Ctrl-C at any moment of its start."""

import os
import runpy
import subprocess
import sys

import pytest
from celery.signals import worker_shutting_down

from sendmany import worker_process
from sendmany.local.processes import python

HELD_BACK = """
import os, signal, sys
from sendmany.local.processes import become
execve = os.execve
os.execve = lambda *given: (os.kill(os.getpid(), signal.SIGINT), execve(*given))
become(sys.argv[1:], os.environ)
"""


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    settings = {"SENDMANY_REDIS_URL": "redis://127.0.0.1:1/0"}
    environment = {**os.environ, **settings}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


def test_ctrl_c_before_python_can_bear_it_ends_the_worker_without_a_word() -> None:
    done = run(sys.executable, "-c", HELD_BACK, *python("sendmany.worker_process"))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_wrong_usage_is_told_of_the_command_that_was_typed() -> None:
    done = run(*python("sendmany.worker_process", "--concurrency", "many"))
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: sendmany worker [OPTIONS]")
    assert "python" not in done.stderr


@pytest.mark.parametrize(("signal", "code"), [("SIGINT", 130), ("SIGTERM", 1), (None, 1)])
def test_a_worker_that_ctrl_c_has_ended_says_so(
    signal: str | None, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def celery(*_: object, **__: object) -> None:
        if signal:
            worker_shutting_down.send(sender=None, sig=signal, how="Warm", exitcode=1)
        sys.exit(1)

    monkeypatch.setattr(sys, "argv", ["worker_process"])
    monkeypatch.setattr(sys.modules["__main__"], "__package__", "")
    monkeypatch.setattr(runpy, "run_module", celery)
    with pytest.raises(SystemExit) as end:
        worker_process.main()
    assert end.value.code == code
