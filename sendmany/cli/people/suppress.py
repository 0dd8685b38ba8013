"""`sendmany suppress …`: people who must not be written to."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from config.safe_text import csv_line
from config.settings import Settings, load_settings
from dashboard.explain import iso, moment
from producer.errors import InputError
from producer.files.people_list import People, PeopleFile
from sendmany.cli.options import CountryColumn, Encoding, Json, Map, Region, Sheet, read_options
from sendmany.cli.people.people import (
    Numbers,
    columns_read,
    people_in,
    people_named,
    read_from,
    these,
)
from sendmany.cli.recipients import recipient_of
from sendmany.console.atomic_file import written_whole
from sendmany.console.connection import connect
from sendmany.console.output import print_json, say, screen, show
from store.access.audit import about_people, audited, entry
from store.client import Store
from store.people.forgotten import release_people
from store.people.service_windows import window_end
from store.people.suppressions import (
    AT_ONCE,
    EVERYTHING,
    EVERYWHERE,
    Purposes,
    Suppression,
    Why,
    all_suppressions,
    opt_out,
    read_suppression,
)
from store.purposes import Purpose
from store.records.job_section import international

app = typer.Typer(
    help="Suppress people, for one sub-account or for all; export and check suppressions.",
    no_args_is_help=True,
)
SubAccount = Annotated[
    str | None,
    typer.Option("--sub-account", metavar="ID", help="For which one; needed if there are several."),
]
Everywhere = Annotated[bool, typer.Option("--global", help="For all sub-accounts.")]


class Stops(StrEnum):
    """Values of `--purpose`."""

    MARKETING = "marketing"
    UTILITY = "utility"
    AUTHENTICATION = "authentication"
    ALL = "all"


Purposes_ = Annotated[
    list[Stops] | None,
    typer.Option(
        "--purpose",
        help="What they get no more; may be named again. Default: marketing, and everything for those "
        "whose last message was not marketing.",
    ),
]


@app.command("add")
def add(
    numbers: Numbers,
    sub_account: SubAccount = None,
    everywhere: Everywhere = False,
    purpose: Purposes_ = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Suppress these people, from the next batch on.

    Example: `sendmany suppress add +442079460123 --global`
    """
    settings = load_settings()
    scope = _scope(settings, sub_account, everywhere)
    people = people_named(numbers, region or settings.default_region)
    store = connect(settings)
    changes, asked = [(who, None) for who in people], _asked(settings, scope)
    stopped = opt_out(scope, changes, Why.OPERATOR, _chosen(purpose), asked=asked)
    done = store.run(audited(stopped, "suppress.add", about_people(people, scope)))
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
    """Release these people from suppression. Make sure that they consent.

    Example: `sendmany suppress remove +442079460123 --global`
    """
    settings = load_settings()
    scope = _scope(settings, sub_account, everywhere)
    people = people_named(numbers, region or settings.default_region)
    store = connect(settings)
    done = store.run(release_people(settings.secret_key(), scope, people))
    if as_json:
        print_json({"scope": scope, "released": done.released, "not_suppressed": done.none})
    else:
        none = f" ({these(done.none)} not suppressed there)" if done.none else ""
        show(f"{these(done.released)} may be written to again by {_named(scope)}{none}.")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="One per line, or a CSV file.")],
    sub_account: SubAccount = None,
    everywhere: Everywhere = False,
    purpose: Purposes_ = None,
    region: Region = None,
    names: Map = None,
    country_column: CountryColumn = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    as_json: Json = False,
) -> None:
    """Suppress the people in a file. Importing it again changes nothing.

    The column of the numbers is found by its name, as at a launch, and printed. A column `purposes`, as
    an export writes it, says what is suppressed for each of them, unless --purpose does. Invalid lines
    are printed and make the exit code 1; the others are imported.

    Example: `sendmany suppress import unsubscribed.csv --global --region GB`
    """
    settings = load_settings()
    scope = _scope(settings, sub_account, everywhere)
    options = read_options(
        settings,
        names,
        region=region,
        country_column=country_column,
        encoding=encoding,
        sheet=sheet,
    )
    people = PeopleFile.open(file, options)
    store, asked = connect(settings), _asked(settings, scope)
    new = known = invalid_rows = 0
    for chunk in people_in(people):
        invalid_rows += len(chunk.invalid_rows)
        for purposes, who in _by_purposes(chunk, purpose):
            for first in range(0, len(who), AT_ONCE):
                group = [(one, None) for one in who[first : first + AT_ONCE]]
                done = store.run(opt_out(scope, group, Why.IMPORT, purposes, asked=asked))
                new, known = new + done.new, known + done.known
    store.run(entry("suppress.import", f"{new + known:,} people of {scope}"))
    if as_json:
        figures = {"new": new, "known": known, "invalid_rows": invalid_rows}
        print_json({"scope": scope, **columns_read(people), **figures})
    else:
        show(read_from(people))
        show(f"{these(new)} more will not be written to by {_named(scope)}; {known:,} were known.")
    raise typer.Exit(1 if invalid_rows else 0)


