"""`sendmany person …`: shows and erases the data about one person."""

import time
from collections.abc import Callable
from typing import Annotated

import typer

from config.settings import load_settings
from dashboard.explain import several
from dashboard.person import Progress, forget_person, show_person
from producer.errors import InputError
from sendmany.cli.options import Json, Region
from sendmany.cli.recipients import recipient_of
from sendmany.console.connection import connect
from sendmany.console.output import at_terminal, print_json, say, show
from store.access.audit import entry, masked
from store.people.forgotten import read_noted, see_that_secret
from store.people.person import Person

TOLD_SECONDS = 1.0
"""Seconds between two lines of progress."""

app = typer.Typer(
    help="All data about one person, in all lanes and inboxes: show them, erase them.",
    no_args_is_help=True,
)
Number = Annotated[
    str, typer.Argument(metavar="NUMBER", help="Such as +442079460123, or a user id.")
]


@app.command("show")
def show_(number: Number, region: Region = None) -> None:
    """Print all data about a person, as JSON.

    Example: `sendmany person show +442079460123 > ada.json`
    """
    settings = load_settings()
    person = Person(recipient_of(number, region or settings.default_region))
    store = connect(settings)
    store.run(entry("person.show", masked(person.who)))
    found = show_person(store, person, settings.sub_accounts, settings.secret_key())
    print_json(found, indent=2)


@app.command("forget")
def forget(
    number: Number,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, at a terminal.")] = False,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Erase all data about a person. This cannot be undone.

    A digest stays, keyed by the secret of the settings: it keeps the person's suppressions, and keeps
    the person out of old files. Waiting messages are not sent. Ends when Redis has rewritten its files.
    Exit code 1 if work is left for an operator.

    Example: `sendmany person forget +442079460123 --yes`
    """
    settings = load_settings()
    person = Person(recipient_of(number, region or settings.default_region))
    store = connect(settings)
    secret = see_that_secret(settings.secret_key(), store.run(read_noted())[1])
    if not yes:
        if not at_terminal():
            raise InputError(
                "Nothing was erased. Say --yes to erase what is held about this person"
            )
        typer.confirm("Erase all that is held about this person, for ever?", abort=True, err=True)
    store.run(entry("person.forget", masked(person.who)))
    done = forget_person(store, person, settings.sub_accounts, secret, _teller())
    if as_json:
        print_json(done.as_json())
    else:
        show(*_sentences(done))
    raise typer.Exit(0 if done.state == "done" else 1)


def _teller() -> Callable[[Progress], None]:
    """Prints progress on stderr, at most once a second."""
    told = time.monotonic()

    def tell(now: Progress) -> None:
        nonlocal told
        if time.monotonic() >= told + TOLD_SECONDS:
            told = time.monotonic()
            if now.state == "rewriting":
                say("Redis writes its files anew …")
            else:
                say(f"Round {now.rounds}: {now.looked_through:,} of {now.messages:,} messages …")

    return tell


def _sentences(done: Progress) -> list[str]:
    erased = done.erased
    found = [
        several(erased["messages"], "message"),
        several(erased["webhooks"], "webhook"),
        several(erased["lists"], "entry", "entries") + " of lists",
        several(erased["drafts"], "row") + " of drafts",
    ]
    lines = [f"Erased: {', '.join(found)}."]
    lines += (
        [f"Not done: {done.problem}."] if done.problem else ["Redis has written its files anew."]
    )
    return [*lines, f"Not covered: {'; '.join(done.not_covered)}."] if done.not_covered else lines
