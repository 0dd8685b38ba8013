"""Assembles the commands, and turns errors into sentences."""

import errno
import os
import sys
from typing import Annotated, TextIO

import typer

from chatapps.management import ProviderError
from chatapps.messages import MessageError
from config.sections import SettingsError
from producer import KeyConflict
from producer.errors import InputError
from sendmany import __version__
from sendmany.cli import campaign, message
from sendmany.cli.operations import audit, breaker, doctor, stop, token, webhooks
from sendmany.cli.people import person, suppress, window
from sendmany.cli.processes import demo, receiver, sandbox, up, web, worker
from sendmany.cli.templates import check, templates
from sendmany.console.output import say
from sendmany.errors import ProcessError
from store.errors import StoreError

TOLD = (
    InputError,
    SettingsError,
    StoreError,
    ProcessError,
    MessageError,
    KeyConflict,
    ProviderError,
)
"""Errors whose text is written for the user."""

_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""Error numbers of a full or closed output, which come without a file name."""

app = typer.Typer(
    name="sendmany",
    help="Sends one message to each of very many people over the 8x8 Chat Apps API, and can say "
    "at any moment what became of each one.",
    epilog="Begin with `sendmany demo`. Then `sendmany up --sandbox`, and in another terminal "
    "`sendmany campaign launch --help`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
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
    pass


_TRY, _SEND, _RUN = "Try it", "Send", "Run it"
app.command("demo", rich_help_panel=_TRY)(demo.demo)
app.command("sandbox", rich_help_panel=_TRY)(sandbox.sandbox)
app.add_typer(campaign.app, name="campaign", rich_help_panel=_SEND)
app.add_typer(message.app, name="message", rich_help_panel=_SEND)
app.add_typer(templates.app, name="templates", rich_help_panel=_SEND)
app.command("check", rich_help_panel=_SEND)(check.check)
app.add_typer(suppress.app, name="suppress", rich_help_panel=_SEND)
app.add_typer(window.app, name="window", rich_help_panel=_SEND)
app.add_typer(person.app, name="person", rich_help_panel=_SEND)
app.add_typer(webhooks.app, name="webhooks", rich_help_panel=_RUN)
app.command("up", rich_help_panel=_RUN)(up.up)
app.command("worker", rich_help_panel=_RUN, context_settings=worker.PASS_ON)(worker.worker)
app.command("web", rich_help_panel=_RUN)(web.web)
app.add_typer(token.app, name="token", rich_help_panel=_RUN)
app.command("receiver", rich_help_panel=_RUN)(receiver.receiver)
app.command("audit", rich_help_panel=_RUN)(audit.audit)
app.command("stop", rich_help_panel=_RUN)(stop.stop)
app.command("go", rich_help_panel=_RUN)(stop.go)
app.add_typer(breaker.app, name="breaker", rich_help_panel=_RUN)
app.command("doctor", rich_help_panel=_RUN)(doctor.doctor)


def run() -> int:
    """Run the command line; typer reports usage errors, with exit code 2."""
    _have_outputs()
    try:
        try:
            app(prog_name="sendmany")
        except SystemExit:  # how typer ends
            sys.stdout.flush()
            raise
    except TOLD as error:
        say(f"sendmany: {sentence(str(error))}")
        return 1
    except OSError as error:
        _write_no_more()
        if error.errno == errno.EPIPE:  # the reader has closed the pipe
            return 1
        say(f"sendmany: {sentence(_what_the_system_refuses(error))}")
        return 1
    return 0


def _have_outputs() -> None:
    """Replace outputs that the shell has closed (`>&-`) by /dev/null."""
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
