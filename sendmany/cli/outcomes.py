"""`sendmany outcomes`: changes of messages and campaigns."""

import re
import time
from dataclasses import asdict
from typing import Annotated, Final

import typer

from config.settings import load_settings
from dashboard.explain import explain_named_code
from producer.errors import InputError
from sendmany.cli.options import Json, SubAccount
from sendmany.console.connection import connect
from sendmany.console.output import print_json, say, show
from store.outcomes.stream import (
    CURSOR,
    Position,
    begin_of_stream,
    end_of_stream,
    want_outcomes,
)
from store.plans import carry_out
from store.reports.outcomes import GAP, OutcomeEvent, outcomes_after

AT_ONCE: Final = 1000
FOLLOWED_SECONDS: Final = 1.0


def outcomes(
    after: Annotated[
        str | None,
        typer.Option(metavar="CURSOR", help="As the last call printed it. Default: all kept."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on until Ctrl-C; without --after from now on.")
    ] = False,
    sub_account: SubAccount = None,
    as_json: Json = False,
) -> None:
    """Show changes of messages and campaigns, oldest first, and the cursor behind them.

    The first call has them written from now on, until a week after the last call. With `--json` each
    line is an object, and the last one holds the cursor.

    Example: `sendmany outcomes --follow`
    """
    if after is not None and not re.fullmatch(CURSOR, after):
        raise InputError("--after takes the cursor that the last call printed")
    settings = load_settings()
    name = settings.sub_account_id(sub_account)
    store = connect(settings)
    want_outcomes(store, name)
    start = end_of_stream if follow else begin_of_stream
    position = Position.parse(after) if after else store.run(start(name))
    try:
        while True:
            found = carry_out(store, outcomes_after(name, position, AT_ONCE, with_numbers=True))
            if found.gap:
                raise InputError(GAP)
            for _, item in found.items:
                _show(item, as_json=as_json)
            position = found.items[-1][0] if found.items else position
            if not found.items and not follow:
                break
            if not found.items:
                time.sleep(FOLLOWED_SECONDS)
    except KeyboardInterrupt:
        pass
    finally:
        store.close()
    if as_json:
        print_json({"next": str(position)})
    else:
        say(f"Go on with: sendmany outcomes --after {position}")


def _show(item: OutcomeEvent, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(item))
        return
    named = f"{item.origin}:{item.code or 0}"
    why = item.reason or (f"{named}: {explain_named_code(named)}" if item.origin else "")
    about = [f"{name}: {value}" for name, value in (item.about or {}).items() if value]
    parts = (item.at, item.type, item.id, item.number, why, *about)
    show("  ".join(part for part in parts if part))
