"""Runs `celery -A worker worker …` from any directory: `python -m sendmany.worker_process …`.

Celery searches the working directory first for the application and its tasks, and other projects may
have a `worker`, `config` or `producer`, too. Ours are imported before.

Until Celery handles Ctrl-C, after about a second, there is nothing to settle: it ends the process at
once.
"""

import os
import signal
import sys


def _end(number: int, _frame: object) -> None:
    os._exit(128 + number)


if __name__ == "__main__":  # before the imports, which take most of that second
    signal.signal(signal.SIGINT, _end)
    # `sendmany worker` has blocked Ctrl-C until here.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

import runpy  # noqa: E402

import dashboard  # noqa: E402, F401
import sendmany.celery_task  # noqa: E402, F401
import worker.celery  # noqa: E402, F401
from config.celery_app import when_started, when_told_to_stop  # noqa: E402
from worker.process.tasks import refuse_pool  # noqa: E402


def main() -> None:
    """Run Celery's command line under the name that people have typed."""
    sys.argv = ["sendmany", "-A", "worker", "worker", *sys.argv[1:]]
    when_started(_be_restartable)
    # Without it Celery calls itself `python -m sendmany.…`, which is not a command.
    sys.modules["__main__"].__package__ = ""
    told: list[str] = []
    when_told_to_stop(told.append)
    try:
        runpy.run_module("celery", run_name="__main__")
    except SystemExit:
        if "SIGINT" in told:  # a clean end, which Celery reports as a failure
            sys.exit(128 + signal.SIGINT)
        raise
    except ModuleNotFoundError as error:
        if error.name not in ("eventlet", "gevent"):
            raise
        refuse_pool(error.name)


def _be_restartable() -> None:
    """Let Celery re-run `sys.argv` with this interpreter on SIGHUP."""
    sys.argv = sys.orig_argv[1:]


if __name__ == "__main__":
    main()
