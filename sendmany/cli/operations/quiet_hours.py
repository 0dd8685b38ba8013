"""`sendmany quiet-hours`: when marketing may go to people, by their local time."""

from typing import Annotated

import typer

from config.celery_app import hint_drain
from config.settings import Settings, load_settings
from dashboard.schemas import quiet_hours_out
from producer.campaigns.schedule import set_quiet_hours
from producer.errors import InputError
from sendmany.cli.options import Json
from sendmany.console.connection import connect
from sendmany.console.output import print_json, show, show_table, table_of
from store.people.quiet_hours import LiveHours, read_live_hours

app = typer.Typer(
    help="When marketing may go to people, by their local time: show the hours, change them.",
    no_args_is_help=True,
)


@app.command("show")
def show_hours(as_json: Json = False) -> None:
    """Show the hours of each place, and where they are from. They are no legal advice.

    Example: `sendmany quiet-hours show`
    """
    settings = load_settings()
    _tell(settings, connect(settings).run(read_live_hours()), as_json=as_json)


@app.command("set")
def set_hours(
    hours: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PLACE=HOURS]…",
            help="Hours of a country (FR), a state (US-FL) or all others (*): "
            '"Mon-Sat 08:00-20:00, not holidays", "always". With nothing after = they are no longer '
            "changed.",
        ),
    ] = None,
    on: Annotated[
        bool | None,
        typer.Option("--on/--off", help="Heed the hours, or send at any time."),
    ] = None,
    as_configured: Annotated[
        bool, typer.Option("--as-configured", help="On or off as the settings say.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Change the hours for all workers, within a second. What waits is looked at anew.

    Example: `sendmany quiet-hours set --on "FR=Mon-Fri 09:00-19:00"`
    """
    if on is not None and as_configured:
        raise InputError("Say either --on, --off or --as-configured")
    changes: dict[str, str | None] = {}
    for text in hours or ():
        place, equals, said = (part.strip() for part in text.partition("="))
        if not equals:
            raise InputError(f'"{text}" names no hours: write it as "FR=Mon-Fri 09:00-19:00"')
        changes[place] = said or None
    settings = load_settings()
    keep = on is None and not as_configured
    live = set_quiet_hours(connect(settings), changes, hint_drain, on, keep_switch=keep)
    _tell(settings, live, as_json=as_json)


def _tell(settings: Settings, live: LiveHours, *, as_json: bool) -> None:
    now = quiet_hours_out(settings.quiet_hours, live)
    if as_json:
        print_json(now.model_dump(mode="json"))
        return
    show(
        "Marketing waits for these hours of its people."
        if now.on
        else "Off: marketing goes at any time. `sendmany quiet-hours set --on` heeds these hours."
    )
    show(f"People whose zone is unknown count as in {now.timezone}.", "")
    rows = [
        (one.place, one.hours, f"{one.source}, read {one.checked}" if one.source else one.origin)
        for one in now.places
    ]
    show_table(table_of(("place", "hours", "from"), rows))
