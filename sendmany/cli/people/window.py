"""`sendmany window …`: service windows."""

from pathlib import Path
from typing import Annotated

import typer

from config.settings import load_settings
from dashboard.explain import iso, moment
from producer.errors import InputError
from producer.files.people_list import PeopleFile
from sendmany.cli.options import CountryColumn, Encoding, Json, Map, Region, Sheet, read_options
from sendmany.cli.people.people import columns_read, people_in, read_from, these
from sendmany.cli.people.suppress import SubAccount
from sendmany.cli.recipients import recipient_of
from sendmany.console.connection import connect
from sendmany.console.output import print_json, show
from store.client import Store
from store.people.service_windows import AT_ONCE, HOURS, last_reply, open_windows, window_end
from store.reports.waiting import now_ms

MOST_HOURS = 24 * 30
app = typer.Typer(
    help="Service windows: 24 hours after a person's message, WhatsApp accepts more than templates.",
    no_args_is_help=True,
)


@app.command("open")
def open_(
    who: Annotated[
        str, typer.Argument(metavar="NUMBER|FILE", help="One person, or a file of them.")
    ],
    hours: Annotated[
        float, typer.Option(min=0.1, max=MOST_HOURS, metavar="HOURS", help="For how long from now.")
    ] = HOURS,
    sub_account: SubAccount = None,
    region: Region = None,
    names: Map = None,
    country_column: CountryColumn = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    as_json: Json = False,
) -> None:
    """Open the service window of people who have written elsewhere, or before replies were received. It
    is never shortened.

    The column of a file's numbers is found by its name, as at a launch, and printed. Invalid lines are
    printed and make the exit code 1; the others are used.

    Example: `sendmany window open chats.csv --hours 72`
    """
    settings = load_settings()
    name = settings.sub_account_id(sub_account)
    region = region or settings.default_region
    path = Path(who)
    file = None
    if path.is_file():
        options = read_options(
            settings,
            names,
            region=region,
            country_column=country_column,
            encoding=encoding,
            sheet=sheet,
        )
        file = PeopleFile.open(path, options)
        longer, people, invalid_rows = _open_file(connect(settings), name, file, hours)
    else:
        person = _person(who, region)
        longer = connect(settings).run(
            open_windows(name, [(person, None)], written=False, hours=hours)
        )
        people, invalid_rows = 1, 0
    if as_json:
        figures = {"people": people, "longer": longer, "invalid_rows": invalid_rows}
        read = {} if file is None else columns_read(file)
        print_json({"sub_account": name, "hours": hours, **read, **figures})
    else:
        if file is not None:
            show(read_from(file))
        kept = "" if longer == people else f" ({people - longer:,} had one that lasts longer)"
        show(f"The window of {these(longer)} with {name} is open for {hours:g} hours{kept}.")
    raise typer.Exit(1 if invalid_rows else 0)


def _person(text: str, region: str | None) -> str:
    try:
        return recipient_of(text, region)
    except InputError as error:
        if text and Path(text).is_dir():
            raise InputError(f"{text} is a directory: name a file, or a number") from error
        if any(letter.isalpha() for letter in text):
            raise InputError(f"{text}: there is no such file, nor is it a phone number") from error
        raise


def _open_file(
    store: Store, sub_account: str, file: PeopleFile, hours: float
) -> tuple[int, int, int]:
    """Number of windows opened or extended, of people, and of invalid lines."""
    longer = people = invalid_rows = 0
    for chunk in people_in(file):
        people, invalid_rows = people + len(chunk.who), invalid_rows + len(chunk.invalid_rows)
        for first in range(0, len(chunk.who), AT_ONCE):
            group = [(who, None) for who in chunk.who[first : first + AT_ONCE]]
            longer += store.run(open_windows(sub_account, group, written=False, hours=hours))
    return longer, people, invalid_rows


@app.command("check")
def check(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Or a user id.")],
    sub_account: SubAccount = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Show until when a person may be sent messages other than templates. Exit code 1 if the window is
    closed.

    Example: `sendmany window check +442079460123`
    """
    settings = load_settings()
    name = settings.sub_account_id(sub_account)
    who = recipient_of(number, region or settings.default_region)
    store = connect(settings)
    ends, now = store.run(window_end(name, who)), store.run(now_ms())
    heard = store.run(last_reply(name))
    if as_json:
        until = iso(ends / 1000) if ends > now else ""
        print_json(
            {"sub_account": name, "until": until, "last_reply_of_anybody": iso(heard / 1000)}
        )
    elif ends > now:
        show(f"The window with {name} is open until {moment(ends / 1000)}.")
    else:
        never = "" if heard else f" No reply to {name} has been received so far."
        show(f"The window with {name} is closed.{never}")
    raise typer.Exit(0 if ends > now else 1)
