"""`python -m sendmany.worker_process …` is `celery -A worker worker …`, run from any directory.

Celery looks for the application in the working directory first, and `worker` and `config` are names
that other projects use too. Ours is imported before Celery gets to look.
"""

import runpy
import sys

import worker.celery  # noqa: F401


def main() -> None:
    """Run Celery's own command line."""
    sys.argv = ["celery", "-A", "worker", "worker", *sys.argv[1:]]
    runpy.run_module("celery", run_name="__main__")


if __name__ == "__main__":
    main()
