"""`sendmany doctor`: checks of the installation, with remedies."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from config.settings import load_settings
from producer.errors import InputError
from sendmany.cli.campaign.control import resume
from sendmany.cli.options import Json
from sendmany.console.connection import connect
from sendmany.console.output import Terminal, print_json, show
from sendmany.doctor.checks import examine
from sendmany.doctor.finding import Check, Verdict
from store.lanes.lane import clear_missing

_STYLES = {Verdict.OK: "green", Verdict.PROBLEM: "bold red", Verdict.NOTE: "yellow"}


def doctor(
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not contact the provider.")
    ] = False,
    accept: Annotated[
        str | None,
        typer.Option(
            "--accept",
            metavar="LANE",
            help="Only resume a lane that was halted since Redis was restored from an older copy:"
            " messages sent after that copy may be sent again.",
        ),
    ] = None,
    clear: Annotated[
        str | None,
        typer.Option(
            "--clear",
            metavar="LANE",
            help="Only stop reporting this lane, which Redis has lost.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check everything that sending needs: one line each, with a remedy for each problem.

    Settings, Redis with its version, persistence, eviction and memory limits, the broker, the workers,
    and for each sub-account the key, whether the provider accepts it, and its limits. Exit code 1 if
    anything is a problem. `--accept` does what `campaign resume LANE --accept` does.

    Example: `sendmany doctor`
    """
    if accept is not None:
        resume(accept, accept=True, as_json=as_json)
        return
    if clear is not None:
        if not connect(load_settings()).run(clear_missing(clear)):
            raise InputError(f"{clear} is not among the lanes that are reported as gone")
        show(f"{clear} is reported no more.")
        return
    checks = []
    for check in examine(offline=offline):
        checks.append(check)
        if not as_json:
            _show(check)
    if as_json:
        print_json([asdict(check) for check in checks])
    raise typer.Exit(1 if any(check.verdict is Verdict.PROBLEM for check in checks) else 0)


def _show(check: Check) -> None:
    line = Text.assemble(
        (f"{check.verdict:<9}", _STYLES[check.verdict]), f"{check.name}: {check.finding}"
    )
    if check.remedy:
        line.append(f" → {check.remedy}", "bold")
    Terminal(highlight=False, soft_wrap=True).print(line)
