"""`sendmany suppress …`: people who must not be written to."""

import csv
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer

from config.settings import Settings, load_settings
from dashboard.export import international
from dashboard.words import iso, moment
from producer.errors import InputError
from producer.people_file import PeopleFile
from sendmany.cli.options import Json, Region
from sendmany.cli.people import Column, Numbers, people_in, people_named, read_from, these
from sendmany.connection import connect
from sendmany.messages import recipient_of
from sendmany.output import print_json, say, show
from sendmany.whole_file import written_whole
from store.calls import Store
from store.suppressions import (
    AT_ONCE,
    EVERYWHERE,
    Suppression,
    Why,
    all_suppressions,
    read_suppression,
    release,
    suppress,
)
from store.windows import window_end

app = typer.Typer(
    help="Keep people from being written to, for one sub-account or for all; ask who is.",
    no_args_is_help=True,
)
SubAccount = Annotated[
    str | None,
    typer.Option("--sub-account", metavar="ID", help="For which one; needed if there are several."),
]
Everywhere = Annotated[bool, typer.Option("--global", help="For all sub-accounts.")]


@app.command("add")
def add(
    numbers: Numbers,
    sub_account: SubAccount = None,
    everywhere: Everywhere = False,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Do not write to these people any more, from the next batch on.

    Example: `sendmany suppress add +442079460123 --global`
    """
    settings = load_settings()
    scope = _scope(settings, sub_account, everywhere)
    people = people_named(numbers, region or settings.default_region)
    done = connect(settings).run(suppress(scope, [(who, None) for who in people], Why.OPERATOR))
    if as_json:
        print_json({"scope": scope, "new": done.new, "known": done.known})
    else:
        known = f" ({done.known:,} were already)" if done.known else ""
        show(f"{these(done.new + done.known)} will not be written to by {_named(scope)}{known}.")


@app.command("remove")
def remove(
    numbers: Numbers,
    sub_account: SubAccount = None,
    everywhere: Everywhere = False,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Let these people be written to again. Make sure that they want it.

    Example: `sendmany suppress remove +442079460123 --global`
    """
    settings = load_settings()
    scope = _scope(settings, sub_account, everywhere)
    people = people_named(numbers, region or settings.default_region)
    done = connect(settings).run(release(scope, [(who, None) for who in people]))
    if as_json:
        print_json({"scope": scope, "released": done.released, "not_suppressed": done.none})
    else:
        none = f" ({these(done.none)} not suppressed there)" if done.none else ""
        show(f"{these(done.released)} may be written to again by {_named(scope)}{none}.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One a line, or a CSV file.")],
    sub_account: SubAccount = None,
    everywhere: Everywhere = False,
    region: Region = None,
    number_column: Column = None,
    as_json: Json = False,
) -> None:
    """Do not write to the people in a file. Importing it again changes nothing.

    The column of the numbers is found by its name, as at a launch, and told. Lines that cannot be read
    are told, and make the exit code 1; the others are in.

    Example: `sendmany suppress import unsubscribed.csv --global --region GB`
    """
    settings = load_settings()
    scope = _scope(settings, sub_account, everywhere)
    region = region or settings.default_region
    people = PeopleFile.open(file, number_column, region)
    store = connect(settings)
    new = known = rejects = 0
    for chunk in people_in(people, region):
        rejects += len(chunk.rejects)
        for first in range(0, len(chunk.who), AT_ONCE):
            group = [(who, None) for who in chunk.who[first : first + AT_ONCE]]
            done = store.run(suppress(scope, group, Why.IMPORT))
            new, known = new + done.new, known + done.known
    if as_json:
        figures = {"new": new, "known": known, "rejects": rejects}
        print_json({"scope": scope, "number_column": people.column, **figures})
    else:
        show(read_from(people))
        show(f"{these(new)} more will not be written to by {_named(scope)}; {known:,} were known.")
    raise typer.Exit(1 if rejects else 0)


@app.command("export")
def export(
    sub_account: SubAccount = None,
    everywhere: Everywhere = False,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Default: standard output.")
    ] = None,
) -> None:
    """Everybody who is suppressed in this scope, as CSV: who, since when, and why.

    Example: `sendmany suppress export --global --output suppressed.csv`
    """
    settings = load_settings()
    scope = _scope(settings, sub_account, everywhere)
    store = connect(settings)
    if output is None:
        _write(sys.stdout, store, scope)
        return
    with written_whole(output) as stream:
        n = _write(stream, store, scope)
    say(f"{these(n)} suppressed, in {output}.")


@app.command("check")
def check(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Or a user id.")],
    sub_account: SubAccount = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Whether somebody may be written to, and until when without a template.

    Exit code 1 if not.

    Example: `sendmany suppress check +442079460123`
    """
    settings = load_settings()
    name = settings.sub_account_id(sub_account)
    who = recipient_of(number, region or settings.default_region)
    store = connect(settings)
    asked = [store.run(read_suppression(scope, who)) for scope in (EVERYWHERE, name)]
    found = [one for one in asked if one is not None]
    window = store.run(window_end(name, who))
    if as_json:
        print_json(
            {
                "sub_account": name,
                "suppressed": [_as_json(one) for one in found],
                "window_until": iso(window / 1000),
            }
        )
    else:
        for one in found:
            since = moment(one.since / 1000)
            show(f"Not to be written to by {_named(one.scope)} since {since} ({one.reason}).")
        if not found:
            show(f"{name} may write to this person.")
    raise typer.Exit(1 if found else 0)


def _scope(settings: Settings, sub_account: str | None, everywhere: bool) -> str:
    if everywhere and sub_account is not None:
        raise InputError("Say either --sub-account or --global")
    return EVERYWHERE if everywhere else settings.sub_account_id(sub_account)


def _named(scope: str) -> str:
    return "any sub-account" if scope == EVERYWHERE else scope


def _write(stream: TextIO, store: Store, scope: str) -> int:
    writer, n = csv.writer(stream), 0
    writer.writerow(["number", "since", "reason"])
    for one in all_suppressions(store, scope):
        # With +, or an import with a region would read other people's numbers in the digits.
        writer.writerow([international(one.who), iso(one.since / 1000), one.reason])
        n += 1
    return n


def _as_json(one: Suppression) -> dict[str, str]:
    return {"scope": one.scope, "since": iso(one.since / 1000), "reason": one.reason}
