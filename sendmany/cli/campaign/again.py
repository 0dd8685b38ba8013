"""`sendmany campaign retry|add`: retries a campaign, and adds recipients."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from config.celery_app import hint_drain
from config.settings import load_settings
from dashboard.explain import called, several
from producer.campaigns.add import Added, add_people
from producer.campaigns.draft import add_rows
from producer.campaigns.load import Loaded
from producer.campaigns.retry import Retry, look_at_retry, run_retry, selection
from producer.errors import InputError
from producer.files.convert import TextFile
from producer.files.recipient_file import RecipientFile
from sendmany.cli.options import (
    CountryColumn,
    Encoding,
    Json,
    Map,
    Name,
    Region,
    Sheet,
    Whose,
    lane_called,
    listed,
    read_options,
)
from sendmany.console.connection import connect
from sendmany.console.output import at_terminal, print_json, say, show
from sendmany.console.progress import Meter, loading_note
from store.lanes.lane import Lane, LaneStatus


def retry(
    name: Name,
    sub_account: Whose = None,
    states: Annotated[
        str | None,
        typer.Option("--state", metavar="STATE,…", help="Default: undelivered,failed,rejected."),
    ] = None,
    codes: Annotated[
        str | None,
        typer.Option("--code", metavar="CODE,…", help="Only these codes, such as receipt.1024."),
    ] = None,
    not_read: Annotated[
        bool,
        typer.Option(
            "--not-read", help="People who received it and have not read it for 48 hours."
        ),
    ] = False,
    older: Annotated[
        str | None,
        typer.Option(metavar="48h", help="Only messages in their state for so long: s, m, h, d."),
    ] = None,
    new_name: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="NAME", help='Of the new campaign. Default: "NAME (retry 1)".'
        ),
    ] = None,
    recipients: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="The file of its launch, if its values are not kept any more.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the number of recipients, and store nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send a campaign again to the people it did not reach, as a campaign of its own.

    It has the same message and values, and is linked with the first. Recipients of an earlier retry are
    left out; suppressions hold. The command first prints how many recipients there are, and how many of
    them may have received it. If it is interrupted, the same command continues.

    Example: `sendmany campaign retry "Spring sale" --code receipt.1024 --as "Spring sale, again"`
    """
    store = connect(load_settings())
    lane = lane_called(store, name, sub_account)
    selected = selection(listed(states), listed(codes), older or "", not_read=not_read)
    found = look_at_retry(store, lane, selected, new_name or "", recipients)
    if not as_json:
        _tell(found)
    if dry_run:
        if as_json:
            print_json({**found.figures(), "id": found.child or None, "dry_run": True})
        return
    if not yes:
        if not found.people and not found.child:
            raise InputError(f'No message of "{lane.name}" is to be sent again')
        if not at_terminal():
            raise InputError(f"Nothing was sent to {_people(found.people)}. Say --yes to send")
        typer.confirm(f'Send "{found.name}"?', abort=True, err=True)
    with Meter("Loading") as meter:
        child = run_retry(
            store, found, hint_drain, lambda at: meter.show(at.added, found.people, "")
        )
    if as_json:
        figures = {**found.figures(), "id": child.id, "status": str(child.status)}
        print_json({**figures, "recipients": child.next_index, "dry_run": False})
        return
    show(f'"{child.name}" is launched: {several(child.next_index, "recipient")}.')
    show(f'Watch it with: sendmany campaign watch "{called(child)}"')


def add(
    name: Name,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Further people, with the columns of the message."),
    ],
    sub_account: Whose = None,
    names: Map = None,
    country_column: CountryColumn = None,
    region: Region = None,
    encoding: Encoding = None,
    sheet: Sheet = None,
    as_json: Json = False,
) -> None:
    """Add people to a campaign that is being sent or was finished, or to a draft.

    People in it already are left out. Invalid rows are written whole to a file beside: correct them
    there, and add that file. If it is interrupted, the same command continues.

    Example: `sendmany campaign add "Spring sale" more.csv`
    """
    settings = load_settings()
    store = connect(settings)
    lane = lane_called(store, name, sub_account)
    options = read_options(
        settings,
        names,
        country_column=country_column,
        region=region,
        encoding=encoding,
        sheet=sheet,
    )
    if lane.status is LaneStatus.DRAFT:
        text = TextFile.open(file, encoding, sheet)
        with text.opened() as stream:
            reading = replace(options, encoding=None, sheet=None)
            more = add_rows(store, settings, lane, stream, reading)
        added = Added(more.lane, more.rows, 0, len(more.unreadable), None)
        _tell_added(lane, added, as_json=as_json)
        return
    recipients = RecipientFile.open(file, options)
    with Meter("Loading") as meter:

        def progress(at: Loaded) -> None:
            meter.show(at.rows, at.rows, loading_note(at.duplicates, at.invalid_rows))

        done = add_people(store, lane, recipients, hint_drain, progress, options)
    _tell_added(lane, done, as_json=as_json, columns=recipients.layout.sentence)


def _tell_added(lane: Lane, done: Added, *, as_json: bool, columns: str = "") -> None:
    listed = done.invalid_rows_file
    if as_json:
        print_json(
            {
                "name": done.lane.name,
                "id": done.lane.id,
                "status": str(done.lane.status),
                "recipients": done.lane.next_index,
                "added": done.added,
                "already_in": done.already_in,
                "invalid_rows": done.invalid_rows,
                "invalid_rows_file": None if listed is None else str(listed),
            }
        )
        return
    rows = several(done.invalid_rows, "row")
    if done.lane.status is LaneStatus.DRAFT:
        show(f'{several(done.added, "row")} added to the draft "{lane.name}".')
        if done.invalid_rows:
            show(f"{rows} cannot be read, and were left out.")
        return
    show(f'{_people(done.added)} added to "{lane.name}", {done.already_in:,} were in it already.')
    show(columns)
    if listed:
        show(f"{rows} cannot be used: correct {listed}, and add that file.")
    if done.lane.status is LaneStatus.PAUSED:
        show("It is paused: nothing is sent until it is resumed.")


def _people(n: int) -> str:
    return several(n, "person", "people")


def _tell(found: Retry) -> None:
    say(f'{_people(found.people)} of "{found.parent.name}" would get the message again.')
    if found.may_have_arrived:
        say(
            f"{found.may_have_arrived:,} of them have got it already, or may have: they may get two."
        )
    if found.retried_before:
        say(f"{_people(found.retried_before)} left out: they are in an earlier retry.")
    if found.forgotten:
        say(f"{_people(found.forgotten)} left out: they were forgotten.")
