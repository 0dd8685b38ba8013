"""`sendmany demo`: the whole system for a few seconds."""

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.table import Table

from chatapps.codes import meaning
from dashboard.explain import count, several
from sendmany.cli.options import Json
from sendmany.console.output import pairs_table, print_json, say, show_table
from sendmany.local.demo import (
    DEFAULT_SEED,
    DemoPlan,
    Figures,
    forget_settings,
    local_plan,
    play,
)
from sendmany.local.demo_files import MOST_RECIPIENTS
from sendmany.local.signals import Signals, Stopped
from sendmany.local.stack import Local
from sendmany.local.up import sign_in_link, stay

_NOTHING_IN_THE_AIR = 0.3
"""Seconds for the worker to end: its data is discarded, so nothing needs to be settled."""


def demo(
    recipients: Annotated[
        int, typer.Option(min=1, max=MOST_RECIPIENTS, help="People in the recipient file.")
    ] = 10_000,
    faults: Annotated[
        Literal["none", "mild", "wild"],
        typer.Option(help="How badly the provider behaves: refused requests, throttling, spikes."),
    ] = "mild",
    seed: Annotated[int, typer.Option(help="Decides which requests fail.")] = DEFAULT_SEED,
    rate: Annotated[
        float, typer.Option(min=0, metavar="MESSAGES/S", help="Speed limit; 0 is full speed.")
    ] = 0,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the files, the logs and the data.")
    ] = False,
    open_: Annotated[
        bool,
        typer.Option("--open", help="Then show the campaign on the page, until Ctrl-C."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Run a campaign from its file to the last outcome, on this machine.

    Starts a real Redis-compatible server, a sandbox with faults, and a Celery worker with two processes;
    launches a campaign; then compares its records with the sandbox's ledger. Needs no account, sends no
    real message, and leaves nothing behind.

    Exit code 1 if a message was lost, doubled or miscounted.

    Example: `sendmany demo --recipients 100000 --faults wild`
    """
    plan, signals, figures = DemoPlan(recipients, faults, seed, rate), Signals(), None
    with signals.caught():
        home = Path(tempfile.mkdtemp(prefix="sendmany-demo-"))
        forget_settings()
        local = Local(local_plan(plan, home, page=open_), signals.check)
        finished = False
        try:
            say("Starting a server, a provider sandbox and a worker …")
            local.start()
            figures = play(plan, local, home, signals.check)
            _show(figures, plan, as_json)
            finished = True
            if open_:
                _stay_open(local, signals)
        except Stopped:
            finished = True
        finally:
            stopped = local.stop(None if keep else _NOTHING_IN_THE_AIR)
            _clear_away(home, keep=keep or not finished)
    _leave(signals, stopped, figures)


def _stay_open(local: Local, signals: Signals) -> None:
    """Serve the page until a signal; the link that signs in is for terminals only."""
    with sign_in_link(local.settings(), local.web_url) as link:
        shown = (
            f"{link}   (signs in once, within a minute)" if sys.stderr.isatty() else local.web_url
        )
        say(f"  page     {shown}\nCtrl-C ends the demo.")
        stay(local, signals.check, say)


def _leave(signals: Signals, stopped: list[str], figures: Figures | None) -> None:
    if signals.number is not None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            say(f"Stopped: {', '.join(stopped) or 'nothing was running yet'}.")
        raise typer.Exit(Stopped(signals.number).exit_code)
    raise typer.Exit(0 if figures and figures.flawless else 1)


def _clear_away(home: Path, *, keep: bool) -> None:
    if keep:
        say(f"Kept: {home} (files, logs, data).")
    else:
        shutil.rmtree(home, ignore_errors=True)


def _show(figures: Figures, plan: DemoPlan, as_json: bool) -> None:
    if as_json:
        print_json(figures.as_json())
    else:
        show_table(table(figures, plan))


def table(figures: Figures, plan: DemoPlan) -> Table:
    """The figures as a table."""
    rows = [
        ("recipients", count(figures.recipients)),
        ("requests made", count(figures.requests)),
        ("mean batch size", count(round(figures.mean_batch))),
        ("accepted", count(figures.accepted)),
        ("rejected", count(figures.rejected)),
        *_rejected(figures),
        ("failed", count(figures.failed)),
        ("unconfirmed", count(figures.unconfirmed)),
        ("retried", several(figures.retries, "message")),
        ("faults survived", _faults(figures)),
        ("seconds", f"{figures.seconds:,.2f}"),
        ("messages/s", count(round(figures.messages_per_second))),
        ("ledger balanced", _yes(figures.ledger_balanced)),
        ("delivered twice", count(figures.provider_duplicates)),
        ("lost", count(figures.lost)),
    ]
    if figures.unrecorded:
        rows.append(("at the provider, not in our ledger", count(figures.unrecorded)))
    return pairs_table(rows, title=f"\nDemo · faults {plan.faults} · seed {plan.seed}\n")


def _rejected(figures: Figures) -> list[tuple[str, str]]:
    codes = figures.rejected_by_code.items()
    return [(f"  code {code}", f"{n:,}  ({meaning(int(code))})") for code, n in codes]


def _faults(figures: Figures) -> str:
    statuses = [
        f"{n:,} x HTTP {status}"
        for status, n in figures.requests_by_status.items()
        if status != "200"
    ]
    if figures.messages_refused_once:
        statuses.append(f"{several(figures.messages_refused_once, 'message')} refused for a while")
    return ", ".join(statuses) or "none"


def _yes(good: bool) -> str:
    return "yes" if good else "NO"