@app.command("export")
def export(
    sub_account: SubAccount = None,
    everywhere: Everywhere = False,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Default: standard output.")
    ] = None,
) -> None:
    """Export the suppressed people of this scope as CSV: person, start, reason and purposes.

    Example: `sendmany suppress export --global --output suppressed.csv`
    """
    settings = load_settings()
    scope = _scope(settings, sub_account, everywhere)
    store = connect(settings)
    if output is None:
        _write(screen(), store, scope)
        return
    with written_whole(output) as stream:
        n = _write(stream, store, scope)
    say(f"{these(n)} suppressed, in {output}.")


@app.command("check")
def check(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Or a user id.")],
    sub_account: SubAccount = None,
    purpose: Annotated[
        Purpose | None, typer.Option(help="Only messages for this. Default: for anything.")
    ] = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Check whether a person may be written to, and until when without a template.

    Exit code 1 if the given purpose, or without one any purpose, is suppressed for the person.

    Example: `sendmany suppress check +442079460123`
    """
    settings = load_settings()
    name = settings.sub_account_id(sub_account)
    who = recipient_of(number, region or settings.default_region)
    store = connect(settings)
    asked = [store.run(read_suppression(scope, who)) for scope in (EVERYWHERE, name)]
    found = [one for one in asked if one and (purpose is None or purpose in one.purposes)]
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
            what = "" if one.stopped == "all" else f" for {one.stopped.replace(',', ' and ')}"
            by = _named(one.scope)
            show(f"Not to be written to by {by}{what} since {since} ({one.reason}).")
        if not found:
            show(f"{name} may write to this person.")
    raise typer.Exit(1 if found else 0)


def _scope(settings: Settings, sub_account: str | None, everywhere: bool) -> str:
    if everywhere and sub_account is not None:
        raise InputError("Say either --sub-account or --global")
    return EVERYWHERE if everywhere else settings.sub_account_id(sub_account)


def _chosen(named: Sequence[Stops] | None) -> Purposes | None:
    if not named:
        return None
    return EVERYTHING if Stops.ALL in named else frozenset(map(Purpose, named))


def _by_purposes(
    chunk: People, named: Sequence[Stops] | None
) -> Iterator[tuple[Purposes | None, list[str]]]:
    """The people of a chunk by suppressed purposes: of the command, else of the file."""
    if named:
        yield _chosen(named), chunk.who
        return
    groups: dict[Purposes | None, list[str]] = {}
    for who, purposes in zip(chunk.who, chunk.purposes, strict=True):
        groups.setdefault(purposes, []).append(who)
    yield from groups.items()


def _asked(settings: Settings, scope: str) -> list[str]:
    return list(settings.sub_accounts) if scope == EVERYWHERE else [scope]


def _named(scope: str) -> str:
    return "any sub-account" if scope == EVERYWHERE else scope


def _write(stream: TextIO, store: Store, scope: str) -> int:
    n = 0
    stream.write(csv_line(("number", "since", "reason", "purposes")))
    for one in all_suppressions(store, scope):
        # With +, since an import with a region would misread bare digits.
        row = (international(one.who), iso(one.since / 1000), one.reason, one.stopped)
        stream.write(csv_line(row))
        n += 1
    return n


def _as_json(one: Suppression) -> dict[str, str]:
    return {
        "scope": one.scope,
        "since": iso(one.since / 1000),
        "reason": one.reason,
        "purposes": one.stopped,
    }
