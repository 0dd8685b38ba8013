"""`sendmany campaign export|verify`: the outcome of every message, and a recount."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from config.settings import load_settings
from dashboard.explain import count, several
from dashboard.export import Sheet, filter_of, write_csv, write_json_lines
from dashboard.report_page import report_page
from producer.errors import InputError
from sendmany.cli.options import Json, Name, Whose, lane_called, listed
from sendmany.console.atomic_file import written_whole
from sendmany.console.connection import connect
from sendmany.console.output import print_json, say, screen, show, show_table, table_of
from store.lanes.lane import Lane
from store.records.outcome import Doubt
from store.reports.messages import list_messages
from store.reports.recount import Recount, recount
from store.states import State

_WRITERS = {"csv": write_csv, "jsonl": write_json_lines}


def export(
    name: Name,
    sub_account: Whose = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: stdout.")
    ] = None,
    layout: Annotated[
        Literal["csv", "jsonl"], typer.Option("--format", help="Rows, or one JSON object per line.")
    ] = "csv",
    doubt: Annotated[
        Literal["may_have_two", "may_have_arrived"] | None,
        typer.Option(
            help="Only those who may have got two; or whose message may have arrived although its state "
            "does not say so."
        ),
    ] = None,
    states: Annotated[
        str | None, typer.Option("--state", metavar="STATE,…", help="Only these states.")
    ] = None,
    codes: Annotated[
        str | None,
        typer.Option("--code", metavar="CODE,…", help="Only these codes, such as receipt.1024."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="2026-12-01T10:00Z", help="Only what changed since then; UTC."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="COLUMN,…", help="These columns; also those of the recipient file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format jsonl.")] = False,
) -> None:
    """Export every recipient with the outcome of the message, full numbers included.

    Ended messages come first, waiting ones after them. The file can be used as a recipient file:
    `number` is recognised as the column of the phone number.

    Example: `sendmany campaign export "Spring sale" --output spring.csv`
    """
    store = connect(load_settings())
    lane = lane_called(store, name, sub_account)
    try:
        sheet = Sheet(store, lane, listed(columns))
        wanted = filter_of(listed(states), listed(codes), since or "", doubt)
    except ValueError as error:
        raise InputError(str(error)) from error
    messages = filter(wanted.takes, list_messages(store, lane.id))
    write = _WRITERS["jsonl" if as_json else layout]
    if output is None:
        write(screen(), sheet, messages)
        return
    with written_whole(output) as stream:
        n = write(stream, sheet, messages)
    say(f"{several(n, 'message')} written to {output}.")


def report(
    name: Name,
    sub_account: Whose = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.html", help="Default: stdout.")
    ] = None,
) -> None:
    """Write a report of a campaign: one HTML page that prints and names no recipient.

    It shows the states of the messages, failures with what to do, countries, times and opt-outs.

    Example: `sendmany campaign report "Spring sale" --output spring.html`
    """
    store = connect(load_settings())
    page = report_page(store, lane_called(store, name, sub_account).id)
    if output is None:
        screen().write(page)
        return
    with written_whole(output) as stream:
        stream.write(page)
    say(f"The report is in {output}.")


def verify(name: Name, sub_account: Whose = None, as_json: Json = False) -> None:
    """Recount the campaign, message by message, and compare with all of its figures.

    Exact when nothing changes meanwhile: pause a campaign that is being sent. Exit code 1 if they
    differ.

    Example: `sendmany campaign verify "Spring sale"`
    """
    store = connect(load_settings())
    lane = lane_called(store, name, sub_account)
    counted = recount(store, lane.id)
    if as_json:
        print_json(_as_json(lane, counted))
    else:
        _tell(lane, counted)
    raise typer.Exit(0 if counted.balanced else 1)


def _as_json(lane: Lane, counted: Recount) -> dict[str, object]:
    return {
        "name": lane.name,
        "id": lane.id,
        "balanced": counted.balanced,
        "recipients": counted.accepted_jobs,
        "found": {str(state): n for state, n in counted.found.items()},
        "counted": {str(state): n for state, n in counted.counted.items()},
        "codes": {"found": counted.codes_found, "counted": counted.codes_counted},
        "may_have_two": counted.in_doubt[Doubt.MAY_HAVE_TWO],
        "may_have_arrived": counted.in_doubt[Doubt.MAY_HAVE_ARRIVED],
        "missing": list(counted.missing),
        "doubled": list(counted.doubled),
    }


def _tell(lane: Lane, counted: Recount) -> None:
    states = [s for s in State if counted.found.get(s) or counted.counted.get(s)]
    found, figures = counted.found, counted.counted
    rows = [(str(s), count(figures.get(s, 0)), count(found.get(s, 0))) for s in states]
    rows += _that_differ("", counted.codes_counted, counted.codes_found)
    rows += _that_differ("in doubt: ", counted.doubts_counted, counted.doubts_found)
    rows.append(("together", count(sum(figures.values())), count(sum(found.values()))))
    columns = ("state", "figures", "counted again")
    show_table(table_of(columns, rows, numbers=columns[1:]))
    if counted.balanced:
        show(f"Balanced: each of {several(counted.accepted_jobs, 'message')} is in one place.")
        if two := counted.in_doubt[Doubt.MAY_HAVE_TWO]:
            show(f"{several(two, 'person', 'people')} may have got two; `campaign show` says why.")
        return
    for what, indexes in (("nowhere", counted.missing), ("in two places", counted.doubled)):
        if indexes:
            show(f"{what}: messages {', '.join(f'{lane.id}.{index}' for index in indexes[:10])}")
    show("NOT balanced. If it is being sent at this moment, pause it and verify again.")


def _that_differ(
    what: str, figures: Mapping[Any, int], found: Mapping[Any, int]
) -> list[tuple[str, str, str]]:
    """Rows of figures that differ from the records."""
    names = sorted({*figures, *found}, key=str)
    return [
        (f"{what}{name}", count(figures.get(name, 0)), count(found.get(name, 0)))
        for name in names
        if figures.get(name, 0) != found.get(name, 0)
    ]
