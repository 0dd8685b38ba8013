"""`sendmany worker`: Celery's own worker with our application and settings."""

import os
from typing import Annotated

import typer

from config.settings import load_settings
from sendmany.local.processes import become, python

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""What typer does not know is Celery's."""


def worker(
    context: typer.Context,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[CELERY OPTIONS]…", show_default=False)
    ] = None,
) -> None:
    """Run a worker: the same as `celery -A worker worker`, with whatever options Celery takes.

    Start as many as you like, on as many machines as you like; they share the limits. SIGTERM
    ends one cleanly: it claims nothing more and settles what it has in the air.

    Example: `sendmany worker --concurrency 4 --loglevel INFO`
    """
    load_settings()  # a fault in them is told here, in a sentence
    options = [*(arguments or []), *context.args]
    become(python("sendmany.worker_process", *options), os.environ)
