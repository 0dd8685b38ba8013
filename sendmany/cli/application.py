"""Assembles the commands, and turns errors into sentences."""

import errno
import os
import sys
from io import BytesIO, TextIOWrapper
from typing import Annotated, TextIO

import typer

from config.errors import ReportedError
from config.safe_text import plain
from sendmany import __version__
from sendmany.cli.lazy import MARKUP, Entry, lazy

_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""Error numbers of a full or closed output, which come without a file name."""

_TRY, _SEND, _RUN = "Try it", "Send", "Run it"
COMMANDS = {
    "demo": Entry(
        "sendmany.cli.processes.demo:demo",
        "Run a campaign from its file to the last outcome, on this machine.",
        _TRY,
    ),
    "sandbox": Entry(
        "sendmany.cli.processes.sandbox:sandbox",
        "Run a sandbox, to develop and test against without an account.",
        _TRY,
    ),
    "campaign": Entry(
        "sendmany.cli.campaign:app",
        "Send one message to every recipient in a file; watch it, pause it, export the outcomes.",
        _SEND,
    ),
    "message": Entry(
        "sendmany.cli.message:app",
        "Send a single message; show the status of one; list those of a day; cancel one that waits.",
        _SEND,
    ),
    "outcomes": Entry(
        "sendmany.cli.outcomes:outcomes",
        "Show changes of messages and campaigns, oldest first, and the cursor behind them.",
        _SEND,
    ),
    "templates": Entry(
        "sendmany.cli.templates.templates:app",
        "Submit WhatsApp templates for review, preview them and show their status.",
        _SEND,
    ),
    "media": Entry(
        "sendmany.cli.templates.media:app",
        "Upload pictures, documents, audio and video to the provider, for use in messages.",
        _SEND,
    ),
    "check": Entry(
        "sendmany.cli.templates.check:check",
        "Check messages, batches, templates and webhooks against the provider's rules.",
        _SEND,
    ),
    "suppress": Entry(
        "sendmany.cli.people.suppress:app",
        "Suppress people, for one sub-account or for all; export and check suppressions.",
        _SEND,
    ),
    "window": Entry(
        "sendmany.cli.people.window:app",
        "Service windows: 24 hours after a person's message, WhatsApp accepts more than templates.",
        _SEND,
    ),
    "person": Entry(
        "sendmany.cli.people.person:app",
        "All data about one person, in all lanes and inboxes: show them, erase them.",
        _SEND,
    ),
    "webhooks": Entry(
        "sendmany.cli.operations.webhooks:app",
        "Show and set the webhooks for receipts, replies and news about templates.",
        _RUN,
    ),
    "up": Entry(
        "sendmany.cli.processes.up:up",
        "Run all processes on this machine, until Ctrl-C.",
        _RUN,
    ),
    "worker": Entry(
        "sendmany.cli.processes.worker:worker",
        "Run a worker: the same as `celery -A worker worker`, with all options of Celery.",
        _RUN,
        takes_all=True,
    ),
    "web": Entry(
        "sendmany.cli.processes.web:web",
        "Serve the HTTP API: messages, campaigns, status, live events, metrics.",
        _RUN,
    ),
    "token": Entry(
        "sendmany.cli.operations.token:app",
        "Create, list and revoke tokens for the HTTP API.",
        _RUN,
    ),
    "subscription": Entry(
        "sendmany.cli.operations.subscription:app",
        "Send news of messages and campaigns to endpoints of your services.",
        _RUN,
    ),
    "receiver": Entry(
        "sendmany.cli.processes.receiver:receiver",
        "Receive receipts and replies: the provider posts them to `/webhooks`.",
        _RUN,
    ),
    "receipts": Entry(
        "sendmany.cli.operations.receipts:app",
        "Fetch receipts that were lost from the provider's log.",
        _RUN,
    ),
    "audit": Entry(
        "sendmany.cli.operations.audit:audit",
        "List acts of operators, newest first: who, when, what. Kept for a year.",
        _RUN,
    ),
    "stop": Entry(
        "sendmany.cli.operations.stop:stop",
        "Stop sending for all sub-accounts or one, within a second; queued messages are kept.",
        _RUN,
    ),
    "go": Entry(
        "sendmany.cli.operations.stop:go",
        "End a stop that `sendmany stop` with the same options began; without --all or --marketing, "
        "both.",
        _RUN,
    ),
    "quiet-hours": Entry(
        "sendmany.cli.operations.quiet_hours:app",
        "When marketing may go to people, by their local time: show the hours, change them.",
        _RUN,
    ),
    "breaker": Entry(
        "sendmany.cli.operations.breaker:app",
        "List open breakers; open and close breakers of a sub-account or a template by hand.",
        _RUN,
    ),
    "limits": Entry(
        "sendmany.cli.operations.limits:app",
        "Limits of sub-accounts: what is configured, what is learned and why; pin or forget a rate.",
        _RUN,
    ),
    "doctor": Entry(
        "sendmany.cli.operations.doctor:doctor",
        "Check everything that sending needs: one line each, with a remedy for each problem.",
        _RUN,
    ),
}
"""All commands and their modules."""

app = typer.Typer(
    cls=lazy(COMMANDS),
    name="sendmany",
    epilog="Begin with `sendmany demo`. Then `sendmany up --sandbox`, and in another terminal "
    "`sendmany campaign launch --help`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=MARKUP,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"sendmany {__version__}")
        raise typer.Exit


@app.callback()
def _options_of_all(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Sends one message to each of very many people over the 8x8 Chat Apps API, and shows the status of
    each one at any moment."""


def run() -> int:
    """Run the command line; typer reports usage errors, with exit code 2."""
    _have_streams()
    try:
        try:
            app(prog_name="sendmany")
        except SystemExit:  # how typer ends
            sys.stdout.flush()
            raise
    except ReportedError as error:
        _say(sentence(str(error)))
        return 1
    except UnicodeEncodeError:  # of an argument; what is shown or logged is escaped
        _say("A name or text of the command is not UTF-8: write it as UTF-8.")
        return 1
    except OSError as error:
        _write_no_more()
        if error.errno == errno.EPIPE:  # the reader has closed the pipe
            return 1
        _say(sentence(_what_the_system_refuses(error)))
        return 1
    return 0


def _say(text: str) -> None:
    print(f"sendmany: {plain(text)}", file=sys.stderr)


def _have_streams() -> None:
    """Replace streams that the shell has closed (`<&-`, `>&-`) by empty ones."""
    sys.stdin = sys.stdin or TextIOWrapper(BytesIO())
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()


def _write_no_more() -> None:
    """Drop unwritten output, which Python would try to flush at exit."""
    sys.stdout = _nowhere()


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")


def _what_the_system_refuses(error: OSError) -> str:
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if error.errno in _OUTPUT:
        return f"The output cannot be written: {error.strerror}"
    return f"The system refuses: {error.strerror or error}"


def sentence(text: str) -> str:
    """A text as one line with a full stop."""
    line = " ".join(text.split())
    return line if line.endswith((".", "?", "!")) else f"{line}."
