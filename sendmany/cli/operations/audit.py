"""`sendmany audit`: the audit trail."""

from dataclasses import asdict
from itertools import islice
from typing import Annotated

import typer

from config.settings import load_settings
from dashboard.explain import iso, moment
from sendmany.cli.options import Json, read_time
from sendmany.console.connection import connect
from sendmany.console.output import print_json, show, show_table, table_of
from store.access.audit import Entry, read_audit


def audit(
    who: Annotated[
        str,
        typer.Option(metavar="TEXT", help="Only of whom this names: cli:user@host, token:NAME."),
    ] = "",
    act: Annotated[
        str, typer.Option(metavar="ACT", help="Only these, such as campaign or campaign.pause.")
    ] = "",
    about: Annotated[
        str, typer.Option(metavar="TEXT", help="Only about what this names, such as a campaign.")
    ] = "",
    since: Annotated[str, typer.Option(metavar="2026-12-01", help="Only since then; UTC.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List acts of operators, newest first: who, when, what. Kept for a year.

    Example: `sendmany audit --act campaign --since 2026-12-01`
    """
    start = (read_time(since) or 0.0) * 1000

    def takes(one: Entry) -> bool:
        return (
            who in one.who and one.act.startswith(act) and about in one.object and one.at >= start
        )

    found = list(islice(read_audit(connect(load_settings()), takes=takes), limit))
    if as_json:
        print_json([{**asdict(one), "at": iso(one.at / 1000)} for one in found])
    elif found:
        columns = ("when", "who", "act", "about", "from")
        rows = ((moment(e.at / 1000), e.who, e.act, e.object, e.address) for e in found)
        show_table(table_of(columns, rows))
    else:
        show("There is no such entry.")
