"""`sendmany limits show|history|pin|forget`: limits of sub-accounts, and the rates that are learned."""

from typing import Annotated

import typer

from config.settings import load_settings
from dashboard.explain import count
from producer.errors import InputError
from sendmany.api.schemas.limits import LimitsOut, history_of, limits_out
from sendmany.cli.options import Json, SubAccount
from sendmany.console.connection import connect
from sendmany.console.output import print_json, show, show_table, table_of
from store.access.audit import audited
from store.limits.learned import forget_rate, pin_rate
from store.reports.waiting import now_ms

app = typer.Typer(
    help="Limits of sub-accounts: what is configured, what is learned and why; pin or forget a rate.",
    no_args_is_help=True,
)


@app.command("show")
def show_limits(sub_account: SubAccount = None, as_json: Json = False) -> None:
    """Show the limits that apply now, with the learned rate and its cause; of all sub-accounts unless
    one is named.

    Example: `sendmany limits show`
    """
    settings = load_settings()
    store = connect(settings)
    names = [settings.sub_account_id(sub_account)] if sub_account else sorted(settings.sub_accounts)
    found = [limits_out(store, name, settings) for name in names]
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
    else:
        show(*map(_sentence, found))


@app.command("history")
def history(
    sub_account: SubAccount = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List the changes of a learned rate with their causes, newest first. Kept for 30 days.

    Example: `sendmany limits history --limit 10`
    """
    settings = load_settings()
    found = history_of(connect(settings), settings.sub_account_id(sub_account), limit)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    rows = [
        (one.at or "", one.cause, f"{one.was:g}", f"{one.rate:g}", f"{one.throttled_share:.1%}")
        for one in found.items
    ]
    columns = ("at", "cause", "was/s", "rate/s", "throttled")
    show_table(table_of(columns, rows, numbers=columns[2:]))


@app.command("pin")
def pin(
    rate: Annotated[float, typer.Argument(metavar="RATE", help="Messages a second.", min=0.1)],
    sub_account: SubAccount = None,
    as_json: Json = False,
) -> None:
    """Fix the rate of a sub-account until `sendmany limits forget`; throttles do not change it.

    Example: `sendmany limits pin 60 --sub-account Shop`
    """
    settings = load_settings()
    name = settings.sub_account_id(sub_account)
    if refusal := settings.sub_accounts[name].why_no_pin(rate):
        raise InputError(f"{name}: {refusal}")
    store = connect(settings)
    call = pin_rate(name, rate, store.run(now_ms()) // 1000)
    changed = store.run(audited(call, "limits.pin", name, "", lambda _: rate))
    done = f"{name} sends at most {rate:g} messages/s until that is forgotten."
    otherwise = f"The rate of {name} has just been decided anew: try again."
    _tell(name, changed, done if changed else otherwise, as_json=as_json)


@app.command("forget")
def forget(sub_account: SubAccount = None, as_json: Json = False) -> None:
    """Forget what was learned about a sub-account, and a pinned rate; it begins again.

    Example: `sendmany limits forget --sub-account Shop`
    """
    settings = load_settings()
    name = settings.sub_account_id(sub_account)
    changed = connect(settings).run(audited(forget_rate(name), "limits.forget", name))
    words = (
        f"What was learned about {name} is forgotten." if changed else "Nothing was learned yet."
    )
    _tell(name, changed, words, as_json=as_json)


def _tell(name: str, changed: bool, words: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"sub_account": name, "changed": changed})
    else:
        show(words)


def _sentence(one: LimitsOut) -> str:
    most = f"{one.messages_per_second:,.0f} messages/s" if one.messages_per_second else "no limit"
    words = f"{one.sub_account}: configured {most}, burst {count(one.burst)}"
    words += f"; learn_rate {one.learn_rate}"
    if one.tier and one.tier.people:
        words += (
            f"; tier of {one.tier.portfolio}: {count(one.tier.used)} of {count(one.tier.people)} people "
            f"in 24 hours, {count(one.tier.for_campaigns)} for campaigns"
        )
    if one.unreachable:
        words += f"; {count(one.unreachable)} people get no marketing: they could not be reached"
    for held in one.breakers:
        until = f", until {held.probe_at}" if held.probe_at else ""
        words += f"; {held.scope} held up since {held.opened_at}{until}: {held.reason}"
    if one.learned is None:
        return f"{words}; nothing is learned yet."
    used = "" if one.learned.in_force else " (observed, not used)"
    return f"{words}; {one.learned.explanation.rstrip('.')}{used}."
