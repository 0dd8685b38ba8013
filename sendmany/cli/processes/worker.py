"""`sendmany worker`: Celery's worker with our application and settings."""

import os
from typing import Annotated

import typer

from config.settings import load_settings
from sendmany.local.processes import become, python

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Unknown options are passed to Celery."""


def worker(
    context: typer.Context,
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[CELERY OPTIONS]…", show_default=False)
    ] = None,
) -> None:
    """Run a worker: the same as `celery -A worker worker`, with all options of Celery.

    Any number can run, on any number of machines; they share the limits. SIGTERM ends one cleanly: it
    claims nothing more and settles batches in flight.

    Example: `sendmany worker --concurrency 4 --loglevel INFO`
    """
    settings = load_settings()
    _ = settings.store_url, settings.celery_url  # a sentence about certificates; later a traceback
    options = [*(arguments or []), *context.args]
    become(python("sendmany.worker_process", *options), os.environ)
