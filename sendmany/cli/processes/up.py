"""`sendmany up`: all processes on one machine, until it is stopped."""

import contextlib
import os
import shlex
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings, load_settings
from sendmany.cli.options import Faults, Receipts
from sendmany.console.output import say, show
from sendmany.errors import ProcessError
from sendmany.local.signals import Signals, Stopped
from sendmany.local.stack import Local, Sandbox
from sendmany.local.state_dir import claimed, leave_note
from sendmany.local.up import (
    STATE_DIR,
    UpPlan,
    describe,
    local_plan,
    note,
    sign_in_link,
    start,
    stay,
)


def up(
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Also run a sandbox of the provider.")
    ] = False,
    home: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="State directory. Default: .sendmany here."),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, metavar="N", help="Worker processes.")] = 2,
    faults: Annotated[Faults, typer.Option(help="How the sandbox fails.")] = "none",
    seed: Annotated[int, typer.Option(help="Decides which requests to the sandbox fail.")] = 1,
    latency_ms: Annotated[
        float, typer.Option(min=0, help="The sandbox's mean time to answer, in milliseconds.")
    ] = 30,
    sandbox_port: Annotated[
        int, typer.Option(min=0, max=65535, help="The sandbox's port; 0 is any free one.")
    ] = 0,
    webhooks: Annotated[
        bool,
        typer.Option(
            "--webhooks",
            help="Also receive receipts and replies; so it does by itself once [webhooks] has an "
            "authorization.",
        ),
    ] = False,
    receipts: Annotated[
        Receipts, typer.Option(help="With webhooks: how the sandbox posts them.")
    ] = "plain",
    reply_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the sandbox's recipients who reply.")
    ] = 0,
) -> None:
    """Run all processes on this machine, until Ctrl-C.

    Starts a server of its own with its data in the state directory (unless redis_url is configured: then
    that one is used), a worker, the HTTP API, with `--webhooks` also for receipts and replies, and with
    `--sandbox` a sandbox. After a stop and a start it continues. Other commands in the same directory
    find it by themselves.

    The first Ctrl-C lets the worker settle batches in flight, a second one does not wait. A process that
    ends by itself is reported and restarted; one that ends five times within a minute stops all of them,
    with exit code 1.

    Example: `sendmany up --sandbox --faults mild`
    """
    found_here = home is None and STATE_DIR not in os.environ
    if home is not None:  # or the settings would be those of the running `up`
        os.environ[STATE_DIR] = str(home.absolute())
        load_settings.cache_clear()
    settings, signals = load_settings(), Signals()
    like = Sandbox(faults, seed, latency_ms, sandbox_port, receipts, reply_share, templates=True)
    chosen = like if sandbox else None
    plan = UpPlan(settings.state_dir.absolute(), chosen, workers, webhooks, found_here)
    with signals.caught(), claimed(plan.home):
        local = Local(local_plan(plan, settings), signals.check)
        stopped: list[str] = []
        try:
            _run(plan, settings, local, signals)
        except Stopped:
            _say("Stopping; the worker settles batches in flight (Ctrl-C again: at once).")
        except ProcessError as error:
            stopped = local.stop(3)
            names = f" Stopped the others: {', '.join(stopped)}." if stopped else ""
            raise ProcessError(f"{error}{names}") from error
        finally:
            stopped = stopped or local.stop(in_a_hurry=lambda: signals.count > 1)
    _say(f"Stopped: {', '.join(stopped) or 'nothing was running yet'}.")
    raise typer.Exit(Stopped(signals.number or 0).exit_code)


def _run(plan: UpPlan, settings: Settings, local: Local, signals: Signals) -> None:
    say("Starting …")
    settings = start(local, settings, signals.check)
    leave_note(plan.home, note(plan, settings, local))
    show(*(f"  {name:<9}{value}" for name, value in describe(plan, settings, local)))
    if not settings.sub_accounts:
        say(
            "No sub-account is configured yet: see config/sendmany.example.toml of the repository, or "
            "use --sandbox."
        )
    with sign_in_link(settings, local.web_url) if sys.stdout.isatty() else nullcontext() as link:
        if link:
            show(f"  {'page':<9}{link}   (signs in once, within a minute)")
        show("", "It is up; Ctrl-C stops it.", *_what_next(plan))
        stay(local, signals.check, _say)


def _what_next(plan: UpPlan) -> list[str]:
    """Commands for another terminal, which may need the state directory first."""
    export = f"export {STATE_DIR}={shlex.quote(str(plan.home))}"
    commands = [
        "  sendmany campaign launch NAME --recipients FILE.csv --message FILE.json --watch",
        "  sendmany token create NAME --scope enqueue --scope read    for the HTTP API",
    ]
    if plan.found_here:
        here = "In another terminal, in this directory:"
        return [here, *commands, f"Elsewhere, first: {export}"]
    return ["In another terminal:", f"  {export}", *commands]


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        say(sentence)
