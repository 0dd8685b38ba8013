"""`sendmany stop` and `sendmany go`: the emergency stop of an operator."""

from dataclasses import asdict
from typing import Annotated

import typer

from config.celery_app import hint_drain
from config.settings import load_settings
from dashboard.explain import explain_stop, stopped_words
from producer.errors import InputError
from producer.wake import wake
from sendmany.cli.options import Json, SubAccount
from sendmany.console.connection import connect
from sendmany.console.output import print_json, show
from store.access.audit import audited
from store.client import Store
from store.lanes.lane import Priority
from store.limits.stops import Stopped, go_on, read_stops, stop_sending

Everything = Annotated[bool, typer.Option("--all", help="Everything, urgent messages too.")]
Marketing = Annotated[bool, typer.Option("--marketing", help="Only marketing: campaigns.")]


def stop(
    everything: Everything = False,
    marketing: Marketing = False,
    sub_account: SubAccount = None,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Shown where people ask why messages wait.")
    ] = "an operator decided so",
    as_json: Json = False,
) -> None:
    """Stop sending for all sub-accounts or one, within a second; queued messages are kept.

    It holds for all workers until `sendmany go` with the same options. Requests in flight are settled.

    Example: `sendmany stop --marketing --reason "wrong price in the offer"`
    """
    what = _what(everything, marketing)
    if what is None:
        raise InputError("Say what to stop: --all or --marketing")
    if not reason.strip(" ."):
        raise InputError("Say why with --reason: it is shown where people ask why messages wait")
    settings = load_settings()
    name = settings.sub_account_id(sub_account) if sub_account else ""
    store = connect(settings)
    call = stop_sending(what, name, reason.strip().rstrip("."))
    changed = store.run(audited(call, "stop", f"{what} {name}".strip(), "", lambda _: reason))
    words = "Stopped." if changed else "It was stopped already."
    _tell(store, changed, [words], as_json=as_json)


def go(
    everything: Everything = False,
    marketing: Marketing = False,
    sub_account: SubAccount = None,
    as_json: Json = False,
) -> None:
    """End a stop that `sendmany stop` with the same options began; without --all or --marketing, both.

    Example: `sendmany go --marketing`
    """
    what = _what(everything, marketing)
    store, name = connect(load_settings()), sub_account or ""
    kinds = list(Stopped) if what is None else [what]
    ended = [
        one
        for one in kinds
        if store.run(audited(go_on(one, name), "go", f"{one} {name}".strip(), "stopped"))
    ]
    if ended:
        for priority in Priority:
            wake(store, hint_drain, priority)
    told = [f"{stopped_words(one, name)} goes on." for one in ended]
    _tell(store, bool(ended), told or ["That was not stopped."], as_json=as_json)


def _what(everything: bool, marketing: bool) -> Stopped | None:
    if everything and marketing:
        raise InputError("Give --all or --marketing: --all holds back marketing, too")
    if everything:
        return Stopped.ALL
    return Stopped.MARKETING if marketing else None


def _tell(store: Store, changed: bool, told: list[str], *, as_json: bool) -> None:
    """Print what was changed, and the present stops."""
    stops = store.run(read_stops())
    if as_json:
        print_json({"changed": changed, "stops": [asdict(one) for one in stops]})
    else:
        found = [explain_stop(one) for one in stops]
        show(*(f"{one[0].upper()}{one[1:]}" for one in [*told, *found]))
